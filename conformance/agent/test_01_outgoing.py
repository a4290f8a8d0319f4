"""The agent calls somebody, by Twilio's REST interface."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, case
from conformance._line import Line
from conformance._outgoing import Outgoing
from fakes.faults import Reset
from fakes.twilio.exchange.lifecycle import ENDS

_ONE_CALL = 15.0  # greeting, hang-up, and some that are dialled before it
_AGAIN = 4.0
_RECORDED = 5.0


@case(
    "1.40",
    level=MUST,
    source="https://github.com/elizaOS/eliza/pull/24838",
    mutants=("dials_again_when_the_answer_is_lost",),
    needs=("outgoing-calls",),
)
async def test_lost_answer_does_not_make_a_second_call(line: Line) -> None:
    """A call whose request was accepted, and its answer lost, is not placed again.

    Do: have the agent call somebody; Twilio takes the call, and the connection is reset
        before it has answered.
    Expect: 4 s later there is one call to that number.
    Because: Twilio cannot tell a second request from a second call, so somebody's phone
        rings twice, and both are paid for.
    """
    outgoing = Outgoing(line)
    await outgoing.settle(Reset(when="handshake"))
    await outgoing.place()
    await asyncio.sleep(_AGAIN)
    calls = await outgoing.calls()
    line.expect(len(calls) == 1, "one call", f"{len(calls)} calls")


@case(
    "1.41",
    level=MUST,
    source="https://github.com/openclaw/openclaw/pull/1180",
    mutants=("waits_for_a_callback",),
    needs=("outgoing-calls",),
)
async def test_record_of_a_call_ends_without_callbacks(line: Line) -> None:
    """The record of a call comes to its end, though no status callback does.

    Do: have the agent call somebody of whose calls Twilio tells nothing; he hears the
        greeting, and hangs up.
    Expect: 5 s later the agent's own list says that the call is over.
    Because: callbacks may not come, as with TwiML in the request; a call that is up for
        ever holds its place in every limit and queue.
    """
    outgoing = Outgoing(line)
    await outgoing.settle(callbacks_lost=True)
    await outgoing.place()
    (call, *_) = await outgoing.until(
        outgoing.calls, lambda calls: calls[0]["status"] in ENDS, within=_ONE_CALL
    )
    line.expect(call["status"] == "completed", "a completed call", call["status"])
    records = await outgoing.until(
        outgoing.records, lambda told: bool(told) and told[-1] in ENDS, within=_RECORDED
    )
    told = records[-1] if records else "not listed"
    line.expect(told in ENDS, f"one of {', '.join(sorted(ENDS))}", told)
