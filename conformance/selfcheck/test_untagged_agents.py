"""Agents that do not say whose request is whose are judged, and never by a guess."""

from __future__ import annotations

import itertools

import msgspec
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from conformance._acquaintance import Acquaintance, acquaintance_of
from conformance._booths import Booth, Booths
from conformance._case import Unsupported
from conformance._company import Company
from conformance._lines import Lines
from conformance._records import NeedsBooth, Records
from fakes.faults import LateFinal, Nothing, Recite, Refuse
from fakes.ledger import Attempt

CONTROL = "http://127.0.0.1:1"
SID = "CA" + "7" * 32
UNTAGGED = Acquaintance({"chat": "chat"}, tagged=False)
VOICE_AGENT = Acquaintance(
    {"listen": "agent", "speak_rest": "agent", "chat": "agent"}, tagged=True
)


def attempt(number: int, at: float, *calls: int, surface: str = "chat") -> Attempt:
    """Return an attempt on which these callers were heard."""
    return Attempt(id=number, surface=surface, at=at, calls=list(calls))


@given(st.lists(st.floats(0.0, 100.0), max_size=30), st.integers(1, 5))
def test_calls_in_a_row_share_all_attempts_and_none_twice(
    moments: list[float], calls: int
) -> None:
    """Whatever came is of the call that was placed last, or of the first."""
    company = Company()
    for number in range(calls):
        company.talks(number, 10.0 * number)
        company.leaves(number)
    every = [attempt(number, at) for number, at in enumerate(moments)]
    found = [company.of(number, every) for number in range(calls)]

    after_the_first = [one for one in every if one.at >= 0.0]
    ids = sorted(one.id for one in itertools.chain(*found))
    assert ids == [one.id for one in after_the_first]


def test_what_comes_before_any_call_is_of_the_line_that_asks() -> None:
    """A case may open a socket without a call."""
    assert len(Company().of(1, [attempt(1, 5.0)])) == 1


def test_calls_at_once_are_told_apart_by_their_audio_only() -> None:
    """Where nothing was heard on a connection, nobody is said to have made it."""
    company = Company()
    company.talks(1, 0.0)
    company.talks(2, 0.1)
    heard = [attempt(1, 0.2, 1, surface="listen"), attempt(2, 0.3, 2, surface="listen")]

    assert [one.id for one in company.of(2, heard)] == [2]
    with pytest.raises(Unsupported, match="tag=<CallSid>"):
        company.of(2, [*heard, attempt(3, 0.4)])


def test_a_fault_for_one_of_several_calls_is_not_put() -> None:
    """The others would meet it."""
    company = Company()
    company.sets_faults(1, "listen")
    with pytest.raises(Unsupported, match="one of several calls"):
        company.talks(2, 0.0)
    company.lifts_faults()
    company.talks(2, 0.0)
    with pytest.raises(Unsupported, match="one of several calls"):
        company.sets_faults(1, "listen")


async def test_beside_other_cases_it_is_neither_faulted_nor_judged() -> None:
    """Its case is put again where it is alone."""
    records = Records(CONTROL, 1, SID)
    records.acquaintance = UNTAGGED
    with pytest.raises(NeedsBooth):
        await records.fault("listen", Refuse(503))
    with pytest.raises(NeedsBooth):
        await records.attempts()


async def test_alone_its_faults_are_for_whoever_comes() -> None:
    """The rule names no group; every attempt is of its call."""
    records = Records(CONTROL, 1, SID)
    records.acquaintance, records.company = UNTAGGED, Company()
    body = msgspec.json.encode({"attempts": [attempt(1, 1.0), attempt(2, 2.0, 8)]})
    with respx.mock(base_url=CONTROL) as control:
        rule = control.post("/__fakes/faults").respond(json={})
        control.get("/__fakes/ledger").respond(content=body)
        await records.fault("chat", Refuse(503))
        assert "group" not in msgspec.json.decode(rule.calls[0].request.content)
        assert [one.id for one in await records.attempts("chat")] == [1]


@pytest.mark.parametrize(
    ("surfaces", "played"),
    [
        (("listen", "speak_rest", "chat"), ("listen", "speak_rest", "chat")),
        (("flux", "speak", "chat"), ("flux", "speak", "chat")),
        (("agent",), ("agent", "agent", "agent")),
        (("agent", "speak_rest"), ("agent", "speak_rest", "agent")),
        ((), ("listen", "speak_rest", "chat")),
    ],
)
def test_each_role_is_found_where_it_is_played(
    surfaces: tuple[str, ...], played: tuple[str, ...]
) -> None:
    """A fault for the recogniser meets it whichever service it is."""
    seen = [attempt(n, 1.0, surface=surface) for n, surface in enumerate(surfaces)]
    known = acquaintance_of(seen, SID)

    roles = ("listen", "speak_rest", "chat")
    assert tuple(known.surface_of(role) for role in roles) == played
    assert known.tagged is (not seen)


def test_one_request_without_a_tag_is_enough_to_be_untagged() -> None:
    """A fault set by tag would miss it."""
    tagged = Attempt(id=1, surface="listen", at=1.0, group=SID)
    assert acquaintance_of([tagged], SID).tagged
    assert not acquaintance_of([tagged, attempt(2, 1.0)], SID).tagged


async def test_a_fault_is_put_to_the_service_that_plays_the_role() -> None:
    """What that service cannot do is not put at all."""
    records = Records(CONTROL, 1, SID)
    records.acquaintance = VOICE_AGENT
    with respx.mock(base_url=CONTROL) as control:
        rule = control.post("/__fakes/faults").respond(json={})
        await records.fault("listen", LateFinal(2.0))
        assert msgspec.json.decode(rule.calls[0].request.content)["surface"] == "agent"
    with pytest.raises(Unsupported, match="Recite for chat cannot be put to agent"):
        await records.fault("chat", Recite("One."))
    with pytest.raises(Unsupported, match="one service, agent, is chat and listen"):
        await records.fault("chat", Refuse(503))


async def test_a_fault_that_waited_behind_others_counts_when_it_was_reached() -> None:
    """Coming once is not enough where the second attempt was to fail."""
    records = Records(CONTROL, 1, SID)
    once = [Attempt(id=1, surface="speak_rest", at=1.0, group=SID)]
    with respx.mock(base_url=CONTROL) as control:
        control.post("/__fakes/faults").respond(json={})
        ledger = control.get(f"/__fakes/ledger/groups/{SID}")
        ledger.respond(content=msgspec.json.encode({"attempts": once}))
        await records.fault("speak_rest", Nothing(), Refuse(503))
        with pytest.raises(Unsupported, match="came to speak_rest once"):
            await records.check_faults_met()
        ledger.respond(content=msgspec.json.encode({"attempts": once * 2}))
        await records.check_faults_met()


async def test_a_booth_is_lent_to_one_case_at_a_time() -> None:
    """What the last case left there is forgotten first."""
    booths = Booths(lambda: Booth("ws://127.0.0.1:1/media", CONTROL), most=1)
    with respx.mock(base_url=CONTROL) as control:
        control.delete("/__fakes/faults").respond(json={})
        control.get("/__fakes/ledger").respond(json={"attempts": []})
        reset = control.post("/__fakes/reset").respond(json={})
        async with booths.take(Lines(1)) as first:
            pass
        async with booths.take(Lines(1)) as second:
            assert second is first
        assert reset.call_count == 2
    booths.close()
