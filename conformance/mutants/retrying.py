"""Bugs in when, and how often, something is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.chat import ChatModel
from voiceutils.deepgram_stt import DeepgramSTTService, LinkLost, ListenEvent
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import ProviderError, VoiceError
from voiceutils.twilio_calls import TwilioCalls


class _OtherServices(AgentCall):
    """Has a model and a voice of its own, built differently."""

    def __init__(
        self,
        settings: AgentSettings,
        chat: ChatModel,
        speech: DeepgramTTSService,
        receive: Callable[[], Awaitable[str | None]],
        send: Callable[[str], Awaitable[None]],
        calls: TwilioCalls | None = None,
    ) -> None:
        chat, speech = self.model(chat), self.voice(speech)
        super().__init__(settings, chat, speech, receive, send, calls)

    def model(self, chat: ChatModel) -> ChatModel:
        """Return the model that this agent uses."""
        return chat

    def voice(self, speech: DeepgramTTSService) -> DeepgramTTSService:
        """Return the voice that this agent uses."""
        return speech


S = TypeVar("S")


def _like(service: S, **changes: Any) -> S:
    """Return a copy of a service with other private settings."""
    copy: S = object.__new__(type(service))
    copy.__dict__.update(vars(service))
    copy.__dict__.update({f"_{name}": value for name, value in changes.items()})
    return copy


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


@mutant
class ReconnectsAtOnce(AgentCall):
    """Opens the next link as soon as one has ended, for as long as it takes.

    A loop after accept and close: https://github.com/pipecat-ai/pipecat/pull/4201
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        return _like(super().build_recogniser(call_sid), sleep=_no_sleep, attempts=999)

    async def connect_recogniser(self) -> None:
        await self.recogniser.connect(max_retries=999)
        self.recogniser._total_limit = None


class _Hurried(ChatModel):
    async def _begin(self, body: bytes) -> Any:
        try:
            return await super()._begin(body)
        except ProviderError as error:
            error.retry_after = None
            raise


@mutant
class IgnoresRetryAfter(_OtherServices):
    """Keeps to its own delays, whatever the refusal says.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """

    def model(self, chat: ChatModel) -> ChatModel:
        hurried = object.__new__(_Hurried)
        hurried.__dict__.update(vars(chat))
        return hurried


@mutant
class AsksTheModelOnce(_OtherServices):
    """Makes one request to the model, and apologises.

    https://github.com/livekit/agents/issues/6009
    """

    def model(self, chat: ChatModel) -> ChatModel:
        return _like(chat, max_retries=1)


@mutant
class AsksForSpeechOnce(_OtherServices):
    """Leaves out the sentence whose speech request failed.

    https://github.com/livekit/agents/pull/5728
    """

    def voice(self, speech: DeepgramTTSService) -> DeepgramTTSService:
        return _like(speech, max_retries=1)

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        try:
            await super().speak_sentence(turn, number, text)
        except VoiceError as error:
            self.report(str(error))


@mutant
class AsksTheModelForEver(AgentCall):
    """Takes every failure of the model for a passing one.

    https://github.com/livekit/agents/pull/5831
    """

    async def answer(self, turn: int) -> None:
        while True:
            try:
                await super().answer(turn)
            except VoiceError:
                await asyncio.sleep(0.2)
            else:
                return


@mutant
class LosesAudioWhileReconnecting(AgentCall):
    """Drops what is said while the link is down.

    https://github.com/pipecat-ai/pipecat/pull/4311
    """

    _was_up = False

    async def on_media(self, audio: bytes) -> None:
        self._was_up = self._was_up or self.recogniser.is_connected
        if self.recogniser.is_connected or not self._was_up:
            await super().on_media(audio)


@mutant
class CountsDropsForTheWholeCall(AgentCall):
    """Has three links for a call, however long it lasts.

    A counter that is never reset: https://github.com/vocodedev/vocode-core
    """

    _drops = 0

    def on_recognised(self, event: ListenEvent) -> None:
        self._drops += isinstance(event, LinkLost)
        if self._drops == 3 and isinstance(event, LinkLost):
            self.spawn(self.recogniser.close(), "closer")
        super().on_recognised(event)


class _InStep:
    def delay(self, *_: float) -> float:
        return 0.2


@mutant
class ReconnectsInStep(AgentCall):
    """Waits 0.2 s before each new link, like all other calls.

    https://github.com/BasedHardware/omi/issues/4746
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        return _like(super().build_recogniser(call_sid), spread=_InStep())


@mutant
class TakesACleanCloseForTheEnd(AgentCall):
    """Reconnects after an error, and stops listening after a close with 1000.

    https://github.com/pipecat-ai/pipecat/pull/4201
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, LinkLost) and "1000" in event.reason:
            self.spawn(self.recogniser.close(), "closer")
        super().on_recognised(event)
