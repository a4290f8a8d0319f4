"""The calls of one phone, as the exchange has them; pure."""

from __future__ import annotations

from collections.abc import Callable

from fakes.twilio.exchange.call_state import Call, CallPlan, incoming_plan
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.flow.orders import Over, Voice
from fakes.twilio.phones.messages import (
    CallAnswered,
    CallEnded,
    CallPlaced,
    CallRefused,
    HangUpCall,
    Ordered,
    RedirectCall,
    Told,
)

__all__ = ["MOST_CALLS", "PhoneCalls"]

MOST_CALLS = 10_000  # of one phone, at one time


class PhoneCalls:
    """Enters what a phone tells, and orders from it what REST wants of its calls.

    A call belongs to the phone that placed it: no other can answer or end it. What is
    told of a call that is over, or was never placed, changes nothing.

    Args:
        exchange: where the calls are entered.
        order: sends an order to the phone.
    """

    def __init__(self, exchange: Exchange, order: Callable[[Ordered], None]) -> None:
        self._exchange = exchange
        self._order = order
        self._calls: dict[str, Call] = {}

    def take(self, told: Told, now: float) -> None:
        """Enter a message; a call that cannot be entered is refused."""
        sid = told.call_sid
        match told:
            case CallPlaced():
                if refusal := self._refusal(told, now):
                    self._order(CallRefused(sid, refusal))
            case CallAnswered():
                if call := self._calls.get(sid):
                    self._exchange.answered(call, now)
            case CallEnded():
                self._end(sid, told.over, now)

    def gone(self, cause: str, now: float) -> None:
        """End what is left: the phone cannot be reached any more."""
        for sid in [*self._calls]:
            self._end(sid, Over("failed", cause), now)

    def _refusal(self, told: CallPlaced, now: float) -> str:
        """Enter a call, or return why it cannot be."""
        if len(self._calls) >= MOST_CALLS:
            return f"a phone has {MOST_CALLS} calls at most"
        sid, exchange = told.call_sid, self._exchange
        account = exchange.credentials.account_sid
        if told.account_sid != account:
            return f"the call belongs to {told.account_sid}, not {account}"
        known = exchange.calls.get(sid)
        if known is not None:
            if known.running or not known.over:
                return f"there is a call {sid} already"
            exchange.forget(known)
        own = exchange.numbers.own.get(told.to_number)
        plan = CallPlan(told.from_number, told.to_number, Voice())
        if own is not None:
            plan = incoming_plan(own, told.from_number)
        call = self._calls[sid] = exchange.enter(told.leg, plan, now)
        call.phone_number_sid = own.sid if own else ""
        call.elsewhere = _RemoteLeg(sid, self._order)
        call.status, call.running, call.dialled_at = "ringing", True, now
        return ""

    def _end(self, sid: str, over: Over, now: float) -> None:
        call = self._calls.pop(sid, None)
        if call is not None:
            # The socket need not be kept for as long as the call is.
            call.elsewhere = None
            self._exchange.leg_ended(call, over, now)


class _RemoteLeg:
    """A leg that a phone runs, as the exchange steers it."""

    __slots__ = ("_order", "_sid")

    def __init__(self, sid: str, order: Callable[[Ordered], None]) -> None:
        self._sid = sid
        self._order = order

    def hang_up(self, cause: str = "") -> None:
        self._order(HangUpCall(self._sid, cause))

    def redirect(self, voice: Voice) -> None:
        self._order(RedirectCall(self._sid, voice))
