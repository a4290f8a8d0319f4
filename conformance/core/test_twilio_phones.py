"""Phones of other processes and the exchange: what each knows of the other's calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.exchange.call_state import Call
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.lifecycle import Status, may_follow
from fakes.twilio.exchange.numbers import OWN_NUMBER
from fakes.twilio.exchange.switch_orders import Deliver, HangUp, Redirect
from fakes.twilio.flow.orders import Over, Voice
from fakes.twilio.phones.calls import PhoneCalls
from fakes.twilio.phones.messages import (
    CallAnswered,
    CallEnded,
    CallRefused,
    HangUpCall,
    Ordered,
    decode_ordered,
    decode_told,
    encode_frame,
    placed,
)
from fakes.twilio.phones.teller import Teller
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import WireError

SIDS = [f"CA{number:032x}" for number in range(3)]
LEGS = [CallLeg.of(number, sid) for number, sid in enumerate(SIDS)]
DOCUMENT = Voice(twiml="<Response/>")
STATUSES = ("completed", "busy", "no-answer", "failed", "canceled")

calls = st.sampled_from(range(3))
statuses = st.sampled_from(STATUSES)
told = st.one_of(
    calls.map(lambda call: placed(LEGS[call])),
    calls.map(lambda call: CallAnswered(SIDS[call])),
    st.builds(lambda call, end: CallEnded(SIDS[call], end), calls, statuses),
)


class Desk:
    """An exchange with one phone; the statuses of every call it ever had."""

    def __init__(self) -> None:
        self.exchange = Exchange(seed=1)
        self.ordered: list[Ordered] = []
        self.phone = PhoneCalls(self.exchange, self.ordered.append)
        self.lives: dict[int, tuple[Call, list[Status]]] = {}
        self.now = 0.0

    def settle(self) -> None:
        """Carry out the orders as the switch does, and look at all calls."""
        self.now += 1.0
        for order in self.exchange.take():
            if isinstance(order, HangUp | Redirect):
                leg = self.exchange.calls[order.call_sid].elsewhere
                assert leg is not None, "an order for a leg that nobody runs"
                if isinstance(order, HangUp):
                    leg.hang_up(order.cause)
                else:
                    leg.redirect(order.voice)
        for call in self.exchange.calls.values():
            self.lives.setdefault(id(call), (call, []))
        for call, life in self.lives.values():
            if not life or life[-1] != call.status:
                life.append(call.status)

    def rest(self, sid: str, *, hang_up: bool) -> None:
        """Do what REST does to a call, where it would not refuse."""
        call = self.exchange.calls.get(sid)
        if call is None or call.over:
            return
        if hang_up:
            self.exchange.hang_up(call, self.now)
        elif call.status == "in-progress" and call.running:
            self.exchange.redirect(call, DOCUMENT, self.now)


@given(st.lists(st.one_of(told, st.tuples(calls, st.booleans()))))
def test_whatever_a_phone_tells_no_call_goes_back(steps: list[object]) -> None:
    """In any order, twice, of calls never placed; between it, REST acts on them."""
    desk = Desk()
    for step in steps:
        if isinstance(step, tuple):
            desk.rest(SIDS[step[0]], hang_up=step[1])
        else:
            desk.phone.take(step, desk.now)  # type: ignore[arg-type]
        desk.settle()
    desk.phone.gone("the phone has gone", desk.now)
    desk.settle()
    for call, life in desk.lives.values():
        assert life[0] == "ringing"
        assert all(may_follow(*pair) for pair in pairwise(life))
        assert call.over
        assert not call.running
        assert call.elsewhere is None
    assert desk.exchange.live == 0


class Pair:
    """A phone and an exchange, and what is under way between them."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.teller = Teller()
        self.placed: set[str] = set()
        self.talking: set[str] = set()
        self.obeyed: list[Ordered] = []

    def obey(self, order: Ordered) -> None:
        """Do as the phone does; an order must be for a call that goes on."""
        assert order.call_sid in self.talking
        self.obeyed.append(order)
        if isinstance(order, HangUpCall):
            self.end(order.call_sid)

    def step(self, action: str, sid: str) -> None:
        """Let one thing happen."""
        match action:
            case "place" if sid not in self.placed:
                self.placed.add(sid)
                self.talking.add(sid)
                self.teller.place(LEGS[SIDS.index(sid)], self.obey)
            case "answer" if sid in self.talking:
                self.teller.answered(sid)
            case "end":
                self.end(sid)
            case "hang up":
                self.desk.rest(sid, hang_up=True)
            case "redirect":
                self.desk.rest(sid, hang_up=False)
            case "tell":
                self.tell()
            case "order":
                self.order()
        self.desk.settle()

    def end(self, sid: str) -> None:
        """End a call at the phone."""
        self.talking.discard(sid)
        self.teller.ended(sid, Over("completed"))

    def tell(self) -> None:
        """Let a frame of the phone arrive."""
        if messages := self.teller.take():
            for message in decode_told(encode_frame(messages)):
                self.desk.phone.take(message, self.desk.now)
                self.desk.settle()

    def order(self) -> None:
        """Let the oldest order of the exchange arrive."""
        if self.desk.ordered:
            order = self.desk.ordered.pop(0)
            for one in decode_ordered(encode_frame([order])):
                self.teller.receive(one)


ACTIONS = ["place", "answer", "end", "hang up", "redirect", "tell", "order"]
pair_steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(SIDS)))


