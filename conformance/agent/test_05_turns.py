"""Whose turn it is, and what is answered."""

from __future__ import annotations

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Drop, Duplicate, LateFinal, NoFinal, Trickle
from fakes.ledger import Attempt
from fakes.speech import numbers_in
from fakes.twilio.caller.script import (
    AwaitGreeting,
    HangUp,
    Pause,
    Press,
    Say,
    plain_words,
)


@case(
    "5.1",
    level=MUST,
    source="https://github.com/bolna-ai/bolna/pull/284",
    mutants=("answers_twice",),
)
async def test_one_answer_to_one_utterance(line: Line) -> None:
    """One utterance gets one answer.

    Do: greeting; two questions, each followed by 1.5 s of silence, so that both
        speech_final and UtteranceEnd tell of its end.
    Expect: the model is asked twice in all.
    Because: an agent that takes both for an end of turn says everything twice.
    """
    await line.talk(
        AwaitGreeting(),
        Say("What time is it?"),
        Pause(1.5),
        Say("Where are you located?"),
        Pause(1.5),
        HangUp(),
    )
    line.expect_completed()

    asked = await line.attempts("chat")
    line.expect(len(asked) == 2, "two requests to the model", f"{len(asked)}")


@case(
    "5.2",
    level=MUST,
    source="https://github.com/utsavk1993/wren/issues/54",
    mutants=("keeps_only_the_last_final",),
)
async def test_long_utterance_is_answered_whole(line: Line) -> None:
    """An utterance that is transcribed in several finals is answered whole.

    Do: say one long sentence, of which the recogniser finishes pieces on the way.
    Expect: the reply, which repeats what was understood, has all of its words.
    Because: finals append; an agent that keeps the last one answers half a sentence.
    """
    said = (
        "The order that I placed last Monday has not arrived and the driver did not "
        "leave a note so please tell me where it is now."
    )
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    record = line.expect_completed()

    heard = plain_words(record.turns[0].heard)
    missing = [word for word in plain_words(said) if word not in heard]
    line.expect(not missing, "the reply repeats every word", f"it lacks {missing}")


@case(
    "5.3",
    level=MUST,
    source="https://github.com/deepgram/deepgram-js-sdk/issues/343",
    mutants=("waits_for_the_final",),
)
async def test_missing_final_does_not_hang_the_turn(line: Line) -> None:
    """A turn whose final never comes is answered all the same.

    Do: let the recogniser send interim results only; ask a question.
    Expect: something is heard within 8 s of the caller's last word, or the agent ends
        the call.
    Because: finals go missing in practice, and the caller only hears silence.
    """
    await line.fault("listen", NoFinal())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


def _words_asked(attempts: list[Attempt]) -> list[str]:
    return [word for attempt in attempts for word in plain_words(attempt.said)]


@case(
    "5.4",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4938",
    mutants=("ignores_words_while_thinking",),
)
async def test_second_thought_is_not_lost(line: Line) -> None:
    """What the caller adds while the agent is thinking is not lost.

    Do: let the model take 1.5 s; say something, and 0.7 s later something else.
    Expect: the model is told both, in one request or in two, in this order.
    Because: people pause in the middle of what they have to say.
    """
    first, second = "I need a room for Monday.", "Please make it a quiet one."
    await line.fault("chat", *(Trickle(0.3),) * 3)
    await line.talk(
        AwaitGreeting(), Say(first, reply=False), Pause(0.7), Say(second), HangUp()
    )
    words = _words_asked(await line.attempts("chat"))
    line.expect(
        "monday" in words and "quiet" in words[words.index("monday") :],
        "the model is told of Monday, then of quiet",
        " ".join(words) or "it is asked nothing",
    )
    line.expect_completed()


@case(
    "5.5",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4057",
    mutants=("answers_interims_and_finals",),
)
async def test_late_final_is_answered_once(line: Line) -> None:
    """Words whose final comes late are answered once.

    Do: finals come 1.2 s late; two questions with their replies.
    Expect: the model is told every word once, in order.
    Because: an agent that loses patience must know the words when they come again.
    """
    said = ("What time is it?", "Where are you located?")
    await line.fault("listen", LateFinal(1.2))
    await line.talk(
        AwaitGreeting(), *(Say(text) for text in said), Pause(1.0), HangUp()
    )
    line.expect_completed()
    words = _words_asked(await line.attempts("chat"))
    wanted = [word for text in said for word in plain_words(text)]
    line.expect(words == wanted, " ".join(wanted), " ".join(words))


