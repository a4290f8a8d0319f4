"""The conversation in virtual time: one answer each, silence when interrupted."""

from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conformance.core._turns_talk import (
    PATIENCE,
    PHRASES,
    greeted,
    results,
    speech_started,
    utterance_end,
)
from voiceutils.agent.commands import (
    Answer,
    Cancel,
    Clear,
    Command,
    Finalize,
    HangUp,
    Say,
)
from voiceutils.agent.table import TABLE, Happening, State, Step
from voiceutils.agent.turns import Turns
from voiceutils.wire.deepgram_listen import (
    Results,
    SpeechStarted,
    UtteranceEnd,
)


def said(turns: Turns) -> list[str]:
    """What the model would be told of the conversation."""
    return [f"{m.role}: {m.text}" for m in turns.messages()[1:]]


# --- one utterance, one answer -----------------------------------------------------


def test_speech_final_is_answered_at_once() -> None:
    """The end of an utterance asks the model without any wait."""
    turns = greeted()

    assert turns.recognised(results("book a table", 1.0, ends=True), 2.2) == [Answer(2)]
    assert said(turns) == ["assistant: Hello.", "user: book a table"]


@pytest.mark.parametrize("timed", [True, False])
def test_utterance_end_after_speech_final_is_not_answered(timed: bool) -> None:
    """Both announce the end of the same speech; it is answered once (bolna#284)."""
    turns = greeted()
    turns.recognised(results("hello there", 1.0, ends=True, timed=timed), 2.0)

    assert turns.recognised(utterance_end(1.6), 2.7) == []


def test_speech_final_after_utterance_end_is_not_answered() -> None:
    """A late final of words that were answered already is not a new utterance."""
    turns = greeted()
    turns.recognised(results("hello there", 1.0), 1.7)
    assert turns.recognised(utterance_end(1.6), 2.7) == [Answer(2)]

    assert turns.recognised(results("Hello there.", 1.0, ends=True), 2.9) == []
    assert turns.state is State.THINKING


def test_utterance_end_answers_what_has_no_speech_final() -> None:
    """Finals and the last interim are all that was said; then it starts afresh."""
    turns = greeted()
    turns.recognised(results("I want", 1.0, final=True), 1.7)
    turns.recognised(results("to pay", 1.6), 2.3)

    assert turns.recognised(utterance_end(2.2), 3.3) == [Answer(2)]
    assert said(turns)[-1] == "user: I want to pay"


def test_finals_append_and_interims_replace() -> None:
    """Three finals make one utterance; no interim is counted twice."""
    turns = greeted()
    turns.recognised(results("one", 1.0), 1.4)
    turns.recognised(results("one", 1.0, final=True), 1.5)
    turns.recognised(results("two", 1.3), 1.7)
    turns.recognised(results("two", 1.3, final=True), 1.8)

    assert turns.recognised(results("three", 1.6, ends=True), 2.2) == [Answer(2)]
    assert said(turns)[-1] == "user: one two three"


@pytest.mark.parametrize("end", [-1.0, 0.9])
def test_stale_utterance_end_is_ignored(end: float) -> None:
    """-1 means ignore; an earlier time belongs to an earlier utterance."""
    turns = greeted()
    turns.recognised(results("wait for the rest", 2.0), 3.3)

    assert turns.recognised(utterance_end(end), 3.4) == []


def test_empty_transcripts_mean_nothing() -> None:
    """Silence is transcribed too; it neither interrupts nor ends anything."""
    turns = greeted()

    assert turns.recognised(results("", 1.0), 1.2) == []
    assert turns.recognised(results("", 1.0, ends=True), 1.4) == []
    assert turns.state is State.LISTENING


def test_caller_who_goes_on_gets_one_answer_to_both_parts() -> None:
    """Words while the answer is being made take the question back."""
    turns = greeted()
    turns.recognised(results("I would like", 1.0, ends=True), 2.2)

    assert turns.recognised(results("two tickets", 2.5), 2.9) == [Cancel(2)]
    assert turns.recognised(results("two tickets", 2.5, ends=True), 3.4) == [Answer(3)]
    assert said(turns)[-1] == "user: I would like two tickets"


