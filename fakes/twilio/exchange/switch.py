"""Puts calls through: carries out what the exchange orders, on sockets and a clock.

The exchange decides what becomes of a call, a
:class:`~fakes.twilio.leg.leg_call.LegCall` runs its document and its audio; this joins
the two, delivers callbacks, and keeps recordings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.party import Party
from fakes.twilio.exchange.call_state import Call, Steered
from fakes.twilio.exchange.deliveries import Deliveries
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.leg_requests import LegRequests
from fakes.twilio.exchange.leg_watch import LegWatch
from fakes.twilio.exchange.numbers import Person, script_of
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.exchange.switch_orders import (
    Connect,
    Deliver,
    DialEnded,
    HangUp,
    Redirect,
    Ring,
    SwitchOrder,
)
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import DialOut, Noted, Over, Voice
from fakes.twilio.leg.bridge import Bridge
from fakes.twilio.leg.leg_call import DialEnd, LegCall
from fakes.twilio.media.stream_core import Settings
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.cookies import Cookies
from fakes.twilio.web.credentials import Credentials
from fakes.twilio.web.dial import Reach

__all__ = ["Switch"]

_STOPS_WITHIN = 5.0
# What a dialled leg does while it is joined to the one that dialled it.
_HOLD = Voice(twiml='<Response><Pause length="86400"/></Response>')


class Switch:
    """All legs of one account; build it where the event loop runs.

    Attributes:
        exchange: what calls there are.
        requests: what REST asks of the legs that run.

    Args:
        settings: knobs of the exchange.
        credentials: of the account.
        reach: how applications are reached; the token is that of the credentials.
        streams: knobs of media streams.
        flow: knobs of documents.
        seed: decides sids; None is a new one each time.
    """

    def __init__(
        self,
        settings: TwilioSettings | None = None,
        credentials: Credentials | None = None,
        *,
        reach: Reach | None = None,
        streams: Settings | None = None,
        flow: FlowSettings | None = None,
        seed: int | None = None,
    ) -> None:
        epoch = time.time() - time.monotonic()
        self.exchange = Exchange(settings, credentials, epoch=epoch, seed=seed)
        self._reach = (reach or Reach())._replace(
            auth_token=self.exchange.credentials.auth_token,
            anywhere=self.exchange.settings.anywhere,
            sign_with_port=self.exchange.settings.sign_with_port,
            percent_spaces=self.exchange.settings.percent_spaces,
        )
        self._streams = streams
        self._flow = flow
        self._seed = seed or 0
        self._cookies = Cookies()
        self._legs: dict[str, LegCall] = {}
        self.requests = LegRequests(self.exchange, self._legs, self.now)
        self._deliveries = Deliveries(self._reach, self._undelivered)
        self._bridges: dict[str, Bridge] = {}  # by the sid of the leg that came in
        self._dials: dict[str, asyncio.Future[DialEnded]] = {}
        self._dialled: dict[str, tuple[LegCall, Bridge]] = {}  # by the child's sid
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Return the moment of the exchange's clock."""
        return time.monotonic()

    def pump(self) -> None:
        """Carry out what the exchange orders; call it after every change."""
        while orders := self.exchange.take():
            for order in orders:
                self._carry_out(order)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.exchange.next_timer()
        if due is not None:
            delay = max(0.0, due - self.now())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.exchange.on_timer(self.now())
        self.pump()

    async def stop(self) -> None:
        """Hang up every leg and wait, not for long, until all is quiet."""
        if self._timer is not None:
            self._timer.cancel()
        for leg in [*self._legs.values()]:
            leg.hang_up("the fakes were stopped")
        self._timer = None
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOPS_WITHIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- calls -------------------------------------------------------------------

    def call_in(self, person: Person, to_number: str) -> Call:
        """Let a person call one of the account's numbers.

        Raises:
            SettingError: nobody would pick up that number.
        """
        call = self.exchange.ring_in(person, to_number, self.now())
        self.pump()
        return call

    # --- orders of the exchange --------------------------------------------------

    def _carry_out(self, order: SwitchOrder) -> None:
        match order:
            case Ring(sid):
                self._run(self.exchange.calls[sid], answered=False)
            case Connect(sid):
                self._connect(self.exchange.calls[sid])
            case HangUp(sid, cause):
                if leg := self._steered(sid):
                    leg.hang_up(cause)
            case Redirect(sid, voice):
                if leg := self._steered(sid):
                    leg.redirect(voice)
            case DialEnded(call_sid=sid):
                future = self._dials.get(sid)
                if future is not None and not future.done():
                    future.set_result(order)
            case Deliver():
                self._start(self._deliveries.deliver(order))

    def _steered(self, sid: str) -> Steered | None:
        """Return the leg of a call, wherever it runs."""
        call = self.exchange.calls.get(sid)
        elsewhere = None if call is None else call.elsewhere
        return elsewhere or self._legs.get(sid)

    def _run(self, call: Call, *, answered: bool) -> LegCall:
        dialled = self._dialled.get(call.sid)
        leg = LegCall(
            call.leg,
            self._party(call),
            call.plan.voice if dialled is None else _HOLD,
            observer=LegWatch(self, call),
            answered=answered,
            reach=self._reach,
            settings=self._streams,
            flow_settings=self._flow,
            dialler=self,
            cookies=self._cookies,
            api=self.exchange.base,
            seed=self._seed,
        )
        self._legs[call.sid] = leg
        self._start(self._watched(call, leg))
        return leg

    async def _watched(self, call: Call, leg: LegCall) -> None:
        """Run a leg; if it breaks, the call has failed and says so."""
        try:
            await leg.run()
        except Exception as error:
            cause = f"the leg broke: {type(error).__name__}: {error}"
            self.exchange.note(call, Noted("12400", cause), self.now())
            self.exchange.leg_ended(call, Over("failed", cause), self.now())
        finally:
            self._legs.pop(call.sid, None)
            self._bridges.pop(call.sid, None)
            self.pump()

    def _party(self, call: Call) -> Party:
        """Return who is on the line: a person, or the leg at the other end."""
        if call.person is None:
            if call.leg.direction == "inbound":
                bridge = self._bridges[call.sid] = Bridge()
                return bridge.far
            return self._bridges[call.partner].near
        script = script_of(call.person, call.number)
        return Caller(script, call=call.number)

    def _connect(self, call: Call) -> None:
        leg = self._run(call, answered=True)
        if call.plan.recording is not None:
            self.requests.start_recording(call, call.plan.recording)
        dialled = self._dialled.get(call.sid)
        if dialled is not None:
            parent, bridge = dialled
            leg.join(bridge.far)
            parent.join(bridge.near)
            parent.dial_answered()

    # --- <Dial> ------------------------------------------------------------------

    async def dial(self, call: LegCall, order: DialOut) -> DialEnd:
        """Call somebody for a leg; see :class:`fakes.twilio.leg.leg_call.Dialler`."""
        parent = self.exchange.calls[call.call.call_sid]
        now = self.now()
        if order.url:
            text = f"the document of the dialled leg is not run: {order.url[:200]}"
            self.exchange.note(parent, Noted("not_performed", text, "warning"), now)
        child = self.exchange.dial_out(parent, order, now)
        ended: asyncio.Future[DialEnded]
        ended = asyncio.get_running_loop().create_future()
        self._dials[child.sid] = ended
        self._dialled[child.sid] = call, Bridge()
        self.pump()
        try:
            end = await ended
            return DialEnd(end.status, child.sid, float(end.seconds or 0))
        finally:
            call.join(None)
            self._dials.pop(child.sid, None)
            self._dialled.pop(child.sid, None)
            if not child.over:
                self.exchange.hang_up(child, self.now())
                self.pump()

    def _undelivered(self, order: Deliver, failure: CallFailed) -> None:
        call = self.exchange.calls.get(order.call_sid)
        if call is not None:
            noted = Noted("15003", f"callback failed: {failure}", "warning")
            self.exchange.note(call, noted, self.now(), order.request.url)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