@case(
    "5.6",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4042",
    mutants=("answers_silence",),
)
async def test_silence_is_not_answered(line: Line) -> None:
    """A caller who says nothing is not answered by the model.

    Do: after the greeting the caller is silent for 5 s.
    Expect: the model is not asked anything.
    Because: empty transcripts come all the time; each would be a paid answer.
    """
    await line.talk(AwaitGreeting(), Pause(5.0), HangUp())
    asked = await line.attempts("chat")
    line.expect(not asked, "no request to the model", f"{len(asked)}")


@case(
    "5.7",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/548",
    mutants=("trusts_every_final",),
)
async def test_repeated_results_change_nothing(line: Line) -> None:
    """Results that come twice change nothing.

    Do: the recogniser sends each of its results twice; two questions.
    Expect: no word of a question is told to the model twice.
    Because: a doubled final is a second turn to an agent that counts messages.
    """
    said = ("What time is it?", "Where are you located?")
    await line.fault("listen", Duplicate(count=10_000, kind="Results"))
    await line.talk(
        AwaitGreeting(), *(Say(text) for text in said), Pause(1.0), HangUp()
    )
    words = _words_asked(await line.attempts("chat"))
    wanted = [word for text in said for word in plain_words(text)]
    line.expect(words == wanted, " ".join(wanted), " ".join(words))


@case(
    "5.8",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/4396",
    mutants=("needs_speech_started",),
    needs=("barge-in",),
)
async def test_words_alone_interrupt(line: Line) -> None:
    """The caller's words interrupt even when no SpeechStarted told of them.

    Do: lose every SpeechStarted; interrupt a long reply after 0.8 s.
    Expect: the old reply is not heard 2 s after the caller's first word.
    Because: that event is best effort, and not sent at all with some settings.
    """
    long = "Please book a table for four on Friday evening at half past seven."
    await line.fault("listen", Drop(count=10_000, kind="SpeechStarted"))
    await line.talk(AwaitGreeting(), Say(long), Say(long, barge_in_after=0.8), HangUp())
    await line.attempts()
    turn = line.expect_completed().turns[1]
    line.expect(turn.barge_in, "the agent is speaking", "silence")
    stopped = turn.stopped_after
    line.expect(
        stopped is not None and stopped <= 2.0,
        "the old reply ends within 2 s",
        "never" if stopped is None else f"{stopped:.2f} s",
    )


@case(
    "5.9",
    level=MUST,
    source="https://github.com/twilio-labs/call-gpt",
    mutants=("says_old_text_again",),
)
async def test_each_question_is_asked_alone(line: Line) -> None:
    """Each question is put to the model with its own words alone.

    Do: three questions with their replies.
    Expect: the last thing that each request says for the user is that question.
    Because: text that is not cleared after its turn comes back in the next one.
    """
    said = ("What time is it?", "Where are you located?", "Is the shop open today?")
    await line.talk(AwaitGreeting(), *(Say(text) for text in said), HangUp())
    line.expect_completed()
    asked = [plain_words(attempt.said) for attempt in await line.attempts("chat")]
    line.expect(
        asked == [plain_words(text) for text in said],
        "; ".join(said),
        "; ".join(map(" ".join, asked)),
    )


@case(
    "5.10",
    level=MUST,
    source="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    mutants=("hangs_up_at_a_key", "stops_speaking_for_good_at_a_key"),
)
async def test_keys_do_not_break_the_call(line: Line) -> None:
    """Keys pressed at any time do not break the call.

    Do: press keys over the greeting and over a reply; ask another question.
    Expect: the last question is answered.
    Because: callers press keys by chance, with the cheek, and out of habit.
    """
    await line.talk(
        AwaitGreeting(),
        Press("1"),
        Say("Where is my parcel?"),
        Press("2#*"),
        Pause(3.5),
        Say("What time is it?"),
        HangUp(),
    )
    line.expect_completed()


@case(
    "5.11",
    level=SHOULD,
    source="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    mutants=("ignores_the_keypad", "takes_each_key_for_a_turn"),
    needs=("keypad",),
)
async def test_number_that_is_keyed_in_is_answered(line: Line) -> None:
    """A number that is keyed in is answered like one that is spoken.

    Do: after the greeting press four digits and the hash key, and wait.
    Expect: one request to the model, which has the four digits in order.
    Because: account numbers are keyed in, since nobody likes to say them aloud.
    """
    await line.talk(AwaitGreeting(), Press(f"{line.call}#"), Pause(4.0), HangUp())
    asked = await line.attempts("chat")
    said = " ".join(attempt.said for attempt in asked)
    digits = "".join(letter for letter in said if letter.isdigit())
    line.expect(
        len(asked) == 1 and (digits == str(line.call) or line.call in numbers_in(said)),
        f"one request that has {line.call}",
        f"{len(asked)} requests: {said!r}",
    )
