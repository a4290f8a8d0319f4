"""The telephone exchange: which calls there are, what becomes of them, who is told.

Pure: methods take the moment as monotonic seconds; :meth:`Exchange.take` gives out what
the switch is to do. The documents of calls are not its business; legs report when they
are answered and when they end.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable

from fakes.twilio.exchange.call_state import (
    Call,
    CallPlan,
    Notification,
    dialled_plan,
    incoming_plan,
)
from fakes.twilio.exchange.callbacks import Callbacks
from fakes.twilio.exchange.dialling_queue import DiallingQueue
from fakes.twilio.exchange.lifecycle import Event, Status, may_follow
from fakes.twilio.exchange.numbers import Numbers, Person
from fakes.twilio.exchange.ringing import Ringing
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.exchange.switch_orders import (
    Connect,
    DialEnded,
    HangUp,
    Redirect,
    Ring,
    SwitchOrder,
)
from fakes.twilio.flow.orders import DialOut, Fields, Method, Noted, Over, Voice
from fakes.twilio.web.credentials import Credentials
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import SettingError

__all__ = ["Exchange"]

_NOTES_KEPT = 200  # of one call


class Exchange:
    """The calls of one account.

    Attributes:
        numbers: who has which number.
        calls: by sid, oldest first; ended ones are forgotten in time.
        base: address of the REST interface, for the addresses of recordings.

    Args:
        settings: knobs.
        credentials: of the account; its token signs every callback.
        epoch: seconds since 1970 when the clock of ``now`` was zero.
        seed: decides sids; None is a new one each time.
    """

    def __init__(
        self,
        settings: TwilioSettings | None = None,
        credentials: Credentials | None = None,
        *,
        epoch: float = 0.0,
        seed: int | None = None,
    ) -> None:
        self.settings = settings or TwilioSettings()
        self.credentials = credentials or Credentials()
        self.epoch = epoch
        self.base = ""
        self.numbers = Numbers(epoch=epoch)
        self.calls: dict[str, Call] = {}
        self._random = random.Random(seed)
        self._callbacks = Callbacks(self.settings, self.credentials)
        self._queue = DiallingQueue(
            rate=self.settings.calls_per_second, limit=self.settings.queue_limit
        )
        self._ended: deque[str] = deque()
        self._order = itertools.count()
        self._callers = itertools.count(1)
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._out: list[SwitchOrder] = []
        self._ringing = Ringing(self)

    # --- calls come about --------------------------------------------------------

    def create(self, plan: CallPlan, now: float) -> Call:
        """Queue a call of the REST interface."""
        leg = self._leg(plan.from_number, plan.to_number, "outbound-api")
        call = self.enter(leg, plan, now)
        own = self.numbers.own.get(plan.from_number)
        call.phone_number_sid = own.sid if own else ""
        call.queue_time = self._queue.put(call, now)
        self.on_timer(now)
        return call

    def ring_in(self, person: Person, to_number: str, now: float) -> Call:
        """Let a person call one of the account's numbers.

        Raises:
            SettingError: it is not the account's, or nothing is asked when it rings.
        """
        number = self.numbers.own.get(to_number)
        if number is None:
            raise SettingError(f"{to_number[:40]} is not a number of the account")
        if not number.voice_url:
            raise SettingError(f"{to_number} has no voice URL; set one over REST")
        return self.come_in(person.number, to_number, now, person)

    def dial_out(self, parent: Call, order: DialOut, now: float) -> Call:
        """Dial for a leg that is on the line; such calls wait in no queue."""
        from_number = order.caller_id or parent.leg.from_number
        leg = self._leg(from_number, order.number, "outbound-dial", parent.sid)
        plan = dialled_plan(order, from_number)
        parent.children.append(leg.call_sid)
        call = self.enter(leg, plan, now)
        self._ringing.dial(call, now)
        return call

    def enter(self, leg: CallLeg, plan: CallPlan, now: float) -> Call:
        """Enter a call, whatever becomes of it."""
        call = Call(leg, plan, now)
        self.calls[leg.call_sid] = call
        return call

    def redirect(self, call: Call, voice: Voice, now: float) -> None:
        """Give a live call another document."""
        call.updated_at = now
        self._out.append(Redirect(call.sid, voice))

    def hang_up(self, call: Call, now: float) -> None:
        """End a call: one that was answered is completed, another canceled."""
        answered = call.answered_at is not None
        self.end(call, "completed" if answered else "canceled", now)

    def limit(self, call: Call, seconds: float, now: float) -> None:
        """Give a call another time limit, counted from its answer."""
        since = now if call.answered_at is None else call.answered_at
        self.at(max(now, since + seconds), self._expire(call))

    # --- from the legs -----------------------------------------------------------

    def answered(self, call: Call, now: float) -> None:
        """A leg was answered: by the called person, or by its document."""
        if not may_follow(call.status, "in-progress"):
            return
        call.status, call.answered_at, call.updated_at = "in-progress", now, now
        self.tell(call, "answered", now)
        if call.elsewhere is None:
            limit = call.plan.time_limit or self.settings.time_limit
            self.at(now + limit, self._expire(call))
        partner = self.calls.get(call.partner)
        if call.leg.direction == "inbound":
            if partner is not None:
                self.answered(partner, now)
        elif call.plan.detection is None or call.plan.send_digits:
            self.connect(call)
        else:
            self._ringing.detect(call, now)

    def leg_ended(self, call: Call, over: Over, now: float) -> None:
        """A leg that ran is over."""
        call.running = False
        self.end(call, over.status, now, cause=over.cause)

    def end(self, call: Call, status: Status, now: float, *, cause: str = "") -> None:
        """End a call, with those that cannot go on without it; once only."""
        if call.over:
            return
        if not may_follow(call.status, status):
            status = "completed"
        call.status, call.ended_at, call.updated_at = status, now, now
        call.cause = cause
        call.finish(now)
        if call.running:
            self._out.append(HangUp(call.sid, cause))
        self.tell(call, "completed", now)
        self._end_others(call, now)
        self._ended.append(call.sid)
        while len(self._ended) > self.settings.calls_kept:
            self.calls.pop(self._ended.popleft(), None)

    def forget(self, call: Call) -> None:
        """Delete a call that is over."""
        self.calls.pop(call.sid, None)
        self._ended.remove(call.sid)

    def note(self, call: Call, noted: Noted, now: float, url: str = "") -> None:
        """Enter a line of the debugger."""
        sid = f"NO{self.sid_digits()}"
        line = Notification(sid, noted.code, noted.text, noted.level, now, url)
        if len(call.notifications) < _NOTES_KEPT:
            call.notifications.append(line)

    def next_timer(self) -> float | None:
        """Return when :meth:`on_timer` is to be called next."""
        times = [self._timers[0][0]] if self._timers else []
        queued = self._queue.next_timer()
        return min(times if queued is None else [*times, queued], default=None)

    def on_timer(self, now: float) -> None:
        """Do what is due."""
        dialled, expired = self._queue.due(now)
        for call in expired:
            self.note(
                call, Noted("15002", "the call waited too long in the queue"), now
            )
            self.end(call, "canceled", now, cause="waited too long in the queue")
        for call in dialled:
            self._ringing.dial(call, now)
        while self._timers and self._timers[0][0] <= now:
            _, _, action = heapq.heappop(self._timers)
            action(now)

    def take(self) -> list[SwitchOrder]:
        """Return what is to be done, in order, and forget it."""
        out, self._out = self._out, []
        return out

    def sid_digits(self) -> str:
        """Return 32 hex digits for a new sid."""
        return f"{self._random.getrandbits(128):032x}"

    def callback(self, call: Call, url: str, method: Method, form: Fields) -> None:
        """Send a callback that has a form of its own, if there is an address."""
        self._out += self._callbacks.plain(call, url, method, form)

    @property
    def live(self) -> int:
        """How many calls are not over."""
        return len(self.calls) - len(self._ended)

    @property
    def waiting(self) -> int:
        """How many calls wait to be dialled."""
        return len(self._queue)

    def _leg(self, caller: str, called: str, way: str, parent: str = "") -> CallLeg:
        sid, account = f"CA{self.sid_digits()}", self.credentials.account_sid
        return CallLeg(sid, account, caller, called, way, parent)

    def at(self, at: float, action: Callable[[float], None]) -> None:
        """Do something at a moment, or as soon as :meth:`on_timer` is called then."""
        heapq.heappush(self._timers, (at, next(self._order), action))

    def come_in(
        self, caller: str, to_number: str, now: float, person: Person | None
    ) -> Call:
        """Let a call ring at one of the account's numbers."""
        number = self.numbers.own[to_number]
        plan = incoming_plan(number, caller)
        call = self.enter(self._leg(caller, to_number, "inbound"), plan, now)
        call.phone_number_sid = number.sid
        self.put_on_line(call, person)
        call.status, call.dialled_at, call.running = "ringing", now, True
        self._out.append(Ring(call.sid))
        return call

    def put_on_line(self, call: Call, person: Person | None) -> None:
        """Say who speaks on a leg; nobody where another leg does."""
        call.person = person
        if person is not None:
            call.number = next(self._callers) if person.call is None else person.call

    def _expire(self, call: Call) -> Callable[[float], None]:
        cause = "the time limit of the call is over"
        return lambda now: self.end(call, "completed", now, cause=cause)

    def connect(self, call: Call) -> None:
        """Let the document of an answered call begin; once only."""
        if not call.over and not call.running:
            call.running = True
            self._out.append(Connect(call.sid))

    def tell(self, call: Call, event: Event, now: float) -> None:
        """Send a status callback, if one was asked for."""
        if self.numbers.person(call.leg.to_number).callbacks_lost:
            return
        self._out += self._callbacks.status(call, event, self.epoch + now, self.base)

    def _end_others(self, call: Call, now: float) -> None:
        partner = self.calls.get(call.partner)
        if partner is not None:
            # Before the answer the other leg shares this one's fate, afterwards it
            # was a call like any other.
            answered = partner.answered_at is not None
            self.end(partner, "completed" if answered else call.status, now)
        parent = call.leg.parent_call_sid
        if parent:
            seconds = call.seconds
            self._out.append(DialEnded(parent, call.sid, call.status, seconds))
        for sid in call.children:
            if child := self.calls.get(sid):
                self.hang_up(child, now)
