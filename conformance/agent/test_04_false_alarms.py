"""What the caller does while the agent speaks, and is no reason to stop."""

from __future__ import annotations

from conformance._barge_in import LONG
from conformance._case import INFO, MUST, case
from conformance._line import Line
from fakes.twilio.caller.script import Around, AwaitGreeting, HangUp, Say, Sound


@case(
    "4.50",
    level=MUST,
    source="https://github.com/getpaseo/paseo/issues/112",
    mutants=("stops_for_any_sound",),
)
async def test_a_cough_does_not_stop_the_reply(line: Line) -> None:
    """A cough is no reason to stop speaking.

    Do: ask for a long reply, cough after 1 s of it, and listen to its end.
    Expect: no utterance of the agent is cut short.
    Because: people cough; an agent that stops for it leaves them with half an answer
        and a silence.
    """
    record = await line.talk(
        AwaitGreeting(), Say(LONG), Sound("cough", barge_in_after=1.0), HangUp()
    )
    _expect_nothing_cut(line)
    line.expect(bool(record.utterances), "a reply", record.cause)


@case(
    "4.51",
    level=INFO,
    source="https://github.com/livekit/agents/issues/4450",
)
async def test_what_a_murmur_does(line: Line) -> None:
    """Whether "mm-hmm" stops the reply.

    Do: ask for a long reply, murmur "Mm-hmm." after 1 s of it, and listen.
    Expect: figures: utterances cut short, and requests to the model.
    Because: it means "go on"; an agent that takes it for a question stops, and answers
        what nobody asked. Not all want it otherwise: a "yes" can be an answer.
    """
    record = await line.talk(
        AwaitGreeting(),
        Say(LONG),
        Say("Mm-hmm.", barge_in_after=1.0, reply=False, listen=True),
        HangUp(),
    )
    cut = sum(utterance.cut for utterance in record.utterances)
    line.figure('utterances that "mm-hmm" cut short', cut, "utterances")
    asked = len(await line.attempts("chat"))
    line.figure("requests to the model for one question", asked, "requests")


@case(
    "4.52",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/issues/984",
    mutants=("stops_for_any_sound",),
)
async def test_noise_does_not_stop_the_reply(line: Line) -> None:
    """The agent speaks on while it is loud around the caller.

    Do: the caller stands in traffic 12 dB below the voice, and asks for a long reply.
    Expect: no utterance of the agent is cut short, the greeting's included.
    Because: it is loud all the time there, so a reply would never come to its end.
    """
    await line.talk(Around("street", 12.0), AwaitGreeting(), Say(LONG), HangUp())
    _expect_nothing_cut(line)
    line.expect_completed()


def _expect_nothing_cut(line: Line) -> None:
    record = line.record
    assert record is not None, "talk first"
    cut = [utterance.text for utterance in record.utterances if utterance.cut]
    line.expect(not cut, "every utterance is heard to its end", f"cut short: {cut}")
