"""Whose turn it is in one call; no socket, no clock.

What the recogniser, the model and Twilio report is first reduced to a *happening*;
the table then says what follows. Only this machine knows which turn may be heard:
audio of any other turn is late and must not be sent. Turns are numbered from 1.
"""

from __future__ import annotations

from enum import Enum

from voiceutils.agent.commands import (
    Answer,
    Cancel,
    Clear,
    Command,
    Finalize,
    HangUp,
    Say,
)
from voiceutils.agent.keypad import Keypad
from voiceutils.agent.playing import Playing, Sentence
from voiceutils.agent.settings import Patience, Phrases
from voiceutils.agent.table import TABLE, Happening, State, Step
from voiceutils.agent.utterance import Progress, Utterance, ends_with_goodbye
from voiceutils.wire.chat import Message
from voiceutils.wire.deepgram_listen import FromListen

__all__ = ["Turns"]


class _Timer(Enum):
    FINAL = "words came, their final did not"
    WORDS = "the caller spoke, no words came"
    KEYS = "no further key was pressed"
    REPLY = "our turn has no audio yet"
    MARKS = "marks are overdue"
    LEAVING = "the last words take too long"
    CALL = "the call has lasted as long as it may"


_EXPIRED = {
    _Timer.WORDS: Happening.UNHEARD,
    _Timer.REPLY: Happening.FAILED,
    _Timer.LEAVING: Happening.LATE,
    _Timer.CALL: Happening.LATE,
}


