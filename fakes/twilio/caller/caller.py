"""The caller: follows a script, listens, and notes what an impatient ear would note.

Pure: once a frame it is told what was heard and answers what it says. Every wait has a
deadline, and the cause of a failed call names what did not come.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import islice
from math import inf
from typing import Final, TypeAlias

from fakes.call_record import CallRecord, TurnRecord
from fakes.speech import Speaker, SpeechMode, speaking
from fakes.speech.voices import VoiceName
from fakes.twilio.caller.foreign import foreign_speech
from fakes.twilio.caller.listening import Listening
from fakes.twilio.caller.microphone import Microphone
from fakes.twilio.caller.party import Foresight, Heard, Step
from fakes.twilio.caller.saying import Saying
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    AwaitHangUp,
    Conversation,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    Sound,
    Voice,
    takes_time,
)
from fakes.twilio.caller.sounds import sound, sound_of_keys
from voiceutils.errors import SettingError

__all__ = ["DOING", "PATIENCE", "Caller"]

DOING: Final = ("waiting", "speaking", "listening", "pausing")
"""What a caller may be about: waiting for a greeting or a reply, speaking, listening to
what is said, or nothing of that kind."""

PATIENCE: Final = 8.0  # seconds until a caller gives up waiting for a sound
CALL_LIMIT: Final = 2**24 - 1  # what the code in the audio can carry
TURN_TIME: Final = 5.0  # seconds: no turn begins that much before its caller must leave
LONGEST_REPLY: Final = 60.0  # seconds until a caller gives up waiting for silence
# What is foreseen ends that much before it must, for the rounding of moments.
_MARGIN: Final = 0.001

_SOUNDS_MADE: Final = 8  # different coughs, each made once
_new: Final = tuple.__new__  # half the cost of calling the class of a named tuple
_SILENT: Final = Step()
_LEAVES: Final = Step(hang_up="stop")
_Frames: TypeAlias = Generator[Step, None, None]


class _GaveUpError(Exception):
    pass


class Caller:
    """One person on the line.

    Attributes:
        frames_dropped: (turn, frame) left out because of ``drop_every``.
        completed: whether the script was followed to its end.
        cause: why not, as far as the caller knows.
        awaits_hang_up: whether the script wants the agent to end the call, now.
        doing: what the caller is about, one of :data:`DOING`.
        waits_since: when the wait for a greeting or a reply began; None: no wait.

    Args:
        conversation: the script; without a ``HangUp`` at its end one is added.
        call: the caller's number, at most 24 bits.
        patience: seconds to wait for a greeting or a reply.
        drop_every: leave out every n-th frame of speech, as a bad line would.
        holding_time: seconds of talk after which the caller hangs up, whatever the
            script still holds; only a reply that is awaited is awaited to its begin.
        speech: how the code is written and read.
    """

    __slots__ = (
        *("_drop_every", "_foresees", "_frames", "_frames_of"),
        *("_holding_time", "_in_turn", "_leaves_at", "_listening", "_microphone"),
        *("_now", "_patience", "_saying", "_silence_ends", "_silent_before"),
        *("_speech_mode", "_spoken", "_surrounded", "_voice", "awaits_hang_up", "call"),
        *("cause", "completed", "doing", "frames_dropped", "waits_since"),
    )

    def __init__(
        self,
        conversation: Conversation,
        *,
        call: int,
        patience: float = PATIENCE,
        drop_every: int | None = None,
        holding_time: float | None = None,
        speech: SpeechMode = "exact",
    ) -> None:
        if speech != "exact" and drop_every:
            raise SettingError(
                "drop_every counts single frames, which speech 'robust' cannot tell"
            )
        if not 0 <= call <= CALL_LIMIT:
            raise SettingError(f"caller number {call} does not fit: 0 to {CALL_LIMIT}")
        self.call = call
        self.frames_dropped: list[tuple[int, int]] = []
        self.completed = False
        self.cause = ""
        self.awaits_hang_up = False
        self.doing = "pausing"
        self.waits_since: float | None = None
        self._patience = patience
        self._drop_every = drop_every
        self._holding_time = holding_time
        self._leaves_at: float | None = None
        self._in_turn = False  # speaking, or waiting for what is said to it
        self._spoken = 0  # frames of speech
        self._now = 0.0
        mode = speaking(speech)
        self._frames_of = mode.frames_of
        self._listening = Listening(mode.reader())
        self._speech_mode = speech
        self._microphone: Microphone | None = None  # until there is anything to it
        self._surrounded = False
        # Robust speech is understood late, and where there is an echo, what is said
        # depends on what is heard.
        self._foresees = speech == "exact"
        self._voice: VoiceName = "usual"
        self._frames = self._follow(conversation)
        # What is known of frames to come, whatever is heard until then.
        self._saying: Saying | None = None
        self._silence_ends: Callable[[], float] | None = None
        self._silent_before: float | None = None  # None: not computed yet

    def listen_for_arrivals(self, arrived: Callable[[float], float | None]) -> None:
        """Note when replies had come to the phone, not only when they sound.

        Args:
            arrived: tells it of what began to play in the frame of a moment.
        """
        self._listening.arrived = arrived

    def leave(self) -> None:
        """Follow the script no further; whoever leaves the line is to be told so.

        Nothing of the caller refers to itself any more: its memory is free at once.
        """
        self._frames.close()
        self._frames = _nothing_more()
        self._saying = self._silence_ends = self._listening.arrived = None

    @property
    def turns(self) -> list[TurnRecord]:
        """What was said so far, and what came back."""
        return self._listening.turns

    @property
    def greeting_at(self) -> float | None:
        """When the first agent audio was heard."""
        return self._listening.greeting_at

    @property
    def gaps(self) -> list[float]:
        """Turn gaps so far, of turns that are spoken to their end; while it talks."""
        over = self.turns[:-1] if self.doing == "speaking" else self.turns
        pairs = [(turn.spoke_until, turn.reply_at) for turn in over]
        return [at - until for until, at in pairs if at is not None and until]

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
        self._listening.hear(heard, now)
        self._silence_ends = self._silent_before = None
        if self._holding_time is not None and self._is_time_to_leave(now):
            self.completed = True
            return _LEAVES
        try:
            step = next(self._frames, _LEAVES)
        except _GaveUpError as error:
            self.cause = str(error)
            return _LEAVES
        if self._surrounded:
            audio = self._phone().frame(step.audio, heard)
            step = step._replace(audio=audio)
        return step

    @property
    def foresight(self) -> Foresight:
        """See :data:`fakes.twilio.caller.party.Foresight`."""
        return self.foresee

    def foresee(self, now: float) -> Step | None:
        """Tell what :meth:`frame` will return, as far as hearing cannot change it.

        Each frame that was foreseen must be lived through later all the same, in order
        and with the moment that was foreseen.

        Returns:
            The step of the frame at ``now``; None when it is to be decided by then.
        """
        if not self._foresees:
            return None
        if self._saying is not None:
            return self._saying.foresee()
        if self._silent_before is None:
            self._silent_before = self._foresee_silence()
        return _SILENT if now < self._silent_before else None

    def fill(self, record: CallRecord, since: float) -> None:
        """Write the caller's side into a record.

        Args:
            record: gets turns, utterances, underruns, drops and foreign speech.
            since: the moment from which the record counts.
        """
        self._listening.finish(since)
        ear = self._listening.ear
        heard = ear.utterances
        record.turns = self.turns
        record.utterances = [utterance.record() for utterance in heard.values()]
        for utterance in record.utterances:
            utterance.first_at -= since
            utterance.last_at -= since
        record.underruns = ear.underruns
        record.frames_dropped = self.frames_dropped
        said = [turn.said for turn in self.turns]
        record.foreign = foreign_speech(heard.values(), call=self.call, said=said)

    def _is_time_to_leave(self, now: float) -> bool:
        if self._holding_time is None:
            return False
        if self._leaves_at is None:
            self._leaves_at = now + self._holding_time
        return now >= self._leaves_at and not self._in_turn

    def _no_time_for_a_turn(self) -> bool:
        leaves_at = self._leaves_at
        return leaves_at is not None and self._now + TURN_TIME > leaves_at

    def live(self, heard: list[Heard]) -> None:
        """Live through frames that were foreseen, as by :meth:`frame` for each.

        As long as nothing new is heard, the script is where it was.
        """
        listening, saying = self._listening, self._saying
        said: list[tuple[Step, float]] = []
        for audio, now in heard:
            if listening.hear_known(audio, now):
                self._now = now
                if saying is not None:
                    said.append((saying.foreseen(), now))
            else:
                if saying is not None and said:
                    saying.note(said)
                    said = []
                self.frame(audio, now)
        if saying is not None and said:
            saying.note(said)
        self._silent_before = None

    def _foresee_silence(self) -> float:
        """Return the moment before which nothing is said or done."""
        if self._silence_ends is None:
            return -inf
        ends = self._silence_ends()
        if self._holding_time is not None:
            ends = min(ends, self._leaves_at or -inf)
        return ends - _MARGIN

    # --- the script --------------------------------------------------------------

    def _follow(self, conversation: Conversation) -> _Frames:
        for number, step in enumerate(conversation, 1):
            rest = filter(takes_time, islice(conversation, number, None))
            yield from self._take(step, next(rest, None))
        if not self.completed:
            self.completed = True
            yield _LEAVES

    def _take(
        self, step: ConversationStep, following: ConversationStep | None
    ) -> _Frames:
        match step:
            case AwaitGreeting(within=within):
                yield from self._await_greeting(within or self._patience, following)
                yield from self._hear_out(following)
            case Say():
                while self._no_time_for_a_turn():
                    yield self._silence(_never)  # but for leaving
                self._in_turn = True
                yield from self._say(step, following)
                self._in_turn = False
                if step.reply or step.listen:
                    yield from self._hear_out(following)
            case Sound():
                yield from self._make(step)
                if step.barge_in_after is not None:
                    yield from self._hear_out(following)
            case Around():
                self._phone().place(step)
                self._surrounded, self._foresees = True, False
            case Voice(name=name):
                self._voice = name
            case Press(digits=digits):
                for digit in digits:
                    yield Step(digits=digit)
            case Pause(seconds=seconds):
                self.doing = "pausing"
                yield from self._let_pass(seconds)
            case AwaitHangUp(within=within):
                self.awaits_hang_up = True
                yield from self._let_pass(within)
                raise _GaveUpError(f"the agent did not hang up within {within:g} s")
            case HangUp(how=how):
                self.completed = True
                yield Step(hang_up=how)

    def _silence(self, ends: Callable[[], float]) -> Step:
        """Return a silent step.

        Args:
            ends: tells the moment before which the next ones will be silent, too.
        """
        self._silence_ends = ends
        return _SILENT

    def _let_pass(self, seconds: float) -> _Frames:
        until = self._now + seconds
        while self._now < until:
            yield self._silence(lambda: until)

    def _await_greeting(
        self, within: float, following: ConversationStep | None
    ) -> _Frames:
        until = self._now + within
        self.doing, self.waits_since = "waiting", self._now
        ends = self._foresight(until, following, self._listening.no_end_before)
        while self.greeting_at is None:
            if self._now >= until:
                raise _GaveUpError(f"no greeting within {within:g} s")
            yield self._silence(ends)

    def _foresight(
        self,
        until: float,
        following: ConversationStep | None,
        decided: Callable[[], float],
    ) -> Callable[[], float]:
        """Return what tells when a wait for the agent may end in other than silence.

        Args:
            until: when it is given up.
            following: the step after it; one that barges in counts frames, about
                which no moment tells anything.
            decided: the earliest moment by what was heard so far.
        """
        if _barges_in(following):
            return _at_once
        return lambda: min(until, decided())

    def _hear_out(self, following: ConversationStep | None) -> _Frames:
        """Listen to what is being said until its end, or until it is barged into."""
        barge_in = None
        if isinstance(following, Say | Sound):
            barge_in = following.barge_in_after
        until = self._now + LONGEST_REPLY
        self.doing, self.waits_since = "listening", None
        ends = self._foresight(until, following, self._listening.not_over_before)
        while not self._listening.is_over():
            if barge_in is not None and self._listening.reply_heard >= barge_in - 1e-9:
                return
            if self._now >= until:
                text = f"the agent did not stop speaking for {LONGEST_REPLY:g} s"
                raise _GaveUpError(f"{text} {self.where}")
            yield self._silence(ends)

    def _say(self, step: Say, following: ConversationStep | None) -> _Frames:
        # A murmur is not meant to stop the agent.
        barging_in = step.barge_in_after is not None and not step.listen
        turn = self._listening.begin_turn(step.text, barging_in=barging_in)
        turn.awaited = step.reply
        self.doing, self.waits_since = "speaking", None
        yield from self._speak(turn)
        self.doing = "pausing"
        if step.reply:
            yield from self._await_reply(turn, following)

    def _speak(self, turn: TurnRecord) -> _Frames:
        speech = self._frames_of(
            turn.said,
            speaker=Speaker.CALLER,
            call=self.call,
            turn=turn.turn % 256,
            voice=self._voice,
        )
        saying = self._saying = Saying(
            turn,
            speech,
            self.frames_dropped,
            spoken=self._spoken,
            drop_every=self._drop_every,
        )
        while step := saying.take():
            saying.note(((step, self._now),))
            yield step
        self._spoken = saying.spoken
        self._saying = None

    def _make(self, step: Sound) -> _Frames:
        if step.keys:
            frames = sound_of_keys(step.keys)
        else:
            frames = sound(step.name, step.seconds, self.call % _SOUNDS_MADE)
        wordless = self._phone().wordless
        for audio in frames:
            yield _new(Step, (wordless(audio), False, "", None))

    def _phone(self) -> Microphone:
        if self._microphone is None:
            self._microphone = Microphone(self.call, self._speech_mode)
        return self._microphone

    def _await_reply(
        self, turn: TurnRecord, following: ConversationStep | None
    ) -> _Frames:
        spoke_until = self._now if turn.spoke_until is None else turn.spoke_until
        until = spoke_until + self._patience
        self.doing, self.waits_since = "waiting", spoke_until
        ends = self._foresight(until, following, self._listening.no_end_before)
        while turn.reply_at is None:
            if self._now >= until:
                text = f"no reply in turn {turn.turn} within {self._patience:g} s"
                raise _GaveUpError(text)
            yield self._silence(ends)


def _barges_in(step: ConversationStep | None) -> bool:
    return isinstance(step, Say | Sound) and step.barge_in_after is not None


def _never() -> float:
    return inf


def _at_once() -> float:
    return -inf


def _nothing_more() -> _Frames:
    yield from ()
