"""What one phone has to tell the exchange, and which call an order is for; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from fakes.twilio.flow.orders import Over
from fakes.twilio.phones.messages import (
    MOST_IN_FRAME,
    CallAnswered,
    CallEnded,
    CallRefused,
    Ordered,
    Told,
    is_call_sid,
    placed,
)
from fakes.twilio.web.webhook import CallLeg

__all__ = ["Obey", "Teller"]

Obey: TypeAlias = Callable[[Ordered], None]

_MOST_WAITING = 50_000  # messages, while the socket does not take them


class Teller:
    """The calls of one phone, told of over one socket.

    Attributes:
        lost: why nothing can be told any more; empty while it can.
    """

    def __init__(self) -> None:
        self.lost = ""
        self._calls: dict[str, Obey] = {}
        self._out: deque[Told] = deque()

    @property
    def idle(self) -> bool:
        """Whether there is no call to tell of, and nothing left to be told."""
        return not self._calls and not self._out

    def place(self, leg: CallLeg, obey: Obey) -> None:
        """Tell of a call that rings.

        Args:
            leg: who calls whom.
            obey: is given what the exchange orders; at once when that is a refusal.
        """
        sid = leg.call_sid
        refusal = self.lost
        if not is_call_sid(sid):
            refusal = f"call sid {sid[:40]!r} is not CA and 32 hex digits"
        elif sid in self._calls:
            refusal = f"this phone has a call {sid} already"
        if refusal:
            obey(CallRefused(sid, refusal))
            return
        self._calls[sid] = obey
        self._tell(placed(leg))

    def answered(self, call_sid: str) -> None:
        """Tell that a call was answered, if it was told of."""
        if call_sid in self._calls:
            self._tell(CallAnswered(call_sid))

    def ended(self, call_sid: str, over: Over) -> None:
        """Tell that a call is over, if it was told of; nothing is ordered then."""
        if self._calls.pop(call_sid, None) is not None:
            self._tell(CallEnded.of(call_sid, over))

    def receive(self, order: Ordered) -> None:
        """Pass an order to its call, if that goes on."""
        obey = self._calls.get(order.call_sid)
        if isinstance(order, CallRefused):
            self._calls.pop(order.call_sid, None)
        if obey is not None:
            obey(order)

    def take(self) -> list[Told]:
        """Return what is to be told next, as much as one frame holds."""
        count = min(len(self._out), MOST_IN_FRAME)
        return [self._out.popleft() for _ in range(count)]

    def lose(self, reason: str) -> None:
        """Tell nothing any more; each call that goes on learns why."""
        self.lost = self.lost or reason
        self._out.clear()
        for sid in [*self._calls]:
            self.receive(CallRefused(sid, self.lost))

    def _tell(self, message: Told) -> None:
        if len(self._out) >= _MOST_WAITING:
            self.lose(f"more than {_MOST_WAITING} messages wait for the exchange")
        elif not self.lost:
            self._out.append(message)
