"""What an engine says of its lines while calls are up."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from fakes.call_record import CallRecord, TurnRecord
from fakes.engine.lines import LinesWatch
from fakes.twilio.caller.caller import DOING, Caller
from fakes.twilio.caller.script import AwaitGreeting, Say
from fakes.twilio.phone import PhoneCall
from voiceutils.mulaw import SILENCE_FRAME


class _Call:
    """A call as the watch sees it."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller


@given(st.lists(st.floats(-0.5, 3.0), max_size=6), st.integers(0, 6))
def test_every_gap_is_told_once(gaps: list[float], early: int) -> None:
    """While the call is up, or when it is over."""
    watch = LinesWatch()
    caller = Caller((), call=1)
    for number, gap in enumerate(gaps[:early], 1):
        caller.turns.append(
            TurnRecord(turn=number, said="", spoke_until=9.0, reply_at=9.0 + gap)
        )
    calls = {7: cast("PhoneCall", _Call(caller))}
    told = watch.now(calls, 12.0).gaps + watch.now(calls, 12.0).gaps
    turns = [TurnRecord(turn=n, said="", gap=gap) for n, gap in enumerate(gaps, 1)]
    record = CallRecord(
        call=1, call_sid="", agent="", outcome="", placed_at=0.0, duration=1.0
    )
    record.turns = turns
    watch.over(7, record)
    told += watch.now({}, 13.0).gaps
    assert [round(gap, 6) for gap in told] == [round(gap, 6) for gap in gaps]


def test_a_caller_says_what_it_is_about() -> None:
    """Waiting from the first frame on, and for how long; then what the script says."""
    caller = Caller((AwaitGreeting(within=1.0), Say("Hi")), call=1)
    caller.frame(b"", 5.0)
    assert (caller.doing, caller.waits_since) == ("waiting", 5.0)
    call = cast("PhoneCall", _Call(caller))
    assert LinesWatch().now({1: call}, 5.5).longest_wait == 0.5
    seen = {caller.doing}
    now = 5.0
    for _ in range(100):
        now += 0.02
        caller.frame(b"\x10\x90" * 80 if now < 5.5 else SILENCE_FRAME, now)
        seen.add(caller.doing)
    assert seen <= set(DOING)
    assert {"waiting", "listening", "speaking"} <= seen
