"""Whom a rule is about, scripts by name, and caps."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Rule, Visitor, check_rule, decode_rule
from fakes.fault_scripts import SCRIPTS
from fakes.faults import (
    SURFACES,
    Cap,
    Close,
    Delay,
    Fault,
    HalfOpen,
    LateFinal,
    Nothing,
    Refuse,
    Reset,
    Stall,
)
from fakes.ledger import Ledger
from voiceutils.errors import SettingError

KEY = "canary-0123456789-key"


def meets(desk: FaultDesk, **visitor: object) -> Fault:
    """Return what somebody on listen meets."""
    return desk.meet(Visitor("listen", **visitor))  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True))
def test_connections_are_counted_over_all_groups(numbers: list[int]) -> None:
    """The n-th connection of the surface is struck, whoever opens it."""
    rule = Rule(surface="listen", connections=tuple(numbers), faults=(Reset(),))
    desk = FaultDesk((rule,))
    desk.meet(Visitor("speak"))
    struck = [n for n in range(1, 31) if meets(desk, group=f"CA{n}") == Reset()]

    assert struck == sorted(numbers)


def test_keys_choose_victims_and_are_not_kept() -> None:
    """A prefix or a hash finds the key; no rule can hold a whole key."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    for rule in (
        Rule(surface="listen", key_prefix=KEY[:8], faults=(Refuse(),)),
        Rule(surface="listen", key_sha256=digest[:12].upper(), faults=(Refuse(),)),
    ):
        desk = FaultDesk((rule,))
        assert meets(desk, keys=("other", KEY)) == Refuse()
        assert meets(desk, keys=("other",), group="2") == Nothing()
        assert meets(desk, group="3") == Nothing()
    with pytest.raises(SettingError) as caught:
        check_rule(Rule(surface="listen", key_prefix=KEY))
    assert KEY not in str(caught.value)
    assert KEY not in repr(vars(desk))


def test_query_and_port_choose_victims() -> None:
    """Each named parameter must have its value; a repeated one needs it once."""
    by_query = Rule(
        surface="listen",
        query={"language": "nl", "keyterm": "b"},
        faults=(Refuse(400),),
        repeat=True,
    )
    by_port = Rule(surface="listen", port=8421, faults=(Refuse(503),), repeat=True)
    desk = FaultDesk((by_query, by_port))
    query = [("language", "nl"), ("keyterm", "a"), ("keyterm", "b")]

    assert meets(desk, query=query) == Refuse(400)
    assert meets(desk, query=query[:2]) == Nothing()
    assert meets(desk, port=8421) == Refuse(503)
    assert meets(desk, port=8422) == Nothing()


def test_rules_with_victims_go_before_rules_for_all() -> None:
    """Whichever came last; and rules for other victims stand side by side."""
    desk = FaultDesk()
    desk.add(Rule(surface="listen", port=1, faults=(Refuse(500),), repeat=True))
    desk.add(Rule(surface="listen", port=2, faults=(Refuse(502),), repeat=True))
    desk.add(Rule(surface="listen", faults=(Refuse(503),), repeat=True))

    met = [meets(desk, port=port) for port in (1, 2, 3)]
    assert met == [Refuse(500), Refuse(502), Refuse(503)]


def test_repeat_begins_again() -> None:
    """With ``repeat`` the faults go round and round for each group."""
    rule = Rule(surface="listen", faults=(Refuse(), Nothing()), repeat=True)
    desk = FaultDesk((rule,))

    met = [meets(desk, group=group) for group in "AABAAB"]
    assert met == [
        Refuse(), Nothing(), Refuse(), Refuse(), Nothing(), Nothing(),
    ]  # fmt: skip


def test_cap_refuses_what_is_over_it_and_spares_what_runs() -> None:
    """A slot is free when its connection ended and the linger is over."""
    rule = Rule(surface="listen", faults=(Cap(2, linger=5.0, retry_after=1.0),))
    desk, ledger = FaultDesk((rule,)), Ledger()

    def knock(now: float) -> Fault:
        attempt = ledger.knock("listen", f"CA{now}", now)
        fault = desk.meet(Visitor("listen", attempt.group), attempt)
        if isinstance(fault, Refuse):
            attempt.closed, attempt.outcome = now, "refused 429"
        else:
            attempt.opened = now
        return fault

    assert [knock(0.0), knock(1.0)] == [Nothing(), Nothing()]
    assert knock(2.0) == Refuse(429, 1.0)
    ledger.attempts[0].closed = 3.0
    assert knock(7.9) == Refuse(429, 1.0)
    assert knock(8.0) == Nothing()
    assert knock(8.1) == Refuse(429, 1.0)


def test_cap_stands_beside_other_faults() -> None:
    """A cap is not dealt in turn; other faults and other rules are."""
    first = Rule(surface="listen", faults=(Cap(1), Delay(1.0)))
    second = Rule(surface="listen", port=1, faults=(Cap(100),))
    desk, ledger = FaultDesk((first, second)), Ledger()
    attempts = [ledger.knock("listen", "CA1", 0.0) for _ in range(2)]

    met = [desk.meet(Visitor("listen", "CA1", port=1), one) for one in attempts]
    assert met == [Delay(1.0), Refuse(429)]


@pytest.mark.parametrize(
    "visitor",
    [
        Visitor("listen", "half-open", prefix="half-open"),
        Visitor("listen", "CA1", prefix="busy/half-open"),
        Visitor("listen", "half-open"),
        Visitor("listen", "CA1", query=[("extra", "fault:half-open")]),
    ],
)
def test_clients_name_scripts(visitor: Visitor) -> None:
    """By path, by tag or by ``extra``; every time anew."""
    desk = FaultDesk()

    assert [desk.meet(visitor) for _ in range(3)] == [HalfOpen()] * 3


def test_script_that_ends_counts_for_each_group() -> None:
    """``refuse-twice`` refuses each call twice, then all goes well."""
    desk = FaultDesk()
    met = [
        meets(desk, group=group, prefix="refuse-twice")
        for group in ("A", "B", "A", "A")
    ]

    assert met == [Refuse(503), Refuse(503), Refuse(503), Nothing()]


def test_rule_goes_before_a_script_and_other_surfaces_are_spared() -> None:
    """The desk has the last word; a script does nothing where it cannot work."""
    desk = FaultDesk((Rule(surface="listen", group="late-final", faults=(Stall(),)),))

    assert meets(desk, group="late-final") == Stall()
    assert desk.next("speak", "late-final") == Nothing()
    assert FaultDesk().next("listen", "late-final") == LateFinal(3.0)
    assert FaultDesk().next("listen", "nonsense") == Nothing()


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_script_is_a_rule_somewhere(name: str) -> None:
    """Each script works on a surface at least, and only with possible numbers."""
    works = []
    for surface in SURFACES:
        try:
            works.append(check_rule(Rule(surface=surface, script=name)))
        except SettingError:
            continue

    assert works
    for rule in works:
        assert decode_rule(msgspec.json.encode(rule)) == rule


def test_old_json_of_rules_still_works() -> None:
    """Rules written down before there were moments and victims mean the same."""
    old = (
        '{"surface":"listen","group":"CA1","faults":[{"type":"Close","code":1011,'
        '"after":1.0,"reason":"x"},{"type":"Reset","after":2},{"type":"Stall"}]}'
    )

    assert decode_rule(old).faults == (Close(1011, 1.0, "x"), Reset(2.0), Stall())
