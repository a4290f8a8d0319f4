"""From the caller's mouth to the recogniser, where it is loud or the caller is not."""

from __future__ import annotations

from conformance._case import INFO, MUST, case
from conformance._line import Line
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    HangUp,
    Pause,
    Say,
    plain_words,
)

_QUESTION = "Where are you located?"


async def _expect_heard(line: Line, where: str) -> None:
    """Expect that the question arrived whole, was understood, and is answered."""
    turns = await line.heard()
    line.expect(
        bool(turns) and not turns[0].missing and not turns[0].repeated,
        f"every frame said {where} reaches the recogniser once",
        f"{len(turns[0].missing)} of {turns[0].frames} are missing"
        if turns
        else "none does",
    )
    got = turns[0].transcript
    line.expect(
        plain_words(got) == plain_words(_QUESTION),
        f"the transcript {_QUESTION!r}",
        repr(got),
    )
    line.expect_completed()


@case(
    "2.50",
    level=MUST,
    source="https://github.com/utsavk1993/wren/issues/50",
    mutants=("gates_out_what_is_not_loud",),
)
async def test_words_among_people_are_heard(line: Line) -> None:
    """What is said among other people talking is heard whole, and answered.

    Do: the caller stands in babble 12 dB below the voice, and asks a question.
    Expect: every frame of it reaches the recogniser, and a reply follows.
    Because: callers call from trains and offices; what is noise is for the recogniser
        to tell, which has learnt it.
    """
    await line.talk(Around("babble", 12.0), AwaitGreeting(), Say(_QUESTION), HangUp())
    await _expect_heard(line, "among people")


@case(
    "2.51",
    level=MUST,
    source="https://github.com/open-jarvis/OpenJarvis/issues/519",
    mutants=("gates_out_what_is_not_loud",),
)
async def test_a_soft_voice_is_heard(line: Line) -> None:
    """A caller who speaks softly is heard and answered like any other.

    Do: the caller is 20 dB softer than usual, and asks a question.
    Expect: every frame of it reaches the recogniser, and a reply follows.
    Because: an absolute threshold makes an agent deaf to half of its callers, and it
        does not even know.
    """
    await line.talk(Around(gain=-20.0), AwaitGreeting(), Say(_QUESTION), HangUp())
    await _expect_heard(line, "softly")


@case(
    "2.52",
    level=INFO,
    source="https://github.com/openclaw/openclaw/issues/16341",
)
async def test_what_an_echo_does(line: Line) -> None:
    """What the agent does when its own speech comes back from the caller's phone.

    Do: what the caller hears comes back after 160 ms, 20 dB quieter, loud enough to be
        transcribed; one question, its reply, then 4 s of silence.
    Expect: figures: frames of its own speech transcribed, and requests to the model.
    Because: an agent that answers its own words talks to itself, and somebody pays.
    """
    await line.talk(
        Around(echo=-20.0),
        AwaitGreeting(),
        Say(_QUESTION, reply=False),
        Pause(6.0),
        HangUp(),
    )
    heard = sum(attempt.echoed for attempt in await line.attempts("listen"))
    asked = await line.attempts("chat")
    line.figure("its own frames transcribed", heard, "frames")
    line.figure("requests to the model for one question", len(asked), "requests")
