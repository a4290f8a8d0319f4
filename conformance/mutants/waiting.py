"""Bugs with silence and waits."""

from __future__ import annotations

from typing import Any

from conformance.mutants._registry import mutant
from conformance.mutants.retrying import _like, _OtherServices
from conformance.mutants.turns import impatient_never
from voiceutils._listen_session import ListenSession
from voiceutils.agent.call import AgentCall
from voiceutils.chat import ChatModel
from voiceutils.deepgram_stt import DeepgramSTTService, LinkLost, ListenEvent


class _WithoutKeepAlive(AgentCall):
    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        recogniser._session = ListenSession(keepalive_after=3600.0)
        return recogniser


@mutant
class SendsNoKeepAlive(_WithoutKeepAlive):
    """Sends audio, and nothing when there is none.

    https://developers.deepgram.com/docs/audio-keep-alive
    """


@mutant
class IdlesToDeath(_WithoutKeepAlive):
    """Sends no KeepAlive, and takes the close that follows for the end.

    NET-0001: https://github.com/deepgram/deepgram-python-sdk/issues/319
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, LinkLost):
            self.spawn(self.recogniser.close(), "closer")
        super().on_recognised(event)


class _BinarySession(ListenSession):
    def take(self, now: float) -> bytes | str | None:
        message = super().take(now)
        is_keep_alive = isinstance(message, str) and "KeepAlive" in message
        return message.encode() if is_keep_alive and message else message  # type: ignore[union-attr]


@mutant
class SendsKeepAliveInBinary(AgentCall):
    """Sends KeepAlive the way it sends audio.

    https://developers.deepgram.com/docs/audio-keep-alive
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        recogniser._session = _BinarySession()
        return recogniser


@mutant
class TrustsASilentLink(AgentCall):
    """Believes that nobody speaks as long as the recogniser tells of nobody.

    https://github.com/livekit/agents/issues/931
    """

    def __init__(self, settings: Any, *arguments: Any) -> None:
        super().__init__(impatient_never(settings, "recogniser"), *arguments)


@mutant
class WaitsForTheModelForEver(_OtherServices):
    """Puts no limit on the wait for the model.

    https://github.com/livekit/agents/pull/3686
    """

    def __init__(self, settings: Any, *arguments: Any) -> None:
        super().__init__(impatient_never(settings, "reply"), *arguments)

    def model(self, chat: ChatModel) -> ChatModel:
        return _like(chat, first_token_deadline=1e6, token_deadline=1e6)
