"""When a fault strikes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.faults import Close, Drop, Duplicate, Fault, Nothing, Reset, Stall
from fakes.moments import Fuse, Picked, kind_of

_EVENTS = st.lists(st.sampled_from(["sent", "received"]), max_size=40)


@given(_EVENTS, st.integers(0, 10), st.integers(0, 10), st.integers(0, 10))
def test_fuse_burns_once_when_every_condition_holds(
    events: list[str], sent: int, received: int, after: int
) -> None:
    """A model that counts from the beginning each time says the same."""
    fault = Reset(float(after), after_sent=sent, after_received=received)
    fuse = Fuse(fault, opened=100.0)
    burnt = [100.0] if fuse.burnt(100.0) else []
    for number, event in enumerate(events):
        now = 100.5 + number
        fuse.sent() if event == "sent" else fuse.received()
        if fuse.burnt(now):
            burnt.append(now)
    moments = [100.0] + [100.5 + number for number in range(len(events))]

    def holds(number: int) -> bool:
        seen = events[:number]
        counts = (seen.count("sent") >= sent, seen.count("received") >= received)
        return all(counts) and moments[number] >= 100.0 + after

    expected = [moment for n, moment in enumerate(moments) if holds(n)]
    assert burnt == expected[:1]


def test_time_alone_is_due() -> None:
    """A driver sets its timer for ``due``, and none while messages are awaited."""
    assert Fuse(Reset(2.0), 10.0).due == 12.0
    assert Fuse(Nothing(), 10.0).due is None
    fuse = Fuse(Reset(2.0, after_sent=1), 10.0)
    assert fuse.due is None
    fuse.sent()
    assert fuse.due == 12.0
    assert fuse.burnt(12.0)
    assert fuse.due is None


def test_audio_and_words_light_it() -> None:
    """After so much audio, or when a word is on its way to the client."""
    heard = Fuse(Stall(after_heard=0.05), 0.0)
    for _ in range(2):
        heard.received(0.02)
        assert not heard.burnt(1.0)
    heard.received(0.02)
    assert heard.burnt(1.0)

    word = Fuse(Close(after_word="Parcel"), 0.0)
    assert word.watches_words
    word.saying('{"transcript":"Where is my"}')
    assert not word.burnt(1.0)
    word.saying('{"transcript":"where is my parcel"}')
    assert word.burnt(1.0)
    assert not word.watches_words


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([Drop, Duplicate]))
def test_messages_are_picked_by_number(
    number: int, count: int, make: type[Drop | Duplicate]
) -> None:
    """From the n-th on, so many of them, and only of the kind named."""
    picked = Picked(make(number, count, kind="Results"))
    other = '{"type":"Metadata"}'
    times = []
    for _ in range(12):
        assert picked.times(other) == 1
        times.append(picked.times('{"type":"Results","channel":{}}'))

    changed = 0 if make is Drop else 2
    chosen = range(number - 1, number - 1 + count)
    assert times == [changed if n in chosen else 1 for n in range(12)]


def test_other_faults_pick_nothing() -> None:
    """Every message goes once."""
    assert Picked(Nothing()).times("{}") == 1


@given(st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.integers()))
def test_kind_is_the_type_of_the_json(kind: str, rest: dict[str, int]) -> None:
    """Wherever it stands and however it is spaced; escapes do not mislead."""
    rest.pop("type", None)
    for message in (
        {"type": kind, **rest},
        {**rest, "type": kind},
    ):
        for separators in ((",", ":"), (", ", ": "), (" , ", " : ")):
            told = kind_of(json.dumps(message, separators=separators))
            plain = json.dumps(kind)[1:-1] == kind
            assert told == kind or not plain


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"type"', '{"type":5,"a":"b"}', "[" * 3000, '{"a":1}']
)
def test_junk_has_no_kind(text: str) -> None:
    """What is no message with a type is "?", never an error."""
    assert kind_of(text) == "?"


def test_audio_is_a_kind() -> None:
    """Binary messages are audio."""
    assert kind_of(b"{") == "audio"


def test_faults_are_distinct_values() -> None:
    """Faults compare and hash by value, so that rules can be compared."""
    faults: set[Fault] = {Reset(), Reset(0.0), Reset(after_sent=1), Stall()}

    assert len(faults) == 3
