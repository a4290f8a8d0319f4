"""Whose turn it is, and what is answered."""

from __future__ import annotations

from conformance._case import MUST, case
from conformance._line import Line
from fakes.faults import NoFinal
from fakes.twilio.script import AwaitGreeting, HangUp, Pause, Say, plain_words


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
