"""The caller leaves, in one way or another."""

from __future__ import annotations

from conformance._case import MUST, case
from conformance._limits import TEARDOWN_LIMIT
from conformance._line import Line
from fakes.twilio.script import AwaitGreeting, HangUp, HangUpHow, Say


async def _hang_up_and_look(line: Line, how: HangUpHow) -> None:
    await line.talk(AwaitGreeting(), Say("What time is it?", reply=False), HangUp(how))
    attempts = await line.attempts()
    line.expect(
        any(attempt.surface == "listen" for attempt in attempts),
        "the agent had a connection to the recogniser",
        "none",
    )
    left = await line.open_sockets(within=TEARDOWN_LIMIT)
    line.expect(
        not left,
        f"no provider socket is open {TEARDOWN_LIMIT:g} s after the hang-up",
        ", ".join(f"{attempt.surface} (attempt {attempt.id})" for attempt in left),
    )


@case(
    "7.1",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/4",
    mutants=("keeps_the_recogniser_open",),
)
async def test_sockets_close_after_stop(line: Line) -> None:
    """After stop and close, nothing of the call stays open.

    Do: say something, then end the call with ``stop`` and a close.
    Expect: 2 s later no provider socket of this call is open.
    Because: providers bill by the second, and their connection limits are small.
    """
    await _hang_up_and_look(line, "stop")


@case(
    "7.2",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core/issues/741",
    mutants=("cleans_up_only_after_stop",),
)
async def test_sockets_close_without_stop(line: Line) -> None:
    """After a close without ``stop``, nothing of the call stays open.

    Do: say something, then close the media socket.
    Expect: 2 s later no provider socket of this call is open.
    Because: Twilio does not promise a ``stop``.
    """
    await _hang_up_and_look(line, "close")


@case(
    "7.3",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core/issues/741",
    mutants=("cleans_up_only_after_stop",),
)
async def test_sockets_close_after_a_reset(line: Line) -> None:
    """After a TCP reset, nothing of the call stays open.

    Do: say something, then reset the connection.
    Expect: 2 s later no provider socket of this call is open.
    Because: networks and proxies end calls without a word.
    """
    await _hang_up_and_look(line, "reset")
