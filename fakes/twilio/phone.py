"""Places a phone call to an agent: rings, talks, hangs up, and reports.

The only module here that knows a clock; the protocol is in :mod:`fakes.twilio.stream`,
the caller in :mod:`fakes.twilio.caller`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec

from fakes.call_record import ENDED_BY_TESTER, CallRecord, Finding
from fakes.twilio.caller import PATIENCE, Caller
from fakes.twilio.dial import CallFailed, dial_media, fetch_twiml, stream_of_socket_url
from fakes.twilio.line import Line
from fakes.twilio.script import (
    AwaitGreeting,
    AwaitHangUp,
    Conversation,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    conversation,
)
from fakes.twilio.stream import MediaStream, Settings, StreamState
from fakes.twilio.twiml import StreamOrder
from fakes.twilio.webhook import CallLeg, voice_webhook

__all__ = [
    "AwaitGreeting",
    "AwaitHangUp",
    "CallOrder",
    "Conversation",
    "ConversationStep",
    "HangUp",
    "Pause",
    "PhoneCall",
    "Press",
    "Say",
    "Settings",
    "conversation",
    "place_call",
]


class CallOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What call to place.

    Attributes:
        agent: the voice webhook (``http(s)://``) or the media socket (``ws(s)://``).
        conversation: what the caller does.
        call: the caller's number, at most 24 bits; its speech carries it.
        auth_token: signs webhook and upgrade; never recorded.
        drop_every: leave out every n-th frame of caller speech.
        connect: host -> "IP:PORT" to connect to in its place, without TLS; Host and
            signature keep the original.
        deadline: seconds that the whole call may take.
        intended_at: when the call should have begun (monotonic seconds), to tell a
            late generator from a slow agent.
        patience: seconds to wait for a greeting or a reply.
        call_sid: ``CA`` and 32 hex digits; random when None.
        seed: decides stream sid and first timestamp.
        settings: where Twilio's behaviour is worth varying.
    """

    agent: str
    conversation: tuple[ConversationStep, ...]
    call: int
    auth_token: str = ""
    drop_every: int | None = None
    connect: dict[str, str] = {}
    deadline: float = 60.0
    intended_at: float | None = None
    patience: float = PATIENCE
    call_sid: str | None = None
    seed: int = 0
    settings: Settings = Settings()


async def place_call(
    agent: str,
    conversation: Conversation,
    *,
    call: int,
    auth_token: str = "",
    drop_every: int | None = None,
    connect: Mapping[str, str] | None = None,
    deadline: float = 60.0,
    intended_at: float | None = None,
    patience: float = PATIENCE,
    call_sid: str | None = None,
    seed: int = 0,
    settings: Settings | None = None,
) -> CallRecord:
    """Place one call and return its record; see :class:`CallOrder` for the arguments.

    Never raises for what the agent does: such a call has the outcome ``failed`` and
    one clear cause.
    """
    order = CallOrder(
        agent=agent,
        conversation=tuple(conversation),
        call=call,
        auth_token=auth_token,
        drop_every=drop_every,
        connect=dict(connect or {}),
        deadline=deadline,
        intended_at=intended_at,
        patience=patience,
        call_sid=call_sid,
        seed=seed,
        settings=settings or Settings(),
    )
    return await PhoneCall(order).run()


