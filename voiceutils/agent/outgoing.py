"""The calls that the agent places, and its record of each.

Twilio is given the document with the request, so it asks nobody for one. No record
waits for a status callback: it ends with the call's media stream, and for a call that
nobody answers Twilio is asked how it stands.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from dataclasses import dataclass, field

from voiceutils.backoff import Backoff
from voiceutils.errors import RetriesExhausted, VoiceError
from voiceutils.twilio_calls import ENDED, TwilioCalls

__all__ = ["PLACEMENT", "OutgoingCall", "OutgoingCalls"]

PLACEMENT = "placement"
"""The stream's parameter that names the record of its call."""
MOST_RECORDS = 200
_UNKNOWN = "unknown"
# Ringing ends after a minute, a call after four hours.
_ASKING = Backoff(2.0, 1.5, 60.0)
_MOST_ASKED = 300


@dataclass
class OutgoingCall:
    """The record of one call.

    Attributes:
        to: whom it calls.
        call_sid: empty while Twilio has not told it.
        status: as Twilio names them; ``unknown`` when the request was lost, so that the
            call may come about or not.
        placement: names this record, in the call's stream.
    """

    to: str
    call_sid: str = ""
    status: str = "queued"
    placement: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to come any more."""
        return self.status in ENDED

    def shown(self) -> dict[str, str]:
        """Return what others may know of it."""
        return {"to": self.to, "call_sid": self.call_sid, "status": self.status}


class OutgoingCalls:
    """Places calls and keeps the newest records.

    Args:
        calls: of the account.
    """

    def __init__(self, calls: TwilioCalls) -> None:
        self.calls = calls
        self.records: deque[OutgoingCall] = deque(maxlen=MOST_RECORDS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self, record: OutgoingCall, caller: str, twiml: str) -> None:
        """Place the call of a record, once.

        Args:
            record: new; it is kept whatever comes of the call.
            caller: the account's number that calls.
            twiml: what the call does once it is answered.

        Raises:
            VoiceError: refused, or its fate is unknown; the record says which.
        """
        self.records.append(record)
        try:
            record.call_sid = await self.calls.place(record.to, caller, twiml)
        except VoiceError as failure:
            record.status = "failed" if _was_refused(failure) else _UNKNOWN
            raise
        task = asyncio.create_task(self.watch(record))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def watch(self, record: OutgoingCall) -> None:
        """Ask Twilio how a call stands until it is over, ever less often."""
        for number in range(_MOST_ASKED):
            await asyncio.sleep(_ASKING.delay(number, 1.0))
            if record.is_over or record.status == _UNKNOWN:
                return
            await self._ask_about(record)

    async def _ask_about(self, record: OutgoingCall) -> None:
        try:
            status = await self.calls.status(record.call_sid)
        except VoiceError as failure:
            if getattr(failure, "retryable", True):
                return  # it may be told the next time
            status = _UNKNOWN  # the record was deleted there, or the token revoked
        if not record.is_over:
            record.status = status

    def stream_ended(self, call_sid: str, placement: str) -> None:
        """End the record of a call whose media stream has ended."""
        for record in self.records:
            known = record.call_sid == call_sid != ""
            if known or record.placement == placement:
                record.call_sid, record.status = call_sid, "completed"

    def close(self) -> None:
        """Ask for nothing any more."""
        for task in self._tasks:
            task.cancel()


def _was_refused(failure: VoiceError) -> bool:
    """Tell whether a call was certainly not placed; see ``TwilioCalls.place``."""
    status = getattr(failure, "status", None) or 500
    return isinstance(failure, RetriesExhausted) or status < 500