def test_missing_final_is_asked_for_then_done_without() -> None:
    """Interims without a final: Finalize, then the interim itself is answered."""
    turns = greeted()
    turns.recognised(results("are you there", 1.0), 2.0)

    due = turns.next_timer()
    assert due == 2.0 + PATIENCE.final
    assert turns.on_timer(due) == [Finalize()]
    due = turns.next_timer()
    assert due is not None
    assert turns.on_timer(due) == [Answer(2)]
    assert said(turns)[-1] == "user: are you there"


def test_empty_final_on_request_keeps_the_interim() -> None:
    """The answer to Finalize may be empty; the words were said nevertheless."""
    turns = greeted()
    turns.recognised(results("are you there", 1.0), 2.0)
    turns.on_timer(2.0 + PATIENCE.final)

    final = results("", 1.0, final=True, from_finalize=True)
    assert turns.recognised(final, 5.1) == [Answer(2)]
    assert said(turns)[-1] == "user: are you there"


# --- interruption ------------------------------------------------------------------


def speaking() -> Turns:
    """A conversation whose answer is being heard: two sentences, none played."""
    turns = greeted()
    turns.recognised(results("go on", 1.0, ends=True), 2.0)
    for mark, text in (("2.1", "First."), ("2.2", "Second.")):
        turns.audio_sent(2, 8000, 2.5)
        turns.sentence_sent(2, mark, text)
    turns.reply_ended(2, 2.6)
    return turns


@pytest.mark.parametrize(
    "event",
    [speech_started(3.0), results("stop", 3.0), results("stop", 3.0, final=True)],
)
def test_speech_clears_what_is_unplayed(
    event: Results | SpeechStarted,
) -> None:
    """Voice or words over unplayed audio: stop making it, then clear it."""
    turns = speaking()

    assert turns.recognised(event, 3.2) == [Cancel(2), Clear()]
    assert not turns.may_speak(2)
    assert not turns.is_unplayed


def test_a_whole_utterance_over_audio_interrupts_and_is_answered() -> None:
    """The final alone may tell of the interruption."""
    turns = speaking()

    commands = turns.recognised(results("stop it", 3.0, ends=True), 3.9)

    assert commands == [Cancel(2), Clear(), Answer(3)]


def test_marks_sent_back_by_clear_prove_nothing() -> None:
    """Only what was played before the interruption is remembered."""
    turns = speaking()
    turns.mark_returned("2.1", 3.1)
    turns.recognised(results("stop", 3.0), 3.2)
    turns.mark_returned("2.2", 3.3)
    turns.recognised(results("stop", 3.0, ends=True), 3.6)

    assert said(turns)[-3:] == ["user: go on", "assistant: First.", "user: stop"]


def test_late_marks_do_not_touch_the_next_reply() -> None:
    """A cleared mark that returns late leaves the next reply interruptible."""
    turns = speaking()
    turns.recognised(results("stop", 3.0, ends=True), 3.6)
    turns.audio_sent(3, 8000, 4.0)
    turns.sentence_sent(3, "3.1", "Yes.")
    turns.mark_returned("2.1", 4.1)
    turns.mark_returned("2.2", 4.1)

    assert turns.recognised(speech_started(4.2), 4.3) == [Cancel(3), Clear()]


def test_reply_can_be_interrupted_until_it_was_played() -> None:
    """All audio sent is not all audio heard."""
    turns = speaking()

    assert turns.state is State.SPEAKING
    assert turns.recognised(results("wait", 3.4), 3.8) == [Cancel(2), Clear()]


def test_nothing_is_cleared_when_nothing_is_unplayed() -> None:
    """Speech after the last mark is a normal turn."""
    turns = speaking()
    turns.mark_returned("2.2", 4.6)

    assert turns.recognised(speech_started(5.0), 5.1) == []


def test_marks_that_never_return_do_not_hold_the_call() -> None:
    """When the audio must have been played, it counts as played."""
    turns = speaking()

    due = turns.next_timer()
    assert due is not None
    assert due == pytest.approx(2.5 + 2.0 + PATIENCE.mark)
    assert turns.on_timer(due) == []
    assert turns.state is State.LISTENING
    assert said(turns)[-1] == "assistant: First. Second."


