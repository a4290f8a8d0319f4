"""From the answer to the first words."""

from __future__ import annotations

from conformance._case import MUST, case
from conformance._limits import GREETING_LIMIT
from conformance._line import Line
from fakes.faults import Delay
from fakes.twilio.script import AwaitGreeting, HangUp, Pause, Say


@case(
    "1.1",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/issues/5100",
    mutants=("greets_after_the_recogniser",),
)
async def test_greeting_does_not_wait_for_the_recogniser(line: Line) -> None:
    """The greeting does not wait for a slow recogniser.

    Do: let Deepgram take 2.5 s for the handshake of /v1/listen; the caller waits.
    Expect: the greeting is heard within 1.5 s of the answer.
    Because: nobody needs to be heard yet, and callers hang up on a silent line.
    """
    await line.fault("listen", Delay(2.5))
    record = await line.talk(AwaitGreeting(), HangUp())

    greeting = record.greeting_after
    line.expect(
        greeting is not None and greeting <= GREETING_LIMIT,
        f"the greeting is heard within {GREETING_LIMIT:g} s of the answer",
        "no greeting" if greeting is None else f"after {greeting:.2f} s",
    )


@case(
    "1.2",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/5241",
    mutants=("drops_audio_while_connecting",),
)
async def test_first_words_survive_a_slow_handshake(line: Line) -> None:
    """The first words of the caller are not lost in the handshake.

    Do: let Deepgram take 0.8 s for the handshake; the caller speaks from the first
        frame on, without waiting for a greeting.
    Expect: every frame of these words reaches the recogniser.
    Because: "Hello?" comes before any handshake ends, on every call.
    """
    await line.fault("listen", Delay(0.8))
    await line.talk(Say("What time is it?", reply=False), Pause(1.5), HangUp())

    turns = await line.heard()
    line.expect(
        bool(turns) and not turns[0].missing,
        "every frame of the first turn reaches the recogniser",
        f"frames {turns[0].missing} are missing" if turns else "nothing of it did",
    )
