"""Places a phone call to an agent: rings, talks, hangs up, and reports.

The call is run by :mod:`fakes.twilio.leg.leg_call`, the caller by
:mod:`fakes.twilio.caller.caller`; here is what becomes of them a record.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from fakes.call_record import ENDED_BY_TESTER, CallRecord, LineEvent
from fakes.loopback import is_loopback
from fakes.speech import SpeechMode
from fakes.twilio.call_order import CallOrder
from fakes.twilio.caller.caller import PATIENCE, Caller
from fakes.twilio.caller.script import (
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
from fakes.twilio.flow.orders import Over, Voice
from fakes.twilio.leg.call_story import CallStory
from fakes.twilio.leg.leg_call import LegCall
from fakes.twilio.media.call_streams import CallStreams
from fakes.twilio.media.recording import Recording
from fakes.twilio.media.stream_core import Settings, StreamState
from fakes.twilio.phones.link import link_here
from fakes.twilio.phones.messages import (
    CallRefused,
    HangUpCall,
    Ordered,
    RedirectCall,
)
from fakes.twilio.web.credentials import credentials_of
from fakes.twilio.web.dial import CallFailed, Reach, stream_of_socket_url
from fakes.twilio.web.trust import trusting
from fakes.twilio.web.webhook import CallLeg

__all__ = [
    "AwaitGreeting",
    "AwaitHangUp",
    "CallOrder",
    "Conversation",
    "ConversationStep",
    "HangUp",
    "LegCall",
    "Pause",
    "PhoneCall",
    "Press",
    "Say",
    "Settings",
    "conversation",
    "place_call",
]


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
    authority: str = "",
    impairment: str = "",
    record_to: str = "",
    speech: SpeechMode = "exact",
    switch: str = "",
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
        authority=authority,
        impairment=impairment,
        record_to=record_to,
        speech=speech,
        switch=switch,
    )
    return await PhoneCall(order).run()


class PhoneCall:
    """One call, which can be hung up from outside.

    Args:
        order: what call to place.
    """

    __slots__ = (
        *("_call", "_caller", "_ended", "_failed", "_leg", "_order", "_rest"),
        *("_story",),
    )

    def __init__(self, order: CallOrder) -> None:
        self._order = order
        self._leg = CallLeg.of(order.call, order.call_sid)
        self._caller = Caller(
            order.conversation,
            call=order.call,
            patience=order.patience,
            drop_every=order.drop_every,
            holding_time=order.holding_time,
            speech=order.speech,
        )
        self._caller.listen_for_arrivals(self._arrived)
        self._story = CallStory()
        self._call: LegCall | None = None
        self._ended = ""  # why it was ended from outside
        self._failed = ""
        # What the agent has done to the call over REST.
        self._rest: Literal["", "hung up", "redirected"] = ""

    @property
    def streams(self) -> CallStreams | None:
        """The media streams of the call; None before it is placed."""
        return None if self._call is None else self._call.streams

    @property
    def caller(self) -> Caller | None:
        """Who is on the line; None before it can be talked."""
        return None if self._story.opened_at is None else self._caller

    def hang_up(self, cause: str = ENDED_BY_TESTER) -> None:
        """End the call politely, wherever it is; :meth:`run` then returns soon."""
        self._ended = self._ended or cause
        if self._call is not None:
            self._call.hang_up(cause)

    async def run(self) -> CallRecord:
        """Place the call; return when it is over."""
        try:
            return await self._run()
        finally:
            self._caller.leave()

    async def _run(self) -> CallRecord:
        loop = asyncio.get_running_loop()
        if self._order.authority:
            trusting(self._order.authority)  # a wrong path is told at once
        switch = self._order.switch
        link = link_here(switch) if switch else None
        if link is not None:
            await link.opened()
        self._story.placed_at = time.monotonic()
        try:
            call = self._call = self._leg_call(self._voice())
        except CallFailed as failure:
            self._failed = str(failure)
            self._story.find(failure.code, str(failure), time.monotonic())
            return self._record(time.monotonic())
        deadline = loop.call_later(self._order.deadline, self._expire)
        if link is not None:
            self._story.line = link.place(self._leg, self._obey)
        try:
            if not self._ended:
                await call.run()
        finally:
            deadline.cancel()
            if self._story.line is not None:
                self._story.line.ended(Over("failed", "the phone let it go"))
        return self._record(self._story.ended_at or time.monotonic())

    def _obey(self, order: Ordered) -> None:
        """Do what REST wants of the call."""
        match order:
            case HangUpCall(cause=cause) if cause:
                self.hang_up(cause)
            case HangUpCall() if self._call is not None:
                self._rest = "hung up"
                self._call.hang_up()
            case RedirectCall(voice=voice) if self._call is not None:
                self._rest = "redirected"
                self._call.redirect(voice)
            case CallRefused(reason=reason):
                text = f"REST does not reach this call: {reason}"
                self._story.find("switch", text, time.monotonic())

    def _leg_call(self, voice: Voice) -> LegCall:
        order = self._order
        credentials = credentials_of(os.environ)
        self._leg = self._leg._replace(account_sid=credentials.account_sid)
        # The tester has named this agent himself, wherever it is.
        host = urlsplit(order.agent).hostname or ""
        return LegCall(
            self._leg,
            self._caller,
            voice,
            observer=self._story,
            reach=Reach(
                order.auth_token or credentials.auth_token,
                order.connect,
                order.authority,
                anywhere=not is_loopback(host),
            ),
            settings=order.settings,
            flow_settings=order.flow,
            impairment=order.impairment,
            record=bool(order.record_to),
            seed=order.seed,
        )

    def _arrived(self, at: float) -> float | None:
        """Return when what began to play at a moment had come."""
        stream = self._call.streams.talk if self._call is not None else None
        return None if stream is None else stream.arrived(at)

    def _expire(self) -> None:
        seconds = self._order.deadline
        if self.streams is not None:
            self.streams.settle()
        opened = self._story.opened_at is not None
        place = self._caller.where if opened else "while connecting"
        self.hang_up(f"the call exceeded its deadline of {seconds:g} s {place}")

    def _voice(self) -> Voice:
        """Return where the first document comes from."""
        agent = self._order.agent
        if agent.startswith(("http:", "https:")):
            return Voice(agent)
        if not agent.startswith(("ws:", "wss:")):
            cause = f"wrong scheme: agent {agent!r} is neither http(s) nor ws(s)"
            raise CallFailed("11100", cause)
        media = stream_of_socket_url(agent)
        for warned in media.warnings:
            self._story.find(warned.code, warned.text, self._story.placed_at)
        stream = f"<Stream url={quoteattr(media.url)}/>"
        return Voice(twiml=f"<Response><Connect>{stream}</Connect></Response>")

    def _record(self, now: float) -> CallRecord:
        story = self._story
        placed, opened = story.placed_at, story.opened_at
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
            findings=story.findings,
            script=list(self._order.conversation),
        )
        if opened is not None and self._caller.greeting_at is not None:
            record.greeting_after = self._caller.greeting_at - opened
        self._caller.fill(record, placed)
        if self._call is not None:
            streams = self._call.streams
            record.frames_sent = streams.frames_sent
            record.lateness = streams.lateness.to_counts()
            record.events = [
                LineEvent(event.at - placed, event.kind, event.text)
                for event in streams.events
            ]
            for finding in streams.findings:
                story.find(finding.code, finding.text, finding.at, finding.evidence)
        if story.recording is not None:
            self._write(story.recording)
        return record

    def _write(self, recording: Recording) -> None:
        try:
            with Path(self._order.record_to).open("wb") as file:
                file.writelines(recording.wav())
        except OSError as error:
            text = f"the recording could not be written: {error}"
            self._story.find("recording", text, self._story.ended_at)

    def _cause(self) -> str:
        caller, story = self._caller, self._story
        stream = self._call.streams.talk if self._call is not None else None
        at_end = caller.awaits_hang_up
        if caller.completed and (story.opened_at is not None or not story.failed):
            return ""
        for cause in (self._ended, self._failed, caller.cause):
            if cause:
                return cause
        hung_up = self._rest == "hung up"
        closed = (
            stream if stream and stream.state is StreamState.ENDED_BY_AGENT else None
        )
        if closed is not None and not hung_up:
            polite = at_end and closed.closed_politely
            return "" if polite else f"{closed.end} {caller.where}"
        if hung_up or (self._rest == "redirected" and not story.cause):
            return "" if at_end else f"agent ended the call over REST {caller.where}"
        return story.cause or "the call ended without a reason"