class PhoneCall:
    """One call, which can be hung up from outside.

    Args:
        order: what call to place.
    """

    def __init__(self, order: CallOrder) -> None:
        self._order = order
        self._leg = CallLeg.of(order.call, order.call_sid)
        self._caller = Caller(
            order.conversation,
            call=order.call,
            patience=order.patience,
            drop_every=order.drop_every,
        )
        self._findings: list[Finding] = []
        self._stream: MediaStream | None = None
        self._line: Line | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._ended: str = ""  # why it was ended from outside
        self._failed: str = ""
        self._placed_at = 0.0
        self._opened_at: float | None = None

    def hang_up(self, cause: str = ENDED_BY_TESTER) -> None:
        """End the call politely, wherever it is; :meth:`run` then returns soon."""
        self._ended = self._ended or cause
        if self._stream is not None and self._line is not None:
            self._stream.hang_up("stop", asyncio.get_running_loop().time())
            self._line.wake()
        elif self._ringing is not None:
            self._ringing.cancel()

    async def run(self) -> CallRecord:
        """Place the call; return when it is over."""
        loop = asyncio.get_running_loop()
        self._placed_at = loop.time()
        # A task of its own, so that ending the call never cancels who awaits it.
        self._ringing = asyncio.ensure_future(self._ring_and_talk())
        deadline = loop.call_later(self._order.deadline, self._expire)
        try:
            await self._ringing
        except CallFailed as failure:
            self._failed = str(failure)
            self._find(failure.code, str(failure))
        except asyncio.CancelledError:
            if not self._ended or not self._ringing.done():
                self._ringing.cancel()
                raise
        finally:
            deadline.cancel()
        return self._record(loop.time())

    def _expire(self) -> None:
        seconds = self._order.deadline
        place = self._caller.where if self._stream else "while connecting"
        self.hang_up(f"the call exceeded its deadline of {seconds:g} s {place}")

    async def _ring_and_talk(self) -> None:
        order = self._order
        media = await self._ring()
        for warned in media.warnings:
            self._find(warned.code, warned.text)
        connection = await dial_media(
            media.url, auth_token=order.auth_token, via=order.connect
        )
        stream = MediaStream(
            self._leg,
            self._caller,
            parameters=media.parameters,
            settings=order.settings,
            seed=order.seed,
        )
        self._opened_at = asyncio.get_running_loop().time()
        self._line = Line(connection, stream)
        self._stream = stream
        await self._line.run()

    async def _ring(self) -> StreamOrder:
        order = self._order
        if order.agent.startswith(("ws:", "wss:")):
            return stream_of_socket_url(order.agent)
        if not order.agent.startswith(("http:", "https:")):
            cause = f"wrong scheme: agent {order.agent!r} is neither http(s) nor ws(s)"
            raise CallFailed("11100", cause)
        request = voice_webhook(
            order.agent,
            self._leg,
            auth_token=order.auth_token,
            issued_at=int(time.time()),
        )
        return await fetch_twiml(request, order.connect)

    def _find(self, code: str, text: str) -> None:
        at = asyncio.get_running_loop().time() - self._placed_at
        self._findings.append(Finding(code, text, at))

    def _record(self, now: float) -> CallRecord:
        placed, opened, stream = self._placed_at, self._opened_at, self._stream
        cause = self._cause()
        record = CallRecord(
            call=self._order.call,
            call_sid=self._leg.call_sid,
            agent=self._order.agent,
            outcome="failed" if cause else "completed",
            cause=cause,
            intended_at=self._order.intended_at,
            placed_at=placed,
            answered_after=None if opened is None else opened - placed,
            duration=now - placed,
            findings=self._findings,
        )
        if opened is not None and self._caller.greeting_at is not None:
            record.greeting_after = self._caller.greeting_at - opened
        self._caller.fill(record, placed)
        if stream is not None:
            record.frames_sent = stream.frames_sent
            record.lateness = stream.lateness.to_counts()
            record.findings += [
                msgspec.structs.replace(finding, at=finding.at - placed)
                for finding in stream.findings
            ]
        return record

    def _cause(self) -> str:
        caller, stream = self._caller, self._stream
        if caller.completed:
            return ""
        if self._ended or self._failed or caller.cause:
            return self._ended or self._failed or caller.cause
        if stream is None or stream.state is not StreamState.ENDED_BY_AGENT:
            return "the call ended without a reason"
        if caller.awaits_hang_up and stream.closed_politely:
            return ""
        return f"{stream.end} {caller.where}"