@given(pair_steps)
def test_phone_and_exchange_agree_when_all_is_told(
    steps: list[tuple[str, str]],
) -> None:
    """However slow the socket: each call goes on at both ends, or at neither."""
    pair = Pair()
    for action, sid in steps:
        pair.step(action, sid)
    for _ in range(4):  # an order may make the phone tell something
        pair.step("tell", "")
        while pair.desk.ordered:
            pair.step("order", "")
    known = pair.desk.exchange.calls
    assert {sid for sid, call in known.items() if not call.over} == pair.talking
    assert known.keys() == pair.placed
    assert pair.teller.idle == (not pair.talking)
    assert not any(isinstance(order, CallRefused) for order in pair.obeyed)


@given(pair_steps, pair_steps)
def test_a_phone_whose_socket_is_lost_goes_on(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    """Each of its calls learns once that REST does not reach it, and nothing else."""
    pair = Pair()
    for action, sid in before:
        pair.step(action, sid)
    talking = set(pair.talking)
    pair.obeyed.clear()
    pair.teller.lose("the fakes were stopped")
    refused = [order.call_sid for order in pair.obeyed]
    assert sorted(refused) == sorted(talking)
    for action, sid in after:
        pair.step(action, sid)
    new = pair.placed - {sid for _, sid in before if sid in pair.placed}
    told = [order.call_sid for order in pair.obeyed[len(refused) :]]
    assert set(told) >= new
    assert all(isinstance(order, CallRefused) for order in pair.obeyed)
    assert not pair.teller.take()


def test_a_phone_enters_only_calls_of_the_account_and_each_once() -> None:
    """Another's account and a sid in use are refused, with the reason."""
    desk = Desk()
    foreign = LEGS[0]._replace(account_sid=f"AC{'9' * 32}")
    other = PhoneCalls(desk.exchange, desk.ordered.append)
    desk.phone.take(placed(foreign), 0.0)
    desk.phone.take(placed(LEGS[1]), 0.0)
    other.take(placed(LEGS[1]), 0.0)
    other.take(CallEnded(SIDS[1]), 0.0)  # not its own
    one, two = desk.ordered
    assert isinstance(one, CallRefused)
    assert isinstance(two, CallRefused)
    assert one.reason.startswith("the call belongs to AC999")
    assert two.reason == f"there is a call {SIDS[1]} already"
    assert [*desk.exchange.calls] == [SIDS[1]]
    assert not desk.exchange.calls[SIDS[1]].over


def test_the_number_that_was_called_is_told_of_the_end() -> None:
    """Its status callback is for every call to it, wherever the phone is."""
    desk = Desk()
    number = desk.exchange.numbers.own[OWN_NUMBER]
    number.status_callback = "http://127.0.0.1:8080/status"
    for message in (placed(LEGS[0]), CallAnswered(SIDS[0]), CallEnded(SIDS[0])):
        desk.phone.take(message, 0.0)
    assert desk.exchange.calls[SIDS[0]].phone_number_sid == number.sid
    (told,) = desk.exchange.take()
    assert isinstance(told, Deliver)
    assert told.request.url == number.status_callback
    assert dict(told.request.form)["CallStatus"] == "completed"


def test_a_sid_may_be_used_again_when_its_call_is_over() -> None:
    """A load run with the same seed places the same sids again."""
    desk = Desk()
    for _ in range(3):
        desk.phone.take(placed(LEGS[0]), 0.0)
        desk.phone.take(CallAnswered(SIDS[0]), 0.0)
        desk.phone.take(CallEnded(SIDS[0]), 0.0)
    assert not desk.ordered
    assert len(desk.exchange.calls) == 1
    assert desk.exchange.live == 0


def test_a_phone_of_another_process_is_not_timed_by_the_exchange() -> None:
    """Its flow has the time limit; ten thousand calls would leave as many timers."""
    desk = Desk()
    desk.phone.take(placed(LEGS[0]), 0.0)
    desk.phone.take(CallAnswered(SIDS[0]), 0.0)
    assert desk.exchange.next_timer() is None


@pytest.mark.parametrize("frame", ["", "{", "[1]", "[{}]", '[{"type":"ended"}]'])
@pytest.mark.parametrize("decode", [decode_told, decode_ordered])
def test_what_is_no_frame_is_an_error_of_the_wire(
    frame: str, decode: Callable[[str], object]
) -> None:
    """With the beginning of it."""
    with pytest.raises(WireError, match="is none"):
        decode(frame)


@given(st.text())
def test_no_text_surprises_the_decoders(text: str) -> None:
    """Lone surrogates neither."""
    for decode in (decode_told, decode_ordered):
        with suppress(WireError):
            decode(text)


@pytest.mark.parametrize(
    "wrong",
    [{"call_sid": "CA1"}, {"call_sid": f"{SIDS[0]}\n"}, {"account_sid": "AC"}],
)
def test_sids_are_checked_at_the_door(wrong: dict[str, str]) -> None:
    """They come from another process and are shown over REST."""
    with pytest.raises(WireError):
        decode_told(encode_frame([msgspec.structs.replace(placed(LEGS[0]), **wrong)]))


def test_a_sid_that_is_none_is_told_to_nobody() -> None:
    """It would cost all calls of the phone their link."""
    teller, obeyed = Teller(), list[Ordered]()
    teller.place(CallLeg.of(1, "one"), obeyed.append)
    (refused,) = obeyed
    assert isinstance(refused, CallRefused)
    assert "'one' is not CA" in refused.reason
    assert teller.idle
