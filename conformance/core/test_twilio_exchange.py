"""What becomes of calls in the exchange, in virtual time."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.exchange.call_state import Call, CallbackPlan, CallPlan, Detection
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.lifecycle import ENDS, EVENTS, Status, may_follow
from fakes.twilio.exchange.numbers import OWN_NUMBER, Person, decode_person
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
from fakes.twilio.flow.orders import DialOut, Over, Voice
from voiceutils.errors import SettingError

SOMEBODY = "+14155550123"
VOICE = Voice("http://127.0.0.1:8080/voice")
ALL = CallbackPlan("http://127.0.0.1:8080/status", "POST", frozenset(EVENTS))


def plan(**changes: object) -> CallPlan:
    """Return an outbound call that wants to tell all events."""
    usual = CallPlan(OWN_NUMBER, SOMEBODY, VOICE, ALL)
    return usual._replace(**changes)  # type: ignore[arg-type]


class Told(NamedTuple):
    """A status callback, as it was sent."""

    status: str
    sequence: str
    fields: dict[str, str]


class Desk:
    """An exchange and its virtual clock."""

    def __init__(self, settings: TwilioSettings | None = None) -> None:
        self.exchange = Exchange(settings, epoch=1_641_971_790.0, seed=1)
        self.now = 0.0
        self.orders: list[tuple[float, SwitchOrder]] = []

    def create(self, **changes: object) -> Call:
        """Order a call over REST."""
        return self.exchange.create(plan(**changes), self.now)

    def until(self, end: float) -> None:
        """Let time pass, from timer to timer."""
        self._gather()
        for _ in range(100_000):
            due = self.exchange.next_timer()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.exchange.on_timer(self.now)
            self._gather()
        self.now = end

    def _gather(self) -> None:
        self.orders += [(self.now, order) for order in self.exchange.take()]

    def of(self, kind: type) -> list[float]:
        """Return when orders of a kind were given."""
        self._gather()
        return [at for at, order in self.orders if isinstance(order, kind)]

    def told(self, call: Call) -> list[Told]:
        """Return the status callbacks of a call."""
        self._gather()
        found = []
        for _, order in self.orders:
            if isinstance(order, Deliver) and order.call_sid == call.sid:
                form = dict(order.request.form)
                found.append(Told(form["CallStatus"], form["SequenceNumber"], form))
        return found


def test_calls_are_dialled_at_the_rate_of_the_account() -> None:
    """Those over it are accepted, wait, and know for how long."""
    desk = Desk()
    calls = [desk.create() for _ in range(4)]
    assert [round(call.queue_time) for call in calls] == [0, 1, 2, 3]
    desk.until(2.5)
    assert [call.status for call in calls[2:]] == ["ringing", "queued"]
    desk.until(10.0)
    dialled = [call.dialled_at for call in calls]
    assert dialled == pytest.approx([0.0, 1.0, 2.0, 3.0])


@given(
    rate=st.floats(0.5, 50),
    moments=st.lists(st.floats(0, 5), max_size=30).map(sorted),
)
def test_never_more_calls_than_the_rate_in_any_second(
    rate: float, moments: list[float]
) -> None:
    """Whenever they are ordered; and the estimate of the wait holds."""
    desk = Desk(TwilioSettings(calls_per_second=rate))
    calls = []
    for moment in moments:
        desk.until(moment)
        calls.append(desk.create())
    desk.until(200.0)
    dialled = [call.dialled_at or 0.0 for call in calls]
    for call, before, at in zip(calls[1:], dialled, dialled[1:], strict=False):
        assert at - before >= 1 / rate - 1e-6
        assert at == pytest.approx(call.created_at + call.queue_time, abs=1e-6)


def test_a_call_that_waits_too_long_is_canceled_with_a_note() -> None:
    """15002 is in its notifications."""
    desk = Desk(TwilioSettings(calls_per_second=0.1, queue_limit=15.0))
    calls = [desk.create() for _ in range(3)]
    desk.until(100.0)
    assert [call.status for call in calls] == ["in-progress", "in-progress", "canceled"]
    assert [line.code for line in calls[2].notifications] == ["15002"]


def test_a_call_is_told_event_by_event_with_its_sequence() -> None:
    """From "0", each event with the status that belongs to it."""
    desk = Desk()
    call = desk.create()
    desk.until(3.0)
    desk.exchange.leg_ended(call, Over("completed"), 16.1)
    told = desk.told(call)
    assert [(one.status, one.sequence) for one in told] == [
        ("initiated", "0"),
        ("ringing", "1"),
        ("in-progress", "2"),
        ("completed", "3"),
    ]
    assert told[-1].fields["CallDuration"] == "15"
    assert told[-1].fields["Duration"] == "1"
    assert told[-1].fields["SipResponseCode"] == "200"
    assert told[0].fields["Timestamp"] == "Wed, 12 Jan 2022 07:16:30 +0000"
    assert told[0].fields["CallbackSource"] == "call-progress-events"
    assert "CallDuration" not in told[2].fields


def test_of_some_people_nothing_is_told() -> None:
    """Their calls go as any other; those to others are told."""
    desk = Desk()
    desk.exchange.numbers.settle(Person(number=SOMEBODY, callbacks_lost=True))
    silent, other = desk.create(), desk.create(to_number="+14155550188")
    desk.until(10.0)
    for call in (silent, other):
        desk.exchange.leg_ended(call, Over("completed"), desk.now)
    assert desk.told(silent) == []
    assert [one.status for one in desk.told(other)][-1] == "completed"
    assert silent.status == "completed"


def test_the_sequence_counts_what_was_subscribed_to() -> None:
    """``completed`` alone arrives as 0."""
    desk = Desk()
    call = desk.create(callback=ALL._replace(events=frozenset({"completed"})))
    desk.until(3.0)
    desk.exchange.hang_up(call, 4.0)
    assert [(one.status, one.sequence) for one in desk.told(call)] == [
        ("completed", "0")
    ]


@pytest.mark.parametrize(
    ("behaviour", "status", "sip", "ends_at"),
    [
        ("busy", "busy", "486", 1.1),
        ("rejects", "failed", "603", 1.1),
        ("failed", "failed", "404", 1.1),
        ("no-answer", "no-answer", "487", 25.1),
    ],
)
def test_a_call_that_nobody_takes_ends_as_it_should(
    behaviour: str, status: str, sip: str, ends_at: float
) -> None:
    """No document is run; no answer takes the timeout and five seconds."""
    desk = Desk()
    person = f'{{"number":"{SOMEBODY}","behaviour":"{behaviour}"}}'
    desk.exchange.numbers.settle(decode_person(person))
    call = desk.create(timeout=20.0)
    desk.until(100.0)
    assert call.status == status
    assert call.ended_at == pytest.approx(ends_at)
    last = desk.told(call)[-1]
    assert last.fields["SipResponseCode"] == sip
    assert (last.fields["CallDuration"], last.fields["Duration"]) == ("0", "0")
    assert desk.of(Connect) == []


def test_an_answered_call_runs_its_document_once() -> None:
    """After the called person's second of ringing, and never for a canceled call."""
    desk = Desk(TwilioSettings(calls_per_second=100))
    answered, canceled = desk.create(), desk.create()
    desk.until(0.5)
    desk.exchange.hang_up(canceled, desk.now)
    desk.until(10.0)
    assert desk.of(Connect) == pytest.approx([1.1])
    assert (answered.status, canceled.status) == ("in-progress", "canceled")


