"""From the answer to the first words."""

from __future__ import annotations

from conformance._case import INFO, MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Delay
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say
from fakes.twilio.media.stream_core import Settings


@case(
    "1.1",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/issues/5100",
    mutants=("greets_after_the_recogniser",),
    needs=("greeting",),
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
        greeting is not None and greeting <= line.limits.greeting,
        f"the greeting is heard within {line.limits.greeting:g} s of the answer",
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


@case(
    "1.3",
    level=MUST,
    source="https://github.com/deepgram-starters/node-live-transcription/issues/9",
    mutants=("drops_the_opening_burst",),
)
async def test_opening_burst_is_heard(line: Line) -> None:
    """What was said while the media socket opened comes in one burst, and is heard.

    Do: the caller speaks from the answer on; the first second of it was gathered while
        the socket was set up and arrives at once.
    Expect: every frame of these words reaches the recogniser.
    Because: "Hello?" is said before the socket is open; Twilio keeps it for the agent.
    """
    await line.talk(
        Say("What time is it?", reply=False),
        Pause(1.0),
        HangUp(),
        settings=Settings(startup_backlog=1.0),
    )
    turns = await line.heard()
    line.expect(
        bool(turns) and not turns[0].missing,
        "every frame of the burst reaches the recogniser",
        f"frames {turns[0].missing} are missing" if turns else "nothing of it did",
    )


@case(
    "1.4",
    level=SHOULD,
    source="https://github.com/openclaw/openclaw/pull/12471",
    mutants=("puts_a_token_into_the_query",),
)
async def test_stream_address_has_no_query(line: Line) -> None:
    """The TwiML does not put anything into the query of the stream's address.

    Do: ask the voice webhook for its TwiML.
    Expect: the address of the Stream has no ``?``; parameters go into Parameter.
    Because: Twilio does not pass a query on, so a token in it never arrives, and every
        call is refused.
    """
    order = await line.twiml()
    # What Twilio would strip is told as a warning beside the address.
    odd = [one.text for one in order.warnings if "query" in one.text]
    line.expect(not odd, "no query", "; ".join(odd))


@case(
    "1.5",
    level=INFO,
    source="https://github.com/pipecat-ai/pipecat/issues/5100",
    needs=("greeting",),
)
async def test_time_to_the_greeting_is_told(line: Line) -> None:
    """How long the caller waits for the first sound.

    Do: call, and listen to the greeting.
    Expect: a figure.
    Because: the first silence of a call is the one in which callers hang up.
    """
    record = await line.talk(AwaitGreeting(), HangUp())
    line.expect(record.greeting_after is not None, "a greeting", record.cause)
    line.figure("answer to greeting", record.greeting_after or 0.0)


@case(
    "1.6",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/13",
    mutants=("greets_the_first_caller_only", "plays_to_the_first_stream"),
)
async def test_second_call_is_like_the_first(line: Line) -> None:
    """The call after a call is answered like the first one.

    Do: three calls, one after the other.
    Expect: each is greeted, and its question answered.
    Because: what a finished call leaves behind in the process meets the next caller.
    """
    await line.check_alive()
    await line.check_alive()
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    record = line.expect_completed()
    wrong = [f.text for f in record.findings if f.code == "31951"]
    line.expect(not wrong, "the later call is on a stream of its own", "; ".join(wrong))
