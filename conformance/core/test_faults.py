"""Who meets which fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Rule, Visitor, decode_rule
from fakes.faults import Delay, EmptyAudio, NoFinal, Nothing, Refuse, Reset
from voiceutils.errors import SettingError

_FAULTS = st.lists(st.sampled_from([Refuse(503), Nothing(), Reset(), Delay(0.5)]))


@given(_FAULTS, st.lists(st.sampled_from("ABC"), max_size=30))
def test_nth_attempt_of_a_group_meets_the_nth_fault(
    faults: list[Refuse], attempts: list[str]
) -> None:
    """Groups count apart, whatever their order; after the last fault all goes well."""
    desk = FaultDesk((Rule(surface="listen", faults=tuple(faults)),))

    for number, group in enumerate(attempts):
        before = attempts[:number].count(group)
        expected = faults[before] if before < len(faults) else Nothing()
        assert desk.next("listen", group) == expected


def test_rule_of_a_group_goes_before_rules_for_all() -> None:
    """A call's own rule wins, whichever came first; other surfaces are untouched."""
    desk = FaultDesk()
    desk.add(Rule(surface="chat", group="CA1", faults=(Refuse(500),)))
    desk.add(Rule(surface="chat", faults=(Refuse(429),)))

    assert desk.next("chat", "CA1") == Refuse(500)
    assert desk.next("chat", "CA2") == Refuse(429)
    assert desk.next("listen", "CA1") == Nothing()


def test_new_rule_replaces_the_old_one_and_counts_anew() -> None:
    """Setting the faults of a call again starts at the first of the new ones."""
    desk = FaultDesk()
    for status in (500, 503):
        desk.add(Rule(surface="chat", group="CA1", faults=(Refuse(status),)))
        assert desk.next("chat", "CA1") == Refuse(status)

    assert len(desk.rules) == 1


def test_share_chooses_groups_by_seed() -> None:
    """A share of 0.3 concerns about that many groups, the same ones every time."""

    def chosen(seed: int) -> set[int]:
        rule = Rule(surface="listen", faults=(Refuse(),), share=0.3, seed=seed)
        return {n for n in range(1000) if rule.concerns(Visitor("listen", f"CA{n}"))}

    assert 240 < len(chosen(1)) < 360
    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)


def test_rule_survives_json() -> None:
    """The wire form is a tagged object for each fault."""
    text = (
        '{"surface":"listen","group":null,"share":0.5,"seed":1,'
        '"faults":[{"type":"Refuse","status":503},{"type":"Nothing"},{"type":"NoFinal"}]}'
    )

    assert decode_rule(text) == Rule(
        surface="listen",
        share=0.5,
        seed=1,
        faults=(Refuse(503), Nothing(), NoFinal()),
    )


@pytest.mark.parametrize(
    "rule",
    [
        "nonsense",
        '{"surface":"listen","faults":[{"type":"Explode"}]}',
        '{"surface":"twilio","faults":[]}',
        '{"surface":"chat","faults":[{"type":"NoFinal"}]}',
        '{"surface":"chat","faults":[{"type":"Refuse","status":200}]}',
        '{"surface":"chat","faults":[{"type":"Delay","seconds":-1}]}',
        '{"surface":"listen","faults":[{"type":"Close","code":7}]}',
        '{"surface":"chat","share":2,"faults":[]}',
        '{"surface":"chat","faults":[],"shrae":1}',
        b'{"surface":"\xff","faults":[]}',
        '{"surface":"chat","faults":[' + "[" * 5000,
        '{"surface":"chat","script":"no-such"}',
        '{"surface":"chat","script":"refuse-503","faults":[{"type":"Reset"}]}',
        '{"surface":"chat","script":"half-open"}',
        '{"surface":"listen","key_prefix":"0123456789abcdef"}',
        '{"surface":"listen","key_sha256":"xyz"}',
        '{"surface":"listen","connections":[0]}',
        '{"surface":"listen","port":70000}',
        '{"surface":"chat","faults":[{"type":"HalfOpen"}]}',
        '{"surface":"listen","faults":[{"type":"Mute","when":"knock"}]}',
        '{"surface":"listen","faults":[{"type":"Stall","when":"knock","after_sent":1}]}',
        '{"surface":"listen","faults":[{"type":"Slice","size":0}]}',
        '{"surface":"listen","faults":[{"type":"Throttle","bytes_a_second":0}]}',
        '{"surface":"listen","faults":[{"type":"Reset","after_received":-1}]}',
        '{"surface":"listen","faults":[{"type":"Cap","connections":-1}]}',
    ],
)
def test_impossible_rule_is_refused_in_one_line(rule: str | bytes) -> None:
    """A rule that can never do what it says is a SettingError of one line."""
    with pytest.raises(SettingError) as caught:
        decode_rule(rule)

    assert "\n" not in str(caught.value)


def test_fault_of_one_surface_is_refused_on_others() -> None:
    """The desk refuses a rule that could never fire."""
    with pytest.raises(SettingError, match="EmptyAudio works on speak, speak_rest"):
        FaultDesk((Rule(surface="chat", faults=(EmptyAudio(),)),))


def test_reset_forgets_the_rules() -> None:
    """After a reset all goes well."""
    desk = FaultDesk((Rule(surface="chat", faults=(Refuse(),)),))
    desk.reset()

    assert desk.next("chat", "CA1") == Nothing()
    assert json.dumps(desk.rules) == "[]"