@pytest.mark.parametrize(
    ("message_end", "behaviour", "found", "seconds"),
    [
        (False, "answers", "human", 2.5),
        (False, "machine", "machine_start", 2.5),
        (True, "machine", "machine_end_beep", 4.0),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_machine_detection_blocks_the_document_unless_it_is_asynchronous(
    message_end: bool, behaviour: str, found: str, seconds: float, asynchronous: bool
) -> None:
    """The first webhook then says who answered; or a callback does, later."""
    desk = Desk()
    person = f'{{"number":"{SOMEBODY}","behaviour":"{behaviour}"}}'
    desk.exchange.numbers.settle(decode_person(person))
    url = "http://127.0.0.1:8080/amd" if asynchronous else ""
    call = desk.create(
        detection=Detection(message_end, asynchronous, callback=url),
        callback=CallbackPlan(),
    )
    desk.until(30.0)
    begun = desk.of(Connect)
    assert call.answered_by == found
    assert begun == pytest.approx([1.1 if asynchronous else 1.1 + seconds])
    assert call.leg.answered_by == ("" if asynchronous else found)
    sent = [order for _, order in desk.orders if isinstance(order, Deliver)]
    assert len(sent) == asynchronous
    if sent:
        form = dict(sent[0].request.form)
        assert form["AnsweredBy"] == found
        assert form["MachineDetectionDuration"] == str(round(seconds * 1000))


def test_detection_gives_up_after_its_timeout() -> None:
    """Nobody can tell: unknown."""
    desk = Desk(TwilioSettings(detection_delay=50.0))
    call = desk.create(detection=Detection(timeout=3.0))
    desk.until(10.0)
    assert call.answered_by == "unknown"


def test_calling_an_own_number_makes_two_legs() -> None:
    """With two sids; the calling leg is answered when the called one is."""
    desk = Desk()
    number = desk.exchange.numbers.own[OWN_NUMBER]
    number.voice_url = VOICE.url
    call = desk.create(from_number=OWN_NUMBER, to_number=OWN_NUMBER)
    desk.until(1.0)
    other = desk.exchange.calls[call.partner]
    assert (other.leg.direction, call.leg.direction) == ("inbound", "outbound-api")
    assert (other.status, call.status) == ("ringing", "ringing")
    assert other.sid != call.sid
    assert len(desk.of(Ring)) == 1
    desk.exchange.answered(other, 2.0)
    assert call.status == "in-progress"
    desk.exchange.leg_ended(other, Over("completed"), 5.0)
    assert (call.status, other.status) == ("completed", "completed")
    assert len(desk.of(HangUp)) == 1, "the other leg runs and is hung up"


def test_a_rejected_inbound_leg_ends_the_calling_leg_alike() -> None:
    """<Reject reason="busy"/> is busy at the other end, too."""
    desk = Desk()
    desk.exchange.numbers.own[OWN_NUMBER].voice_url = VOICE.url
    call = desk.create(to_number=OWN_NUMBER)
    desk.until(1.0)
    other = desk.exchange.calls[call.partner]
    desk.exchange.leg_ended(other, Over("busy", reject="busy"), 2.0)
    assert (call.status, other.status) == ("busy", "busy")


def test_a_dialled_leg_has_a_parent_and_waits_in_no_queue() -> None:
    """Its end is told to the parent; the parent's end is its own."""
    desk = Desk(TwilioSettings(calls_per_second=0.01))
    parent = desk.create()
    desk.until(3.0)
    child = desk.exchange.dial_out(parent, DialOut("+14155550188"), desk.now)
    assert child.leg.parent_call_sid == parent.sid
    desk.until(6.0)
    assert child.status == "in-progress"
    desk.exchange.leg_ended(parent, Over("completed"), 9.1)
    desk.until(10.0)
    ended = [order for _, order in desk.orders if isinstance(order, DialEnded)]
    assert [(one.parent_sid, one.status, one.seconds) for one in ended] == [
        (parent.sid, "completed", 5)
    ]


def test_a_time_limit_ends_a_call() -> None:
    """Counted from the answer; REST may change it."""
    desk = Desk(TwilioSettings(calls_per_second=100))
    short, changed = desk.create(time_limit=10.0), desk.create()
    desk.until(5.0)
    desk.exchange.limit(changed, 20.0, desk.now)
    desk.until(100.0)
    assert short.ended_at == pytest.approx(11.1)
    assert changed.ended_at == pytest.approx(21.11, abs=0.01)


def test_a_live_call_can_be_redirected() -> None:
    """The switch is told the new document."""
    desk = Desk()
    call = desk.create()
    desk.until(3.0)
    desk.exchange.redirect(call, Voice(twiml="<Response/>"), desk.now)
    assert len(desk.of(Redirect)) == 1


def test_an_inbound_call_rings_with_the_numbers_document() -> None:
    """A number without voice URL, or of nobody, is the tester's mistake."""
    desk = Desk()
    person = Person(number="+14155550100")
    with pytest.raises(SettingError, match="no voice URL"):
        desk.exchange.ring_in(person, OWN_NUMBER, 0.0)
    with pytest.raises(SettingError, match="not a number of the account"):
        desk.exchange.ring_in(person, "+14155559999", 0.0)
    desk.exchange.numbers.own[OWN_NUMBER].voice_url = VOICE.url
    call = desk.exchange.ring_in(person, OWN_NUMBER, 0.0)
    assert (call.status, call.plan.voice.url) == ("ringing", VOICE.url)


def test_late_and_double_callbacks_are_asked_for_by_share() -> None:
    """The same seed gives the same ones; a double is the very same request."""

    def delays(seed: int) -> list[float]:
        settings = TwilioSettings(
            callback_duplicates=0.5, callback_late=0.5, callback_seed=seed
        )
        desk = Desk(settings)
        desk.create()
        desk.until(3.0)
        return [o.delay for _, o in desk.orders if isinstance(o, Deliver)]

    assert delays(3) == delays(3)
    assert any(delay > 0 for seed in range(8) for delay in delays(seed))
    assert any(len(delays(seed)) > 3 for seed in range(8))
    desk = Desk(TwilioSettings(callback_duplicates=1.0))
    desk.create()
    one, two = [o for _, o in desk.orders + [(0, o) for o in desk.exchange.take()]]
    assert isinstance(one, Deliver)
    assert isinstance(two, Deliver)
    assert one.request == two.request


def test_ended_calls_are_forgotten_in_time() -> None:
    """However long the exchange runs."""
    desk = Desk(TwilioSettings(calls_per_second=1000, calls_kept=3))
    for _ in range(10):
        call = desk.create()
        desk.exchange.hang_up(call, desk.now)
        desk.until(desk.now + 1.0)
    assert len(desk.exchange.calls) == 3
    assert desk.exchange.live == 0


STATUSES: tuple[Status, ...] = ("queued", "ringing", "in-progress", *sorted(ENDS))


@pytest.mark.parametrize("status", STATUSES)
def test_what_ended_stays_ended(status: Status) -> None:
    """No status follows an end; every other one can end."""
    follows = {other for other in STATUSES if may_follow(status, other)}
    assert (not follows) == (status in ENDS)
    assert status not in follows


@given(st.data())
def test_whatever_happens_a_call_takes_only_allowed_steps(data: st.DataObject) -> None:
    """And once over, it never changes, and ``completed`` is told exactly once."""
    desk = Desk(TwilioSettings(calls_per_second=100))
    call = desk.create(time_limit=data.draw(st.sampled_from([None, 2.0])))
    seen: list[Status] = [call.status]
    for _ in range(data.draw(st.integers(1, 8))):
        match data.draw(st.sampled_from(["wait", "hang up", "answer", "leg", "end"])):
            case "wait":
                desk.until(desk.now + data.draw(st.floats(0.0, 3.0)))
            case "hang up":
                desk.exchange.hang_up(call, desk.now)
            case "answer":
                desk.exchange.answered(call, desk.now)
            case "leg":
                desk.exchange.leg_ended(call, Over("completed"), desk.now)
            case "end":
                status = data.draw(st.sampled_from(sorted(ENDS)))
                desk.exchange.end(call, status, desk.now)
        if call.status != seen[-1]:
            seen.append(call.status)
    for before, after in itertools.pairwise(seen):
        assert may_follow(before, after)
    assert sum(one.status in ENDS for one in desk.told(call)) == call.over