def test_interruption_without_words_is_asked_about() -> None:
    """A cough stopped the reply; the caller is not left in silence."""
    turns = speaking()
    turns.recognised(speech_started(3.0), 3.2)

    due = turns.next_timer()
    assert due == 3.2 + PATIENCE.words
    assert turns.on_timer(due) == [Say(3, PHRASES.reprompt)]


def test_voice_on_the_line_without_any_words_is_asked_about() -> None:
    """A recogniser that has gone quiet does not make a silent call."""
    turns = greeted()
    turns.sounded(5.0)

    assert turns.on_timer(5.0 + PATIENCE.recogniser) == [Say(2, PHRASES.reprompt)]


def test_voice_over_a_reply_without_any_words_is_asked_about() -> None:
    """The caller interrupts, and the recogniser does not notice."""
    turns = speaking()
    turns.sounded(3.0)
    turns.mark_returned("2.1", 3.5)
    turns.mark_returned("2.2", 4.5)

    assert turns.on_timer(3.0 + PATIENCE.recogniser) == [Say(3, PHRASES.reprompt)]


def test_voice_over_our_turn_is_to_be_told_again_after_it() -> None:
    """Nobody is asked to repeat himself in the middle of our own sentence."""
    assert not speaking().sounded(3.0)
    assert greeted().sounded(3.0)


# --- the table ---------------------------------------------------------------------


def test_every_state_can_end() -> None:
    """From each state, things going wrong leads to the end."""
    for state in set(State) - {State.ENDED}:
        reached = {state}
        for _ in State:
            for one in tuple(reached):
                reached |= {TABLE[one][h][0] for h in Happening if h in TABLE[one]}
        assert State.ENDED in reached


def test_whoever_interrupts_our_turn_cancels_it() -> None:
    """No move from our turn to the caller's leaves our turn being made."""
    for state in (State.THINKING, State.SPEAKING):
        for happening in (Happening.WORDS, Happening.FINISHED, Happening.FAILED):
            assert TABLE[state][happening][1][0] is Step.CANCEL


