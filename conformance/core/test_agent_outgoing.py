"""The agent's records of the calls that it places, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from conformance.core._virtual_loop import run_virtually
from voiceutils.agent.outgoing import OutgoingCall, OutgoingCalls
from voiceutils.errors import (
    DeadlineExceeded,
    ProviderError,
    RetriesExhausted,
    VoiceError,
)

REFUSED = ProviderError("no", status=400)
LOST = ProviderError("gone")


class Twilio:
    """Takes a call or does not, and says how it stands, one answer after the other."""

    def __init__(
        self, *stands: str | VoiceError, refusal: VoiceError | None = None
    ) -> None:
        self.stands = list(stands)
        self.refusal = refusal
        self.placed: list[str] = []
        self.asked: list[float] = []

    async def place(self, to: str, caller: str, twiml: str) -> str:
        self.placed.append(to)
        if self.refusal is not None:
            raise self.refusal
        return "CA1"

    async def status(self, call_sid: str) -> str:
        assert call_sid == "CA1"
        self.asked.append(asyncio.get_running_loop().time())
        told = self.stands.pop(0)
        if isinstance(told, VoiceError):
            raise told
        return told


async def placed(twilio: Twilio) -> tuple[OutgoingCalls, OutgoingCall]:
    """Place a call, whatever comes of it."""
    outgoing = OutgoingCalls(twilio)  # type: ignore[arg-type]
    record = OutgoingCall("+1")
    with suppress(VoiceError):
        await outgoing.place(record, "+2", "<Response/>")
    return outgoing, record


def virtually(main: Coroutine[Any, Any, None]) -> None:
    """Run it at once, whatever it waits for."""
    run_virtually(lambda: main)


def test_a_call_that_nobody_answers_ends_without_being_told() -> None:
    """Twilio is asked, ever less often, and not once more when it is over."""
    twilio = Twilio("queued", LOST, "ringing", "busy")

    async def main() -> None:
        _, record = await placed(twilio)
        assert (record.call_sid, record.is_over) == ("CA1", False)
        await asyncio.sleep(3600.0)
        assert record.status == "busy"

    virtually(main())

    assert twilio.asked == [2.0, 5.0, 9.5, 16.25]


def test_the_end_of_the_stream_ends_the_record() -> None:
    """At once; what Twilio would say later is not asked for any more."""
    twilio = Twilio("in-progress")

    async def main() -> None:
        outgoing, record = await placed(twilio)
        await asyncio.sleep(3.0)
        assert record.status == "in-progress"
        outgoing.stream_ended("CA1", "")
        await asyncio.sleep(3600.0)
        assert record.status == "completed"

    virtually(main())


def test_a_call_that_is_not_known_any_more_is_asked_for_once() -> None:
    """It was deleted there, or the token is another one."""

    async def main() -> None:
        _, record = await placed(Twilio(ProviderError("not found", status=404)))
        await asyncio.sleep(3600.0)
        assert record.status == "unknown"

    virtually(main())


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (REFUSED, "failed"),
        (RetriesExhausted("call", 5, LOST), "failed"),
        (LOST, "unknown"),
        (ProviderError("broken", status=500), "unknown"),
        (DeadlineExceeded("an answer", 3.0), "unknown"),
    ],
)
def test_what_became_of_a_request_that_failed_is_told(
    refusal: VoiceError, status: str
) -> None:
    """Failed only where there can be no call; asked once, in any case."""
    twilio = Twilio(refusal=refusal)

    async def main() -> None:
        _, record = await placed(twilio)
        await asyncio.sleep(3600.0)
        assert record.shown() == {"to": "+1", "call_sid": "", "status": status}

    virtually(main())

    assert (twilio.placed, twilio.asked) == (["+1"], [])


def test_a_call_whose_request_was_lost_is_known_by_its_stream() -> None:
    """Its parameter says whose it is; streams of others say nothing."""

    async def main() -> None:
        outgoing, record = await placed(Twilio(refusal=LOST))
        outgoing.stream_ended("", "")  # never started
        outgoing.stream_ended("CA2", "")  # somebody who called us
        assert record.status == "unknown"
        outgoing.stream_ended("CA1", record.placement)
        assert (record.call_sid, record.status) == ("CA1", "completed")

    virtually(main())
