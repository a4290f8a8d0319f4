"""What happens between the dialling of a call and its document.

It rings; the called person does what he does; a machine is told from a person. Part of
the exchange, whose methods it calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.twilio.exchange.call_state import Call
from fakes.twilio.exchange.callbacks import detection_fields
from fakes.twilio.exchange.numbers import Person

if TYPE_CHECKING:
    from fakes.twilio.exchange.exchange import Exchange

__all__ = ["Ringing"]


class Ringing:
    """Dials the calls of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def dial(self, call: Call, now: float) -> None:
        """Dial a call; it rings a little later."""
        exchange = self._exchange
        call.dialled_at = call.updated_at = now
        exchange.tell(call, "initiated", now)
        exchange.at(now + exchange.settings.ring_delay, lambda at: self._ring(call, at))

    def _ring(self, call: Call, now: float) -> None:
        exchange = self._exchange
        if call.status != "queued":
            return
        called = call.leg.to_number
        own = exchange.numbers.own.get(called)
        person = None if own else exchange.numbers.person(called)
        if own is not None and not own.voice_url:
            exchange.end(call, "failed", now, cause=f"{called} has no voice URL")
            return
        call.status, call.updated_at = "ringing", now
        exchange.tell(call, "ringing", now)
        patience = call.plan.timeout + exchange.settings.ring_grace
        exchange.at(now + patience, lambda at: self._give_up(call, at))
        if person is None:
            other = exchange.come_in(call.leg.from_number, called, now, None)
            other.partner, call.partner = call.sid, other.sid
            return
        exchange.put_on_line(call, person)
        exchange.at(now + person.after, lambda at: self._react(call, person, at))

    def _react(self, call: Call, person: Person, now: float) -> None:
        """Let the called person do what he does."""
        exchange = self._exchange
        if call.status != "ringing":
            return
        match person.behaviour:
            case "answers" | "machine":
                exchange.answered(call, now)
            case "busy":
                exchange.end(call, "busy", now)
            case "rejects":
                call.sip = "603"
                exchange.end(call, "failed", now, cause="the called person rejects")
            case "failed":
                exchange.end(call, "failed", now, cause="the number does not exist")
            case "no-answer":
                pass  # until the patience of the caller is over

    def _give_up(self, call: Call, now: float) -> None:
        exchange = self._exchange
        if call.status == "ringing":
            exchange.end(call, "no-answer", now)

    def detect(self, call: Call, now: float) -> None:
        """Tell a machine from a person, before the document or beside it."""
        exchange = self._exchange
        detection, person = call.plan.detection, call.person
        if detection is None:
            return
        machine = person is not None and person.behaviour == "machine"
        greeting = person.greeting if person is not None and machine else None
        seconds, found = detection.finding(exchange.settings.detection_delay, greeting)
        if detection.asynchronous:
            exchange.connect(call)
        exchange.at(now + seconds, lambda at: self._detected(call, found, seconds, at))

    def _detected(self, call: Call, found: str, seconds: float, now: float) -> None:
        exchange = self._exchange
        detection = call.plan.detection
        if call.over or detection is None:
            return
        call.answered_by, call.updated_at = found, now
        if not detection.asynchronous:
            call.leg = call.leg._replace(answered_by=found)
            exchange.connect(call)
            return
        form = detection_fields(call, seconds)
        exchange.callback(call, detection.callback, detection.callback_method, form)