class Turns:
    """One call's conversation.

    Commands returned must be carried out in order; afterwards ``next_timer`` tells
    when to call ``on_timer``. ``now`` is monotonic seconds.

    Args:
        phrases: what the agent says by itself.
        patience: its time limits.
        parts: whether we hang up once a good-bye of the caller is answered.
    """

    def __init__(
        self, phrases: Phrases, patience: Patience, *, parts: bool = False
    ) -> None:
        self._phrases = phrases
        self._patience = patience
        self._parts = parts
        self.state = State.LISTENING

        self._turn = 0
        self._live: int | None = None
        self._begun_by = Step.ANSWER
        self._has_audio = False
        self._complete = False  # all audio of the live turn has been sent
        self._answers: set[int] = set()
        self._parting: int | None = None  # the turn that answers a good-bye
        self._failures = 0

        self._utterance = Utterance()
        self._asked_to_finalize = False
        self._keypad = Keypad()
        self._history: list[Message] = []
        self._playing = Playing()
        self._due: dict[_Timer, float] = {}

    # --- what the driver may ask --------------------------------------------------

    @property
    def is_unplayed(self) -> bool:
        """Whether Twilio may still have audio to play."""
        return bool(self._playing)

    def may_speak(self, turn: int) -> bool:
        """Tell whether audio of this turn may be sent."""
        return turn == self._live

    def messages(self) -> tuple[Message, ...]:
        """Return what to ask the model: only what the caller said and has heard."""
        recent = self._history[-self._patience.history_messages :]
        return (Message("system", self._phrases.instructions), *recent)

    def next_timer(self) -> float | None:
        """Return when ``on_timer`` is due, or None."""
        return min(self._due.values(), default=None)

    # --- what the driver reports --------------------------------------------------

    def start(self, now: float) -> list[Command]:
        """The call has begun."""
        self._due[_Timer.CALL] = now + self._patience.call
        if not self._phrases.greeting:
            return []
        self.state = State.THINKING
        return [self._say(Step.ANSWER, self._phrases.greeting, now)]

    def recognised(self, event: FromListen, now: float) -> list[Command]:
        """The recogniser has said something."""
        progress = self._utterance.take_in(event)
        if progress is Progress.NOTHING or self.state is State.ENDED:
            return []
        if progress is Progress.VOICE:
            if self.state is State.SPEAKING:
                self._due[_Timer.WORDS] = now + self._patience.words
        else:
            self._due.pop(_Timer.WORDS, None)
            self._due[_Timer.FINAL] = now + self._patience.final
            self._asked_to_finalize = False
        return self._happened(Happening[progress.name], now)

    def pressed(self, digit: str, now: float) -> list[Command]:
        """A key was pressed; a number that is complete is answered like words."""
        if self.state in (State.LEAVING, State.ENDED):
            return []
        if self._keypad.press(digit):
            return self._number_ended(now)
        self._due[_Timer.KEYS] = now + self._patience.keys
        return []

    def sounded(self, now: float) -> bool:
        """The line carried a voice for a while; the recogniser ought to notice.

        False asks to be told again: who spoke over us is not answered before our turn
        is over, but waits from when he spoke.
        """
        if self.state not in (State.LISTENING, State.SPEAKING):
            return False
        self._due.setdefault(_Timer.WORDS, now + self._patience.recogniser)
        return self.state is State.LISTENING

    def recogniser_failed(self, now: float) -> list[Command]:
        """No words will come any more."""
        return self._happened(Happening.DEAF, now)

    def audio_sent(self, turn: int, size: int, now: float) -> None:
        """So many bytes of audio of a turn were sent to Twilio."""
        assert self.may_speak(turn), f"audio of turn {turn}, which is over"
        self._has_audio = True
        self._playing.audio(size, now)
        self._due[_Timer.MARKS] = self._playing.until + self._patience.mark
        self._due.pop(_Timer.REPLY, None)
        self._happened(Happening.AUDIO, now)

    def sentence_sent(self, turn: int, mark: str, text: str) -> None:
        """All audio of a sentence and the mark behind it were sent to Twilio."""
        assert self.may_speak(turn), f"a mark of turn {turn}, which is over"
        self._playing.mark(Sentence(mark, turn, text))

    def mark_returned(self, mark: str, now: float) -> list[Command]:
        """Twilio has played what came before the mark, or never will."""
        self._remember(self._playing.returned(mark))
        return self._perhaps_played(now)

    def reply_ended(self, turn: int, now: float) -> list[Command]:
        """All audio of a turn has been sent; none at all means that it failed."""
        if turn != self._live:
            return []
        if not self._has_audio:
            return self.reply_failed(turn, now)
        self._complete = True
        return self._perhaps_played(now)

    def reply_failed(
        self, turn: int, now: float, *, mute: bool = False
    ) -> list[Command]:
        """The rest of a turn cannot be had; ``mute``: nor can any other speech."""
        happening = Happening.HOPELESS if mute else Happening.FAILED
        return self._happened(happening, now) if turn == self._live else []

    def on_timer(self, now: float) -> list[Command]:
        """Act on every time limit that has passed."""
        commands: list[Command] = []
        for timer in [timer for timer, due in self._due.items() if due <= now]:
            if self._due.get(timer, now + 1) <= now:
                del self._due[timer]
                commands += self._expired(timer, now)
        return commands

    # --- inside -------------------------------------------------------------------

    def _expired(self, timer: _Timer, now: float) -> list[Command]:
        if timer is _Timer.FINAL:
            return self._final_is_late(now)
        if timer is _Timer.KEYS:
            return self._number_ended(now)
        if timer is _Timer.MARKS:
            self._remember(self._playing.overdue())
            return self._perhaps_played(now)
        return self._happened(_EXPIRED[timer], now)

    def _number_ended(self, now: float) -> list[Command]:
        self._due.pop(_Timer.KEYS, None)
        if not (number := self._keypad.take()):
            return []
        self._utterance.add(number)
        return self._happened(Happening.FINISHED, now)

    def _final_is_late(self, now: float) -> list[Command]:
        if not self._utterance.text:
            return []
        if self._asked_to_finalize:
            return self._happened(Happening.FINISHED, now)
        self._asked_to_finalize = True
        self._due[_Timer.FINAL] = now + self._patience.finalize
        return [Finalize()]

    def _perhaps_played(self, now: float) -> list[Command]:
        if self._live is None or not self._complete or self.is_unplayed:
            return []
        self._due.pop(_Timer.MARKS, None)
        turn, self._live = self._live, None
        parted = turn == self._parting
        return self._happened(Happening.PARTED if parted else Happening.PLAYED, now)

    def _remember(self, heard: list[Sentence]) -> None:
        """Keep what the caller has heard; the model must not remember more."""
        for sentence in heard:
            text = sentence.text
            if sentence.turn in self._answers:
                self._failures = 0
            if self._history and self._history[-1].role == "assistant":
                text = f"{self._history.pop().text} {text}"
            self._history.append(Message("assistant", text))
        del self._history[: -2 * self._patience.history_messages]

    def _happened(self, happening: Happening, now: float) -> list[Command]:
        if happening is Happening.FAILED:
            self._failures += 1
            apologised = self._begun_by is not Step.ANSWER
            if apologised or self._failures >= self._patience.failures:
                happening = Happening.HOPELESS
        move = TABLE[self.state].get(happening)
        if move is None:
            return []
        self.state, steps = move
        commands: list[Command] = []
        for step in steps:
            commands += self._do(step, now)
        return commands

    def _do(self, step: Step, now: float) -> list[Command]:
        if step is Step.CANCEL:
            return self._cancel()
        if step is Step.CLEAR:
            return self._clear(now)
        if step is Step.RECALL:
            self._recall()
            return []
        if step is Step.ANSWER:
            return [self._answer(now)]
        if step is Step.HANG_UP:
            self._due.clear()
            return [HangUp()]
        if step is Step.FAREWELL:
            self._due[_Timer.LEAVING] = now + self._patience.leaving
        text = {
            Step.REPROMPT: self._phrases.reprompt,
            Step.APOLOGISE: self._phrases.apology,
            Step.FAREWELL: self._phrases.farewell,
        }[step]
        return [self._say(step, text, now)]

    def _begin(self, step: Step, now: float) -> int:
        self._turn += 1
        self._live = self._turn
        self._begun_by = step
        self._has_audio = self._complete = False
        self._due[_Timer.REPLY] = now + self._patience.reply
        return self._turn

    def _say(self, step: Step, text: str, now: float) -> Command:
        return Say(self._begin(step, now), text)

    def _answer(self, now: float) -> Command:
        self._due.pop(_Timer.FINAL, None)
        text = self._utterance.take()
        self._history.append(Message("user", text))
        turn = self._begin(Step.ANSWER, now)
        self._answers = {turn}
        self._parting = turn if self._parts and ends_with_goodbye(text) else None
        return Answer(turn)

    def _cancel(self) -> list[Command]:
        turn, self._live = self._live, None
        self._due.pop(_Timer.REPLY, None)
        return [] if turn is None else [Cancel(turn)]

    def _clear(self, now: float) -> list[Command]:
        self._due.pop(_Timer.MARKS, None)
        if not self._playing:
            return []
        self._playing.clear(now)
        return [Clear()]

    def _recall(self) -> None:
        """Take back what the caller said before going on: one answer serves both."""
        if self._turn in self._answers and self._history[-1].role == "user":
            self._utterance.recall(self._history.pop().text)
