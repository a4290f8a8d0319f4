"""What a fault does to an open conversation, and when, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.deepgram.outbox import AudioPiece, Ended, Outgoing, Said, UtteranceCut
from fakes.deepgram.sockets.mishap import Mishap, happens_on_socket
from fakes.faults import (
    Close,
    Delay,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Mute,
    NoFinal,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
)


class Scene:
    """A mishap with everything around it recorded."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.did: list[Any] = []
        self.meant: list[float] = []
        self.due: float | None = None
        self.mishap = Mishap(self, self, self, 10.0)  # type: ignore[arg-type]

    # the door
    def fire(self, meant_at: float) -> Scene:
        self.meant.append(meant_at)
        return self

    def drop(self) -> None:
        self.did.append("drop")

    def reset(self) -> None:
        self.did.append("reset")

    # the victim
    def close(self, end: Ended) -> None:
        self.did.append(end)

    def resume(self) -> None:
        self.did.append("resume")

    def read_slowly(self, bytes_a_second: float) -> None:
        self.did.append(("read", bytes_a_second))

    def pace(self, size: int, gap: float) -> None:
        self.did.append(("pace", size, gap))

    # the alarms
    def alarm(self, ring: Any) -> Scene:
        self.ring = ring
        return self

    def set(self, due: float) -> None:
        self.due = due if self.due is None else min(self.due, due)


@pytest.mark.parametrize(
    ("fault", "does"),
    [
        (Close(4001, after=2.0, reason="so"), Ended(4001, "so")),
        (Close(1006, after=2.0), "drop"),
        (Reset(after=2.0), "reset"),
        (HalfOpen(after=2.0), ("read", 0.0)),
        (SlowReader(500.0, after=2.0), ("read", 500.0)),
        (Throttle(1000.0, after=2.0), ("pace", 20, 0.02)),
        (Slice(size=3, gap=0.1, after=2.0), ("pace", 3, 0.1)),
    ],
)
def test_fault_strikes_at_its_time(fault: Fault, does: object) -> None:
    """Nothing before it, exactly one thing then, and both moments are entered."""
    scene = Scene(fault)
    scene.mishap.begin(10.0)
    assert scene.due == 12.0
    scene.ring(11.9)
    assert scene.did == []
    scene.ring(12.0)
    scene.ring(13.0)

    assert scene.did == [does]
    assert scene.meant == [12.0]


def test_stall_holds_and_lets_go() -> None:
    """While it lasts nothing is sent; at its end what waited is."""
    scene = Scene(Stall(seconds=1.0))
    scene.mishap.begin(10.0)
    assert scene.mishap.holding
    assert scene.due == 10.0 or scene.due == 11.0
    scene.ring(11.0)

    assert not scene.mishap.holding
    assert scene.did == ["resume"]


def test_mute_loses_messages_and_spares_the_close() -> None:
    """Text and audio are lost; what the book must know passes, and so does the end."""
    scene = Scene(Mute())
    scene.mishap.begin(10.0)
    items: list[Outgoing] = [Said("a"), AudioPiece(b"a", 1)]
    items += [UtteranceCut(1), Ended(1000, "")]

    assert [scene.mishap.times(item, 10.0) for item in items] == [0, 0, 1, 1]


@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_picked_messages_are_lost_or_doubled(
    number: int, count: int, double: bool
) -> None:
    """Exactly the messages asked for, counted from one."""
    scene = Scene((Duplicate if double else Drop)(number, count))
    scene.mishap.begin(10.0)
    times = [scene.mishap.times(Said("a"), 10.0) for _ in range(12)]

    assert times == [
        (2 if double else 0) if number <= n < number + count else 1
        for n in range(1, 13)
    ]
    assert len(scene.meant) == 1


@given(st.integers(0, 5), st.integers(0, 5))
def test_every_condition_must_hold(sent: int, received: int) -> None:
    """A fault after so many messages each way waits for both counts."""
    scene = Scene(Reset(after_sent=sent, after_received=received))
    scene.mishap.begin(10.0)
    for _ in range(sent):
        scene.mishap.sent(10.0)
    assert bool(scene.did) == (not received)
    for _ in range(received):
        scene.mishap.received(0.02, 10.0)

    assert scene.did == ["reset"]


def test_word_strikes_before_it_is_said() -> None:
    """The message with the word finds the connection gone."""
    scene = Scene(Reset(after_word="Goodbye"))
    scene.mishap.begin(10.0)
    scene.mishap.times(Said('{"transcript":"hello"}'), 10.0)
    assert scene.did == []
    scene.mishap.times(Said('{"transcript":"well goodbye then"}'), 10.0)

    assert scene.did == ["reset"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Delay(1.0), False),
        (NoFinal(), False),
        (Reset(when="knock"), False),
        (Reset(), True),
        (Drop(), True),
    ],
)
def test_other_faults_are_no_mishap(fault: Fault, expected: bool) -> None:
    """What the door or the core carries out does not strike here as well."""
    assert happens_on_socket(fault) is expected