class Conversation(RuleBasedStateMachine):
    """Any order of events, checked against what a caller would notice."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(PHRASES, PATIENCE)
        self.now = 0.0
        self.heard_until = 0.0  # end of the last final, or of what was answered
        self.said_until = 0.0
        self.making: int | None = None
        self.sent: list[str] = []  # marks at Twilio
        self.unplayed = False
        self.plays_until = 0.0
        self.over: set[int] = set()
        self.utterances = 0
        self.answers = 0
        self.ended = False
        self.take(self.turns.start(0.0))

    def take(self, commands: list[Command]) -> None:
        for command in commands:
            assert not self.ended, "a command after the call was ended"
            if isinstance(command, Answer | Say):
                assert self.making is None, "two turns at once"
                self.making = command.turn
                if isinstance(command, Answer):
                    self.answers += 1
                    self.heard_until = self.said_until
            elif isinstance(command, Cancel):
                self.over.add(command.turn)
                self.making = None
            elif isinstance(command, Clear):
                assert self.unplayed, "a clear for nothing"
                self.sent.clear()
                self.unplayed = False
                self.plays_until = self.now
            elif isinstance(command, HangUp):
                self.ended = True

    def speech(self, event: Results | SpeechStarted | UtteranceEnd) -> None:
        unplayed, state = self.unplayed, self.turns.state
        commands = self.turns.recognised(event, self.now)
        if unplayed and state is State.SPEAKING and not isinstance(event, UtteranceEnd):
            assert Clear() in commands, "speech over unplayed audio without clear"
        self.take(commands)

    @rule(seconds=st.floats(0.01, 12.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        while (due := self.turns.next_timer()) is not None and due <= self.now:
            self.take(self.turns.on_timer(due))
        if self.now >= self.plays_until + PATIENCE.mark:  # marks count as lost
            self.sent.clear()
            self.unplayed = False

    @rule()
    def voice(self) -> None:
        self.now += 0.1
        self.speech(speech_started(self.said_until + 0.05))

    @rule(words=st.integers(1, 4), ends=st.booleans(), final=st.booleans())
    def words(self, words: int, ends: bool, final: bool) -> None:
        self.now += 0.1
        event = results("la " * words, self.heard_until, final=final, ends=ends)
        self.utterances += 1
        end = self.heard_until + event.duration
        self.said_until = max(self.said_until, end)
        if event.is_final:
            self.heard_until = end
        self.speech(event)

    @rule()
    def gap(self) -> None:
        self.speech(utterance_end(self.said_until))

    @rule(from_finalize=st.booleans())
    def silence(self, from_finalize: bool) -> None:
        event = results("", self.heard_until, final=True, from_finalize=from_finalize)
        self.take(self.turns.recognised(event, self.now))

    @precondition(lambda self: self.making is not None)
    @rule(size=st.integers(1, 16000))
    def audio(self, size: int) -> None:
        assert self.making is not None
        assert self.turns.may_speak(self.making)
        self.turns.audio_sent(self.making, size, self.now)
        self.unplayed = True
        self.plays_until = max(self.plays_until, self.now) + size / 8000
        name = f"{self.making}.{len(self.sent)}.{self.now}"
        self.turns.sentence_sent(self.making, name, "La.")
        self.sent.append(name)

    @precondition(lambda self: self.making is not None)
    @rule(well=st.booleans())
    def made(self, well: bool) -> None:
        assert self.making is not None
        turn = self.making
        if well and self.unplayed:
            self.making = None
            self.take(self.turns.reply_ended(turn, self.now))
        else:
            self.take(self.turns.reply_failed(turn, self.now))

    @precondition(lambda self: bool(self.sent))
    @rule()
    def mark(self) -> None:
        name = self.sent.pop(0)
        self.unplayed = bool(self.sent)
        self.take(self.turns.mark_returned(name, self.now))

    @rule(name=st.sampled_from(["1.0.0.0", "9.9", ""]))
    def strange_mark(self, name: str) -> None:
        if name not in self.sent:
            self.take(self.turns.mark_returned(name, self.now))

    @rule()
    def recogniser_lost(self) -> None:
        self.take(self.turns.recogniser_failed(self.now))

    @invariant()
    def never_more_answers_than_utterances(self) -> None:
        assert self.answers <= self.utterances

    @invariant()
    def over_is_over(self) -> None:
        assert not any(self.turns.may_speak(turn) for turn in self.over)

    @invariant()
    def caller_is_not_forgotten(self) -> None:
        """Whenever something of ours is due, a time limit watches over it."""
        busy = self.turns.state in (State.THINKING, State.SPEAKING, State.LEAVING)
        assert not busy or self.turns.next_timer() is not None

    @invariant()
    def ended_means_ended(self) -> None:
        assert self.ended == (self.turns.state is State.ENDED)


Conversation.TestCase.settings = hypothesis_settings(
    max_examples=150, stateful_step_count=40
)
TestConversation = Conversation.TestCase


def test_number_that_is_keyed_in_is_answered_once() -> None:
    """Digits are kept until the hash key, then they are one utterance."""
    turns, now = greeted(), 2.0
    for digit in "4729":
        assert turns.pressed(digit, now) == []
    commands = turns.pressed("#", now)

    assert commands == [Answer(2)]
    assert turns.messages()[-1].text == "4729"
    assert turns.pressed("#", now) == []


def test_number_without_a_hash_ends_after_a_pause() -> None:
    """No further key for a while ends the number; each key begins the wait anew."""
    turns, now = greeted(), 2.0
    turns.pressed("1", now)
    turns.pressed("2", now + PATIENCE.keys - 0.1)

    assert turns.on_timer(now + PATIENCE.keys + 0.1) == []
    assert turns.on_timer(now + 2 * PATIENCE.keys) == [Answer(2)]
    assert turns.messages()[-1].text == "12"


def test_key_alone_does_not_stop_a_reply() -> None:
    """A key pressed while the agent speaks stops nothing before its number is whole."""
    turns = Turns(PHRASES, PATIENCE)
    turns.start(0.0)
    turns.audio_sent(1, 8000, 0.1)
    assert turns.state is State.SPEAKING

    assert turns.pressed("5", 0.2) == []
    assert turns.state is State.SPEAKING
