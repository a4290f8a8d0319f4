"""The caller: follows a script, listens, and notes what an impatient ear would note.

Pure: once a frame it is told what was heard and answers what it says. Every wait has a
deadline, and the cause of a failed call names what did not come.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import zip_longest
from typing import TypeAlias

from fakes.call_record import CallRecord, TurnRecord
from fakes.speech import GREETING, Speaker, speak
from fakes.twilio.ear import Ear, Sound, Voice
from fakes.twilio.foreign import foreign_speech
from fakes.twilio.party import Step
from fakes.twilio.script import (
    AwaitGreeting,
    AwaitHangUp,
    Conversation,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    expected_reply,
    plain_words,
)
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_SECONDS, is_voiced

__all__ = ["PATIENCE", "Caller"]

PATIENCE = 8.0  # seconds until a caller gives up waiting for a sound
CALL_LIMIT = 2**24 - 1  # what the code in the audio can carry
LONGEST_REPLY = 60.0  # seconds until a caller gives up waiting for silence
QUIET = 0.7  # seconds of silence that end a reply of unknown length
QUIET_AFTER_WHOLE = 0.2  # enough when all expected words were heard to their end

_Frames: TypeAlias = Generator[Step, None, None]


class _GaveUpError(Exception):
    pass


class Caller:
    """One person on the line.

    Attributes:
        turns: what was said so far, and what came back.
        frames_dropped: (turn, frame) left out because of ``drop_every``.
        greeting_at: when the first agent audio was heard.
        completed: whether the script was followed to its end.
        cause: why not, as far as the caller knows.
        awaits_hang_up: whether the script wants the agent to end the call, now.

    Args:
        conversation: the script; without a ``HangUp`` at its end one is added.
        call: the caller's number, at most 24 bits.
        patience: seconds to wait for a greeting or a reply.
        drop_every: leave out every n-th frame of speech, as a bad line would.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        call: int,
        patience: float = PATIENCE,
        drop_every: int | None = None,
    ) -> None:
        if not 0 <= call <= CALL_LIMIT:
            raise SettingError(f"caller number {call} does not fit: 0 to {CALL_LIMIT}")
        self.call = call
        self.turns: list[TurnRecord] = []
        self.frames_dropped: list[tuple[int, int]] = []
        self.greeting_at: float | None = None
        self.completed = False
        self.cause = ""
        self.awaits_hang_up = False
        self._patience = patience
        self._drop_every = drop_every
        self._spoken = 0  # frames of speech
        self._ear = Ear()
        self._now = 0.0
        self._owner: dict[Voice, int] = {}  # utterance -> turn that it answers
        self._last_sound = float("-inf")
        self._last_plain = False
        self._old_sounds = False  # an earlier reply still sounds
        self._reply_heard = 0.0  # seconds of the current reply
        self._expected: str | None = GREETING
        self._frames = self._follow(conversation)

    @property
    def where(self) -> str:
        """The place in the conversation, for a cause."""
        if self.turns:
            return f"in turn {self.turns[-1].turn}"
        return (
            "after the greeting"
            if self.greeting_at is not None
            else "before any greeting"
        )

    def frame(self, heard: bytes, now: float) -> Step:
        """Hear a frame (empty: nothing sounds) and decide what to do in this one."""
        self._now = now
        for sound in self._ear.hear(heard, now):
            self._notice(sound)
        if self._old_sounds and now - self._last_sound >= self._silence_after_old:
            self._old_sounds = False
        try:
            return next(self._frames, Step(hang_up="stop"))
        except _GaveUpError as error:
            self.cause = str(error)
            return Step(hang_up="stop")

    def fill(self, record: CallRecord, since: float) -> None:
        """Write the caller's side into a record.

        Args:
            record: gets turns, utterances, underruns, drops and foreign speech.
            since: the moment from which the record counts.
        """
        self._ear.finish()
        for turn in self.turns:
            self._settle(turn, since)
        heard = self._ear.utterances
        record.turns = self.turns
        record.utterances = [utterance.record() for utterance in heard.values()]
        for utterance in record.utterances:
            utterance.first_at -= since
            utterance.last_at -= since
        record.underruns = self._ear.underruns
        record.frames_dropped = self.frames_dropped
        said = [turn.said for turn in self.turns]
        record.foreign = foreign_speech(heard.values(), call=self.call, said=said)

    def _settle(self, turn: TurnRecord, since: float) -> None:
        utterances = self._ear.utterances.values()
        mine = [u for u in utterances if self._owner.get(u.voice) == turn.turn]
        turn.heard = " ".join(u.text for u in mine if u.text)
        if turn.reply_at is not None and turn.spoke_until is not None:
            turn.gap = turn.reply_at - turn.spoke_until
        if turn.spoke_from is not None and turn.spoke_until is not None:
            turn.spoke_from -= since
            turn.spoke_until -= since
        if turn.reply_at is not None:
            turn.reply_at -= since

    # --- listening ---------------------------------------------------------------

    @property
    def _silence_after_old(self) -> float:
        return QUIET if self._last_plain else QUIET_AFTER_WHOLE

    def _notice(self, sound: Sound) -> None:
        if not sound.voiced and sound.voice is None:
            return
        if self._old_sounds and sound.at - self._last_sound >= self._silence_after_old:
            self._old_sounds = False
        old = self._is_old(sound)
        self._last_sound = sound.at
        self._last_plain = sound.voice is None
        turn = self.turns[-1] if self.turns else None
        if turn is None:
            if sound.voiced and self.greeting_at is None:
                self.greeting_at = sound.at
        elif old:
            if turn.barge_in and sound.voiced and turn.spoke_from is not None:
                turn.stopped_after = max(0.0, sound.at - turn.spoke_from)
            return
        elif sound.voiced and turn.spoke_from is not None and turn.reply_at is None:
            turn.reply_at = sound.at
        self._reply_heard += FRAME_SECONDS

    def _is_old(self, sound: Sound) -> bool:
        """Tell whether a sound belongs to something said before this turn."""
        turn = len(self.turns)
        if sound.voice is None:
            return self._old_sounds
        if sound.voice not in self._owner:
            self._owner[sound.voice] = turn - 1 if self._old_sounds else turn
        return self._owner[sound.voice] != turn

    def _is_over(self) -> bool:
        """Tell whether what the agent is saying has ended."""
        quiet = self._now - self._last_sound
        if quiet >= QUIET:
            return True
        return quiet >= QUIET_AFTER_WHOLE and self._all_expected_heard()

    def _all_expected_heard(self) -> bool:
        if self._expected is None:
            return False
        turn = len(self.turns)
        heard: list[str] = []
        for utterance in self._ear.utterances.values():
            if self._owner.get(utterance.voice) == turn and not utterance.cut:
                heard += plain_words(utterance.text)
        return tuple(heard) == plain_words(self._expected)

    # --- the script --------------------------------------------------------------

    def _follow(self, conversation: Conversation) -> _Frames:
        for step, following in zip_longest(conversation, conversation[1:]):
            yield from self._take(step, following)
        if not self.completed:
            self.completed = True
            yield Step(hang_up="stop")

    def _take(
        self, step: ConversationStep, following: ConversationStep | None
    ) -> _Frames:
        match step:
            case AwaitGreeting(within=within):
                yield from self._await_greeting(within or self._patience)
                yield from self._hear_out(following)
            case Say():
                yield from self._say(step)
                if step.reply:
                    yield from self._hear_out(following)
            case Press(digits=digits):
                for digit in digits:
                    yield Step(digits=digit)
            case Pause(seconds=seconds):
                until = self._now + seconds
                while self._now < until:
                    yield Step()
            case AwaitHangUp(within=within):
                self.awaits_hang_up = True
                until = self._now + within
                while self._now < until:
                    yield Step()
                raise _GaveUpError(f"the agent did not hang up within {within:g} s")
            case HangUp(how=how):
                self.completed = True
                yield Step(hang_up=how)

    def _await_greeting(self, within: float) -> _Frames:
        until = self._now + within
        while self.greeting_at is None:
            if self._now >= until:
                raise _GaveUpError(f"no greeting within {within:g} s")
            yield Step()

    def _hear_out(self, following: ConversationStep | None) -> _Frames:
        """Listen to what is being said until its end, or until it is barged into."""
        barge_in = following.barge_in_after if isinstance(following, Say) else None
        until = self._now + LONGEST_REPLY
        while not self._is_over():
            if barge_in is not None and self._reply_heard >= barge_in - 1e-9:
                return
            if self._now >= until:
                text = f"the agent did not stop speaking for {LONGEST_REPLY:g} s"
                raise _GaveUpError(f"{text} {self.where}")
            yield Step()

    def _say(self, step: Say) -> _Frames:
        sounding = self._now - self._last_sound < QUIET_AFTER_WHOLE
        turn = TurnRecord(turn=len(self.turns) + 1, said=step.text)
        turn.barge_in = step.barge_in_after is not None and sounding
        turn.stopped_after = 0.0 if turn.barge_in else None
        self._old_sounds = sounding
        self._reply_heard = 0.0
        self._expected = expected_reply(step.text)
        self.turns.append(turn)
        yield from self._speak(turn)
        if step.reply:
            yield from self._await_reply(turn)

    def _speak(self, turn: TurnRecord) -> _Frames:
        speech = speak(
            turn.said, speaker=Speaker.CALLER, call=self.call, turn=turn.turn % 256
        )
        for number, audio in enumerate(speech.frames):
            self._spoken += 1
            lost = (
                bool(self._drop_every) and self._spoken % (self._drop_every or 1) == 0
            )
            if lost:
                self.frames_dropped.append((turn.turn, number))
            elif is_voiced(audio):
                if turn.spoke_from is None:
                    turn.spoke_from = self._now
                turn.spoke_until = self._now
            yield Step(audio, lost=lost)

    def _await_reply(self, turn: TurnRecord) -> _Frames:
        spoke_until = self._now if turn.spoke_until is None else turn.spoke_until
        until = spoke_until + self._patience
        while turn.reply_at is None:
            if self._now >= until:
                text = f"no reply in turn {turn.turn} within {self._patience:g} s"
                raise _GaveUpError(text)
            yield Step()
