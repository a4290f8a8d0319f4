"""What ConversationRelay tells of the caller: prompts, keys, interruptions."""

from __future__ import annotations

from collections.abc import Iterator

from fakes.twilio.flow.recogniser import Recogniser
from fakes.twilio.flow.relay_terms import RelayTerms
from fakes.twilio.flow.relay_voice import RelayVoice
from voiceutils.wire import twilio_relay as wire

__all__ = ["RelayEar"]


class RelayEar:
    """Hears the caller, and cuts the agent short where that is allowed.

    Attributes:
        language: what the prompts say they are in.

    Args:
        terms: of the session.
        voice: the agent's.
    """

    def __init__(self, terms: RelayTerms, voice: RelayVoice) -> None:
        self.language = terms.hearing_language
        self._terms = terms
        self._voice = voice
        self._recogniser = Recogniser()

    def hear(
        self, audio: bytes | None, digits: str, now: float
    ) -> Iterator[wire.FromRelay]:
        """Yield what to tell of one frame."""
        if self._terms.keys:
            for digit in digits:
                yield from self._press(digit, now)
        yield from self._listen(audio, now)

    def _press(self, digit: str, now: float) -> Iterator[wire.FromRelay]:
        manner = self._voice.manner
        if manner is not None:
            if manner.interruptible in ("dtmf", "any"):
                yield self._interrupt(now)
            elif self._terms.reported not in ("dtmf", "any"):
                return
        yield wire.Digit(digit)

    def _listen(self, audio: bytes | None, now: float) -> Iterator[wire.FromRelay]:
        manner, recogniser = self._voice.manner, self._recogniser
        if manner is None or manner.interruptible in ("speech", "any"):
            recogniser.hear(audio, now)
            # Speech that began before the agent's cuts it short as well.
            if manner is not None and self._cuts_short(now):
                yield self._interrupt(now)
        elif self._terms.reported in ("speech", "any"):
            recogniser.hear(audio, now)
        else:
            recogniser.hear(None, now)
        began = recogniser.began
        if began is None:
            return
        if now - recogniser.voiced_at >= self._terms.silence - 1e-9:
            text = recogniser.take()
            if text:
                yield wire.Prompt(text, self.language, True)
        elif recogniser.grew and self._terms.partial_prompts and recogniser.text:
            yield wire.Prompt(recogniser.text, self.language, False)

    def _cuts_short(self, now: float) -> bool:
        recogniser = self._recogniser
        enough = recogniser.voiced_frames >= self._terms.voiced_frames
        return enough and recogniser.voiced_at == now

    def _interrupt(self, now: float) -> wire.Interrupt:
        spoken = self._voice.interrupt(now)
        return wire.Interrupt(spoken.text, round(spoken.seconds * 1000))
