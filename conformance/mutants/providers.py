"""Bugs with providers that refuse, fail or stay open."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from conformance.mutants._registry import mutant
from conformance.mutants.turns import impatient_never
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.chat import ChatModel
from voiceutils.deepgram_stt import LinkLost, ListenEvent
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import ProviderError, VoiceError
from voiceutils.retry import Backoff
from voiceutils.twilio_calls import TwilioCalls
from voiceutils.wire.twilio import FromTwilio, Stop

# Tasks that outlive their call must be held, or they would be collected.
_orphans: set[asyncio.Task[None]] = set()


class _OtherSettings(AgentCall):
    """Behaves as other settings say."""

    def __init__(self, settings: AgentSettings, *arguments: object) -> None:
        super().__init__(self.changed(settings), *arguments)  # type: ignore[arg-type]

    def changed(self, settings: AgentSettings) -> AgentSettings:
        """Return the settings that the bug amounts to."""
        return settings


@mutant
class RetriesWithoutDelay(_OtherSettings):
    """Tries again at once.

    Client and server amplified each other for hours:
    https://github.com/BasedHardware/omi/issues/6052
    """

    def changed(self, settings: AgentSettings) -> AgentSettings:
        backoff = Backoff(0.001, 1.0, 0.001, "none")
        return dataclasses.replace(settings, backoff=backoff)


@mutant
class GivesUpAtOnce(_OtherSettings):
    """Takes the first refusal for the last word.

    A refused handshake ended the process:
    https://github.com/deepgram/deepgram-js-sdk/issues/353
    """

    def changed(self, settings: AgentSettings) -> AgentSettings:
        return dataclasses.replace(settings, attempts=1)


@mutant
class RetriesInStep(_OtherSettings):
    """Backs off without jitter.

    All calls reconnected in the same instant:
    https://github.com/BasedHardware/omi/issues/4746
    """

    def changed(self, settings: AgentSettings) -> AgentSettings:
        backoff = Backoff(0.25, 1.5, 5.0, "none")
        return dataclasses.replace(settings, backoff=backoff)


@mutant
class RetriesPermanentErrors(AgentCall):
    """Takes every refusal for a passing one.

    A bad key was tried for ever: https://github.com/pipecat-ai/pipecat/pull/5113
    """

    async def connect_recogniser(self) -> None:
        while True:
            try:
                await super().connect_recogniser()
            except ProviderError:
                await asyncio.sleep(0.5)
                self.recogniser = self.build_recogniser(self.call_sid)
            else:
                return


@mutant
class RetriesAfterHangUp(_OtherSettings):
    """Lets the connection attempts of a call go on when the call is over.

    They kept an overloaded provider overloaded:
    https://github.com/BasedHardware/omi/issues/5577
    """

    def changed(self, settings: AgentSettings) -> AgentSettings:
        return dataclasses.replace(settings, attempts=12)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        if name != "recogniser":
            return super().spawn(work, name)
        task = asyncio.create_task(work, name=name)
        _orphans.add(task)
        task.add_done_callback(_orphans.discard)
        return task


@mutant
class NeverReconnects(AgentCall):
    """Takes the end of the recogniser's link for the end of listening.

    On close it only stops its keep-alive:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, LinkLost):
            self.spawn(self.recogniser.close(), "closer")
        super().on_recognised(event)


@mutant
class KeepsTheRecogniserOpen(AgentCall):
    """Does not close the recogniser's socket when the call ends.

    It listens for an event that Twilio does not send:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/4
    """

    async def close_recogniser(self) -> None:
        _kept_open.append(self.recogniser)


_kept_open: list[object] = []


@mutant
class CleansUpOnlyAfterStop(AgentCall):
    """Frees its resources on ``stop`` only, which Twilio does not promise.

    An exception on disconnect skipped the clean-up:
    https://github.com/vocodedev/vocode-core/issues/741
    """

    _stopped = False

    def decode(self, text: str) -> FromTwilio | None:
        message = super().decode(text)
        self._stopped = self._stopped or isinstance(message, Stop)
        return message

    async def close_recogniser(self) -> None:
        if self._stopped:
            await super().close_recogniser()
        else:
            _kept_open.append(self.recogniser)


@mutant
class SilentWhenTheModelFails(_OtherSettings):
    """Swallows the failure of a turn in its background task.

    Dead air on a provider error: https://github.com/livekit/agents/issues/6009
    """

    def changed(self, settings: AgentSettings) -> AgentSettings:
        return impatient_never(settings, "reply")

    async def reply(self, turn: int, making: Coroutine[Any, Any, None]) -> None:
        try:
            await making
        except VoiceError:
            return
        self.obey(self.turns.reply_ended(turn, self.now()))


@mutant
class WaitsForSpeechForEver(_OtherSettings):
    """Puts no limit on the wait for audio.

    A speech service that goes quiet hangs the turn:
    https://github.com/livekit/agents/pull/5756
    """

    def __init__(
        self,
        settings: AgentSettings,
        chat: ChatModel,
        speech: DeepgramTTSService,
        receive: Callable[[], Awaitable[str | None]],
        send: Callable[[str], Awaitable[None]],
        calls: TwilioCalls | None = None,
    ) -> None:
        patient = DeepgramTTSService(
            settings.deepgram_key,
            url=settings.deepgram_url,
            client=speech._client,
            first_byte_deadline=1e6,
            gap_deadline=1e6,
        )
        super().__init__(settings, chat, patient, receive, send, calls)

    def changed(self, settings: AgentSettings) -> AgentSettings:
        return impatient_never(settings, "reply")
