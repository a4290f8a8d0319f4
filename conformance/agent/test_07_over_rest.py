"""The agent ends the call, by Twilio's REST interface."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, SHOULD, case
from conformance._line import Line, Unsupported
from conformance._records import REST
from fakes.faults import Fault, Refuse, Stall
from fakes.ledger import Attempt
from fakes.twilio.caller.script import AwaitGreeting, AwaitHangUp, Say

_PATIENCE = 18.0  # for the answer to a good-bye, and for a hang-up that fails
_AFTERWARDS = 2.0  # whatever comes too often comes by then
_ALWAYS = 100  # more often than anybody asks
_SOURCE = "https://github.com/pipecat-ai/pipecat/pull/4349"


async def _say_goodbye(
    line: Line, *faults: Fault, patience: float = _PATIENCE
) -> list[Attempt]:
    """Have the agent hang up, and return how often it asked for that.

    Raises:
        Unsupported: it does not hang up after a good-bye, or not over REST.
    """
    if faults:
        await line.fault(REST, *faults)
    goodbye = Say("Thanks, goodbye.", reply=False)
    await line.talk(AwaitGreeting(), goodbye, AwaitHangUp(patience), deadline=30.0)
    await asyncio.sleep(_AFTERWARDS)
    asked = [one for one in await line.attempts(REST) if one.said.startswith("POST")]
    if not asked:
        text = "does not end the call over Twilio's REST interface after a good-bye"
        raise Unsupported(f"the agent {text}")
    line.figure("requests to hang up", len(asked), "requests")
    return asked


def _expect_over(line: Line) -> None:
    assert line.record is not None
    got = line.record.cause or line.record.outcome
    line.expect(line.record.outcome == "completed", "the agent ends the call", got)


def _told(asked: list[Attempt]) -> str:
    moments = (f"{one.outcome} at {one.at - asked[0].at:.2f} s" for one in asked[:9])
    return f"{len(asked)}: {', '.join(moments)}"


@case(
    "7.40",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/blob/main/CHANGELOG.md",
    mutants=("hangs_up_twice",),
    needs=("hang-up",),
)
async def test_hangs_up_once(line: Line) -> None:
    """An agent that ends the call over REST asks for it once.

    Do: say goodbye, and wait for the agent to hang up.
    Expect: one request, with which the call ends.
    Because: a second one is refused, since the call is over, and then reported,
        retried, or taken for a failure of the call.
    """
    asked = await _say_goodbye(line)
    _expect_over(line)
    line.expect(len(asked) == 1, "one request to hang up", _told(asked))


@case(
    "7.41",
    level=MUST,
    source=_SOURCE,
    mutants=("lets_a_hang_up_fail",),
    needs=("hang-up",),
)
async def test_hang_up_that_fails_does_not_leave_the_call_up(line: Line) -> None:
    """A hang-up that Twilio cannot serve at the moment does not leave the call up.

    Do: say goodbye; refuse the request to hang up with 500, the next one with 429.
    Expect: the call ends, with a later request or the end of its stream.
    Because: a call that nobody ends goes on in silence, and is billed by the minute.
    """
    await _say_goodbye(line, Refuse(500), Refuse(429))
    _expect_over(line)


@case(
    "7.42",
    level=SHOULD,
    source="https://www.rfc-editor.org/rfc/rfc9110#field.retry-after",
    mutants=("hurries_its_hang_up",),
    needs=("hang-up",),
)
async def test_hang_up_waits_as_long_as_it_is_asked_to(line: Line) -> None:
    """A hang-up that Twilio asks to come later comes later.

    Do: say goodbye; refuse the request to hang up with 429 and ``Retry-After: 2``.
    Expect: the next request 2 s later or after that.
    Because: who comes back earlier is refused again, and so are all his other calls.
    """
    asked = await _say_goodbye(line, Refuse(429, retry_after=2.0))
    if len(asked) < 2:
        raise Unsupported("the agent does not ask again")
    line.expect(asked[1].at - asked[0].at >= 1.95, "2 s between two", _told(asked))


@case(
    "7.43",
    level=MUST,
    source=_SOURCE,
    mutants=("waits_for_ever_to_hang_up",),
    needs=("hang-up",),
)
async def test_hang_up_without_answer_does_not_leave_the_call_up(line: Line) -> None:
    """A hang-up that is not answered does not leave the call up.

    Do: say goodbye; leave the first request to hang up without any answer.
    Expect: the call ends, with a later request or the end of its stream.
    Because: without a deadline the wait is as long as the connection lives.
    """
    await _say_goodbye(line, Stall(when="knock"))
    _expect_over(line)


@case(
    "7.44",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/blob/main/CHANGELOG.md",
    mutants=("takes_an_ended_call_for_a_failure",),
    needs=("hang-up",),
)
async def test_hang_up_of_a_call_that_is_over_is_done(line: Line) -> None:
    """A hang-up that comes when the call is over has nothing left to do.

    Do: say goodbye; answer every request to hang up with 404 and code 20404, as Twilio
        does when the call is over; then call again.
    Expect: one request, and the next call is answered.
    Because: callers hang up in the same moment as agents, many times a day.
    """
    asked = await _say_goodbye(line, *(Refuse(404),) * _ALWAYS, patience=8.0)
    line.expect(len(asked) == 1, "one request to hang up", _told(asked))
    await line.check_alive()


@case(
    "7.45",
    level=MUST,
    source=_SOURCE,
    mutants=("hangs_up_for_ever",),
    needs=("hang-up",),
)
async def test_hang_up_that_is_forbidden_is_given_up(line: Line) -> None:
    """A hang-up that is not allowed is given up.

    Do: say goodbye; refuse every request to hang up with 401.
    Expect: no more than two requests.
    Because: a wrong token stays wrong, and nobody sees what is only tried again.
    """
    asked = await _say_goodbye(line, *(Refuse(401),) * _ALWAYS, patience=8.0)
    line.expect(len(asked) <= 2, "at most two requests", _told(asked))


@case(
    "7.46",
    level=SHOULD,
    source=_SOURCE,
    mutants=("lets_a_hang_up_fail",),
    needs=("hang-up",),
)
async def test_call_that_cannot_be_hung_up_is_ended_otherwise(line: Line) -> None:
    """A call that cannot be hung up over REST is ended by the end of its stream.

    Do: say goodbye; refuse every request to hang up with 401.
    Expect: the agent closes the media socket.
    Because: the caller has heard a good-bye, and the meter runs until somebody acts.
    """
    await _say_goodbye(line, *(Refuse(401),) * _ALWAYS, patience=12.0)
    _expect_over(line)
