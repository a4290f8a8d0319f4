"""What the caller makes of what it hears: greeting, reply, old audio, the end of it.

Pure: fed one played frame at a time, told when a turn begins.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from fakes.call_record import TurnRecord
from fakes.speech import GREETING, Reader, sentences
from fakes.twilio.caller.ear import Ear, Sound, Voice
from fakes.twilio.caller.script import expected_reply, plain_words
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["QUIET", "QUIET_AFTER_WHOLE", "Listening"]

QUIET: Final = 0.7  # seconds of silence that end a reply of unknown length
QUIET_AFTER_WHOLE: Final = 0.2  # enough when all expected words were heard to their end


class Listening:
    """Attributes each sound to the turn that it answers.

    Args:
        reader: finds the code in the audio.

    Attributes:
        ear: the utterances heard.
        turns: what was said so far, and what came back; the greeting belongs to none.
        greeting_at: when the first agent audio was heard.
        reply_heard: seconds of the current reply heard so far.
        arrived: tells when what began to play at a moment had come.
    """

    __slots__ = (
        *("_expected", "_judged_at", "_known", "_known_old", "_last_plain"),
        *("_last_sound", "_now", "_old_expected", "_old_sounds", "_owner", "_suspect"),
        *("_whole", "arrived", "ear", "greeting_at", "reply_heard", "turns"),
    )

    def __init__(self, reader: Reader) -> None:
        self.ear = Ear(reader)
        self.turns: list[TurnRecord] = []
        self.greeting_at: float | None = None
        self.reply_heard = 0.0
        self.arrived: Callable[[float], float | None] | None = None
        self._now = 0.0
        self._owner: dict[Voice, int] = {}  # utterance -> turn that it answers
        self._last_sound = -inf
        self._last_plain = False
        self._judged_at: float | None = None  # the last sound before that judgement
        self._whole = False
        self._old_sounds = False  # an earlier reply still sounds
        self._suspect: Voice | None = None  # began while it did
        # An utterance of which nothing is to be learnt in this turn any more, and
        # whether it is an earlier reply.
        self._known: Voice | None = None
        self._known_old = False
        self._expected: str | None = GREETING
        self._old_expected: str | None = None

    def hear(self, audio: bytes, now: float) -> None:
        """Take what begins to play; empty when nothing does."""
        self._now = now
        for sound in self.ear.hear(audio, now):
            if sound.voice is not None and sound.voice is self._known:
                if self._old_sounds:
                    self._note_silence(sound.at)
                self._last_sound = sound.at
                if not self._known_old:
                    self.reply_heard += FRAME_SECONDS
            else:
                self._notice(sound)
        if self._old_sounds:
            self._note_silence(now)

    def hear_known(self, audio: bytes, now: float) -> bool:
        """Take a frame as :meth:`hear` does, if nothing is to be learnt from it.

        Returns:
            Whether it was taken.
        """
        if self._old_sounds and not (self._known_old and self._known is not None):
            return False
        known = self.ear.hear_known(audio, now, self._known)
        if known is None:
            return False
        self._now = now
        if self._old_sounds:
            self._note_silence(now)
        if known:
            self._last_sound = now
            if not self._known_old:
                self.reply_heard += FRAME_SECONDS
        return True

    def begin_turn(self, said: str, *, barging_in: bool) -> TurnRecord:
        """Return the record of a turn that begins now.

        Args:
            said: what the caller is about to say.
            barging_in: whether the script means to interrupt; it is one only if the
                agent is sounding.
        """
        sounding = self._now - self._last_sound < QUIET_AFTER_WHOLE
        turn = TurnRecord(turn=len(self.turns) + 1, said=said)
        turn.barge_in = barging_in and sounding
        turn.stopped_after = 0.0 if turn.barge_in else None
        self._old_sounds = sounding
        self._old_expected = self._expected
        self._expected = expected_reply(said)
        self._suspect = self._known = None
        self.reply_heard = 0.0
        self.turns.append(turn)
        return turn

    def is_over(self) -> bool:
        """Tell whether what the agent is saying has ended."""
        quiet = self._now - self._last_sound
        if quiet >= QUIET:
            return True
        if quiet < QUIET_AFTER_WHOLE:
            return False
        if self._judged_at != self._last_sound:  # once a silence: words are costly
            self._judged_at = self._last_sound
            self._whole = self._all_expected_heard()
        return self._whole

    def not_over_before(self) -> float:
        """Return a moment before which :meth:`is_over` will be false for sure.

        Whatever is heard until then; ``-inf`` when nothing is sure.
        """
        judged = self._judged_at == self._last_sound and not self._whole
        quiet = QUIET if judged else QUIET_AFTER_WHOLE
        return min(self._last_sound + quiet, self.no_end_before())

    def no_end_before(self) -> float:
        """Return a moment before which nothing that begins from now on can be over."""
        # Of what is held back, the begin lies in the past.
        return -inf if self.ear.holds_back else self._now + QUIET_AFTER_WHOLE

    def finish(self, since: float) -> None:
        """Complete the turns' records; their moments then count from ``since``."""
        self.ear.finish()
        for turn in self.turns:
            texts = [" ".join(words) for words in self._texts_of(turn.turn)]
            turn.heard = " ".join(text for text in texts if text)
            if turn.reply_at is not None and turn.spoke_until is not None:
                turn.gap = turn.reply_at - turn.spoke_until
            if turn.spoke_from is not None and turn.spoke_until is not None:
                turn.spoke_from -= since
                turn.spoke_until -= since
            if turn.reply_at is not None:
                turn.reply_at -= since
            if turn.media_at is not None:
                turn.media_at -= since

    # --- one sound ---------------------------------------------------------------

    def _note_silence(self, until: float) -> None:
        limit = QUIET if self._last_plain else QUIET_AFTER_WHOLE
        if self._old_sounds and until - self._last_sound >= limit:
            self._old_sounds = False

    def _notice(self, sound: Sound) -> None:
        self._known = None
        if not sound.voiced and sound.voice is None:
            return
        self._note_silence(sound.at)
        old = self._is_old(sound)
        self._last_sound = sound.at
        self._last_plain = sound.voice is None
        if not self.turns:
            if sound.voiced and self.greeting_at is None:
                self.greeting_at = sound.at
        elif old:
            self._notice_old(self.turns[-1], sound)
            # Unless its words, or when it falls silent, are still to be noted.
            if sound.voice != self._suspect and not self.turns[-1].barge_in:
                self._know(sound.voice, old=self._is_old(sound))
            return
        elif sound.voiced:
            self._notice_reply(self.turns[-1], sound.at)
            self._notice_arrival(self.turns[-1], sound.at)
        self.reply_heard += FRAME_SECONDS
        begun = self.turns[-1].reply_at if self.turns else self.greeting_at
        if begun is not None:
            self._know(sound.voice, old=False)

    def _know(self, voice: Voice | None, *, old: bool) -> None:
        if old or not self._old_sounds:
            self._known, self._known_old = voice, old

    def _is_old(self, sound: Sound) -> bool:
        """Tell whether a sound belongs to something said before this turn."""
        turn = len(self.turns)
        if sound.voice is None:
            return self._old_sounds
        if sound.voice not in self._owner:
            self._owner[sound.voice] = turn - 1 if self._old_sounds else turn
            if self._old_sounds:
                self._suspect = sound.voice
        return self._owner[sound.voice] != turn

    def _notice_reply(self, turn: TurnRecord, at: float | None) -> None:
        if turn.spoke_from is not None and turn.reply_at is None:
            turn.reply_at = at

    def _notice_arrival(self, turn: TurnRecord, at: float) -> None:
        if self.arrived is None or turn.reply_at != at or turn.media_at is not None:
            return
        turn.media_at = self.arrived(at)

    def _notice_old(self, turn: TurnRecord, sound: Sound) -> None:
        """Time old audio that sounds on; find the reply that follows without a pause.

        An agent that ignores the caller queues its reply behind the old one. Where
        the old words are known, the words tell them apart.
        """
        if sound.voice is not None and sound.voice == self._suspect:
            utterance = self.ear.utterances[sound.voice]
            words = plain_words(utterance.text)
            if len(words) < 2 and utterance.cut:
                return
            self._suspect = None
            if not self._is_rest_of_old(words, turn, utterance.first_at):
                self._owner[sound.voice] = turn.turn
                self._old_sounds = False
                self._notice_reply(turn, utterance.voiced_at)
                return
        if turn.barge_in and sound.voiced and turn.spoke_from is not None:
            turn.stopped_after = max(0.0, sound.at - turn.spoke_from)

    # --- words -------------------------------------------------------------------

    def _texts_of(self, turn: int) -> list[tuple[str, ...]]:
        """Return the words of each utterance that answers a turn."""
        return [
            tuple(utterance.text.split())
            for utterance in self.ear.utterances.values()
            if self._owner.get(utterance.voice) == turn
        ]

    def _is_rest_of_old(
        self, words: tuple[str, ...], turn: TurnRecord, began: float
    ) -> bool:
        """Tell whether words continue the old reply, as far as that is known."""
        parts = [plain_words(part) for part in sentences(self._old_expected or "")]
        heard = [plain_words(" ".join(text)) for text in self._texts_of(turn.turn - 1)]
        heard = [text for text in heard if text and text != words]
        if not any(_begins(part, text[:2]) for part in parts for text in heard):
            # Not the scripted reply, so its words say nothing.
            return turn.spoke_until is None or began <= turn.spoke_until
        said_already = any(_begins(text, words) for text in heard)
        return not said_already and any(_begins(part, words) for part in parts)

    def _all_expected_heard(self) -> bool:
        if self._expected is None:
            return False
        heard = " ".join(" ".join(text) for text in self._texts_of(len(self.turns)))
        last = next(reversed(self.ear.utterances.values()), None)
        if last is None or last.cut:
            return False
        return plain_words(heard) == plain_words(self._expected)


def _begins(text: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return text[: len(words)] == words
