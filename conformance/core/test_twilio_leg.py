"""A leg and a bridge, without sockets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.caller.party import Step
from fakes.twilio.leg.bridge import DEPTH, Bridge
from fakes.twilio.leg.leg import Leg
from voiceutils.mulaw import SILENCE_FRAME


def _frame(number: int) -> bytes:
    return number.to_bytes(2, "big") * 80


@given(ticks=st.lists(st.booleans(), max_size=200))
def test_two_legs_that_tick_as_they_like_hear_each_other_in_order(
    ticks: list[bool],
) -> None:
    """Whoever ticks, nothing is repeated or reordered, and little has to wait.

    What is not heard was counted as overflow.
    """
    bridge = Bridge()
    ends = {True: bridge.near, False: bridge.far}
    said = {True: 0, False: 0}
    heard: dict[bool, list[bytes]] = {True: [], False: []}
    for side in ticks:
        said[side] += 1
        step = ends[side].frame(_frame(said[side]), 0.0)
        if step.audio:
            heard[side].append(step.audio)
    for side, other in ((True, False), (False, True)):
        assert heard[side] == sorted(heard[side])
        assert len(set(heard[side])) == len(heard[side])
        waiting = said[other] - len(heard[side]) - ends[other].overflowed
        assert 0 <= waiting <= DEPTH


def test_legs_in_step_lose_nothing() -> None:
    """A frame is heard at the other side's next tick."""
    bridge = Bridge()
    for number in range(1, 50):
        near = bridge.near.frame(_frame(number), 0.0)
        far = bridge.far.frame(_frame(1000 + number), 0.0)
        assert far.audio == _frame(number)
        assert near.audio == (_frame(1000 + number - 1) if number > 1 else None)
    assert bridge.near.overflowed == bridge.far.overflowed == 0


def test_a_side_that_stops_leaves_silence_which_is_counted() -> None:
    """Not before it has said anything."""
    bridge = Bridge()
    assert bridge.near.take() == b""
    assert bridge.near.dry == 0
    bridge.far.put(None)
    assert [bridge.near.take(), bridge.near.take()] == [SILENCE_FRAME, b""]
    assert bridge.near.dry == 1


def test_leaving_a_bridge_hangs_up_the_other_side() -> None:
    """At its next frame."""
    bridge = Bridge()
    bridge.near.hang_up()
    assert bridge.far.frame(b"", 0.0).hang_up == "stop"
    assert bridge.near.frame(b"", 0.0).hang_up is None


class _Party:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard.append(heard)
        return Step(b"\x11" * 160)


def test_a_bridged_party_hears_the_other_leg_in_place_of_the_document() -> None:
    """Until the two are parted."""
    party, bridge = _Party(), Bridge()
    leg = Leg(party)
    bridge.far.put(b"\x22" * 160)
    leg.far = bridge.near
    leg.frame(b"\x33" * 160, 0.0)
    leg.far = None
    leg.frame(b"\x33" * 160, 0.0)
    assert party.heard == [b"\x22" * 160, b"\x33" * 160]
    assert bridge.far.take() == b"\x11" * 160
    assert bridge.far.take() == b""


def test_nobody_is_left_on_a_line_that_vanished() -> None:
    """It stays open, and silent."""
    party = _Party()
    leg = Leg(party)
    leg.vanish()
    assert leg.frame(b"\x22" * 160, 0.0) == Step()
    assert party.heard == []
