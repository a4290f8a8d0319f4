"""The conversation in virtual time: what goes wrong, good-byes, and time limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.core._turns_talk import (
    PATIENCE,
    PHRASES,
    greeted,
    results,
    speech_started,
)
from voiceutils.agent.commands import Answer, Cancel, Clear, Command, HangUp, Say
from voiceutils.agent.settings import Phrases
from voiceutils.agent.turns import Turns


def thinking() -> Turns:
    """A conversation in which turn 2 is due, without audio yet."""
    turns = greeted()
    turns.recognised(results("hello", 1.0, ends=True), 1.6)
    return turns


@pytest.mark.parametrize("how", ["failed", "empty", "late"])
def test_reply_without_audio_is_apologised_for(how: str) -> None:
    """Failure, an empty reply and no reply at all are the same to the caller."""
    turns = thinking()

    commands = {
        "failed": lambda: turns.reply_failed(2, 2.0),
        "empty": lambda: turns.reply_ended(2, 2.0),
        "late": lambda: turns.on_timer(1.6 + PATIENCE.reply),
    }[how]()

    assert commands == [Cancel(2), Say(3, PHRASES.apology)]


def test_failed_apology_ends_the_call() -> None:
    """If not even that can be said, the caller should not wait."""
    turns = thinking()
    turns.reply_failed(2, 2.0)

    assert turns.reply_failed(3, 3.0) == [Cancel(3), HangUp()]
    assert turns.next_timer() is None


def test_who_has_no_voice_does_not_apologise() -> None:
    """A key that is refused is refused for the apology, too."""
    assert thinking().reply_failed(2, 2.0, mute=True) == [Cancel(2), HangUp()]


def test_speech_can_interrupt_what_a_failed_reply_has_left() -> None:
    """Audio sent before the failure is still playing."""
    turns = thinking()
    turns.audio_sent(2, 80000, 2.0)
    turns.sentence_sent(2, "2.1", "First.")
    turns.reply_failed(2, 2.5)

    assert turns.recognised(speech_started(4.0), 4.0) == [Cancel(3), Clear()]


def test_lost_recogniser_says_goodbye_and_hangs_up() -> None:
    """A caller who cannot be heard is told so; the call ends when that was played."""
    turns = greeted()

    assert turns.recogniser_failed(9.0) == [Say(2, PHRASES.farewell)]
    turns.audio_sent(2, 8000, 9.2)
    turns.sentence_sent(2, "2.1", PHRASES.farewell)
    turns.reply_ended(2, 9.3)
    assert turns.mark_returned("2.1", 10.2) == [HangUp()]


def parting(*said: str, parts: bool = True) -> list[Command]:
    """What follows when our answer to the last of these was heard.

    The others are interrupted, as soon as something of them is heard.
    """
    turns = Turns(Phrases(greeting=""), PATIENCE, parts=parts)
    turns.start(0.0)
    for number, text in enumerate(said, 1):
        now = 10.0 * number
        assert Answer(number) in turns.recognised(results(text, now, ends=True), now)
        turns.audio_sent(number, 8000, now + 3)
        turns.sentence_sent(number, "answer", "Bye.")
    turns.reply_ended(number, now + 3)
    return turns.mark_returned("answer", now + 4)


@pytest.mark.parametrize(
    "text", ["goodbye", "Thanks, goodbye.", "OK. Good-bye then", "Good bye, thank you!"]
)
def test_goodbye_is_answered_and_then_we_hang_up(text: str) -> None:
    """Not before the caller has heard the answer; never where we are not to."""
    assert parting(text) == [HangUp()]
    assert parting(text, parts=False) == []


@pytest.mark.parametrize(
    "text", ["Is goodbye one word?", "Goodbye blue sky is a song", "Goodbye?", "Buy it"]
)
def test_the_word_alone_is_no_goodbye(text: str) -> None:
    """It must end what is said, and ask nothing."""
    assert parting(text) == []


def test_who_thinks_better_of_it_stays() -> None:
    """A good-bye whose answer was interrupted by something else ends nothing."""
    assert parting("goodbye", "wait one more question") == []
    assert parting("wait", "goodbye") == [HangUp()]


def test_an_apology_in_place_of_the_answer_ends_nothing() -> None:
    """It asks the caller to say it again, so he must be able to."""
    turns = Turns(Phrases(greeting=""), PATIENCE, parts=True)
    turns.start(0.0)
    turns.recognised(results("goodbye", 1.0, ends=True), 2.0)
    assert Say(2, PHRASES.apology) in turns.reply_failed(1, 3.0)
    turns.audio_sent(2, 8000, 3.1)
    turns.sentence_sent(2, "2.1", PHRASES.apology)
    turns.reply_ended(2, 3.2)
    assert turns.mark_returned("2.1", 4.1) == []


def test_last_words_have_a_limit() -> None:
    """Goodbye that never sounds does not keep the call open."""
    turns = greeted()
    turns.recogniser_failed(9.0)

    assert turns.on_timer(9.0 + PATIENCE.leaving) == [Cancel(2), HangUp()]


def test_call_has_a_limit() -> None:
    """The longest call ends with a word."""
    turns = Turns(PHRASES, replace(PATIENCE, call=60.0))
    turns.start(0.0)

    assert Say(2, PHRASES.farewell) in turns.on_timer(60.0)


def test_long_reply_is_not_late() -> None:
    """The limit is for the first audio; a long reply goes on as long as it takes."""
    turns = thinking()
    for second in range(2, 30):
        turns.audio_sent(2, 8000, float(second))
        assert turns.on_timer(float(second)) == []

    assert turns.may_speak(2)
