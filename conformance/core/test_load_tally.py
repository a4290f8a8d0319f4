"""The tally of a run: sums that do not care how the calls were split."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core.test_waterfall import story
from fakes.backoff.crowd import Crowd
from fakes.backoff.oracle import Judgement
from fakes.call_record import (
    ENDED_BY_TESTER,
    CallRecord,
    Finding,
    TurnRecord,
    UtteranceHeard,
)
from fakes.evidence.waterfall import waterfall
from fakes.ledger import Attempt, CallHeard, TurnHeard
from loadtests._parts import count_parts, part_texts
from loadtests._tally import (
    EXAMPLES,
    OWN_SHARE,
    PART_NAMES,
    Tally,
    frame_numbers,
    plain_cause,
    tally_call,
)
from voiceutils.budget import LatencyHistogram


def lateness(*seconds: float) -> dict[str, int]:
    """Frame lateness as a record carries it."""
    histogram = LatencyHistogram()
    for value in seconds:
        histogram.record(value)
    return histogram.to_counts()


def a_call(call: int = 7, **changes: object) -> CallRecord:
    """A completed call of two turns, the second of which barges in."""
    fields: dict[str, object] = {
        "call": call,
        "call_sid": f"CA{call:032x}",
        "agent": "http://127.0.0.1:1/voice",
        "outcome": "completed",
        "placed_at": 50.0,
        "duration": 20.0,
        "answered_after": 0.01,
        "greeting_after": 0.3,
        "turns": [
            TurnRecord(
                turn=1,
                said="Hello.",
                spoke_from=4.0,
                spoke_until=5.0,
                reply_at=5.7,
                gap=0.7,
            ),
            TurnRecord(
                turn=2,
                said="Stop.",
                spoke_from=7.0,
                spoke_until=8.0,
                reply_at=8.9,
                gap=0.9,
                barge_in=True,
                stopped_after=0.2,
            ),
        ],
        "utterances": [
            UtteranceHeard(
                utterance=3,
                text="Hi.",
                frames=50,
                heard=50,
                lost=[],
                repeated=[],
                first_at=1.0,
                last_at=2.0,
                cut=False,
            )
        ],
        "frames_sent": 1000,
        "lateness": lateness(0.0001, 0.001),
    }
    return CallRecord(**{**fields, **changes})  # type: ignore[arg-type]


def turn_heard(
    turn: int,
    *,
    missing: Sequence[int] = (),
    repeated: Sequence[int] = (),
    disordered: int = 0,
) -> TurnHeard:
    """A turn of 80 frames in the ledger."""
    return TurnHeard(
        turn=turn,
        frames=80,
        heard=80 - len(set(missing)),
        missing=list(missing),
        repeated=list(repeated),
        disordered=disordered,
        first_at=0.0,
        last_at=1.0,
        final_at=None,
        transcript="",
    )


seconds = st.floats(0.0, 5.0)
maybe_seconds = st.none() | seconds
turns = st.builds(
    TurnRecord,
    turn=st.integers(1, 4),
    said=st.just("words"),
    spoke_from=seconds,
    spoke_until=maybe_seconds,
    gap=st.none() | st.floats(-1.0, 5.0),
    barge_in=st.booleans(),
    stopped_after=maybe_seconds,
)
frames = st.lists(st.integers(0, 99), max_size=9)
utterances = st.builds(
    UtteranceHeard,
    utterance=st.integers(0, 9),
    text=st.just("words"),
    frames=st.just(99),
    heard=st.integers(0, 99),
    lost=frames,
    repeated=frames,
    first_at=seconds,
    last_at=seconds,
    cut=st.booleans(),
)
records = st.builds(
    a_call,
    call=st.integers(1, 40),
    outcome=st.sampled_from(["completed", "failed"]),
    cause=st.sampled_from(["", "refused", "closed in call 9", ENDED_BY_TESTER]),
    answered_after=maybe_seconds,
    greeting_after=maybe_seconds,
    turns=st.lists(turns, max_size=3),
    utterances=st.lists(utterances, max_size=2),
    foreign=st.lists(st.just("caller nine"), max_size=2),
    findings=st.lists(st.builds(Finding, st.just("31921"), st.just("x"), seconds)),
    frames_sent=st.integers(0, 1000),
    lateness=st.lists(seconds, max_size=3).map(lambda values: lateness(*values)),
)
ledgers = st.none() | st.builds(
    CallHeard,
    call=st.just(0),
    turns=st.lists(
        st.builds(turn_heard, st.integers(1, 4), missing=frames, repeated=frames),
        max_size=3,
    ),
    connections=st.just([]),
)
counted = st.dictionaries(st.integers(0, 1), st.integers(1, 9), max_size=2)
crowds = st.builds(
    Crowd,
    draws=st.dictionaries(st.sampled_from(["0", "1 of range"]), counted),
    attempts=counted,
    needs=counted,
)
judgements = st.none() | st.builds(
    Judgement, st.integers(0, 3), st.lists(st.text("ab"), max_size=2).map(tuple), crowds
)
tallies = st.builds(tally_call, records, ledgers, judgements)


def merged(parts: Sequence[Tally]) -> Tally:
    """All of ``parts`` in one."""
    whole = Tally()
    for part in parts:
        whole.merge(part)
    return whole


@settings(max_examples=60)
@given(st.lists(tallies, max_size=12), st.data())
def test_any_split_adds_up_to_the_same(calls: list[Tally], data: st.DataObject) -> None:
    """Workers may count any share of the calls and report in any order, as JSON."""
    owners = [data.draw(st.integers(0, 2)) for _ in calls]
    workers = [
        merged([call for call, owner in zip(calls, owners, strict=True) if owner == n])
        for n in range(3)
    ]
    order = data.draw(st.permutations(workers))

    whole = merged(
        [Tally.from_json(json.loads(json.dumps(w.to_json()))) for w in order]
    )

    assert whole.to_json() == merged(calls).to_json()


@settings(max_examples=60)
@given(tallies)
def test_merging_into_nothing_changes_nothing(tally: Tally) -> None:
    """An empty tally takes over every part of the first one."""
    assert merged([tally]).to_json() == tally.to_json()


@settings(max_examples=60)
@given(tallies)
def test_every_call_has_one_end(tally: Tally) -> None:
    """Completed, failed and cut short add up to the calls placed."""
    counts = tally.counts

    assert counts["completed"] + counts["failed"] + counts["cut"] == counts["placed"]
    assert sum(tally.causes.values()) == counts["failed"]


def test_a_good_call_is_measured_in_every_row() -> None:
    """Each figure of the table has its sample."""
    tally = tally_call(a_call())

    assert {name: h.count for name, h in tally.histograms.items()} == {
        "answer": 1,
        "greeting": 1,
        "turn_gap": 2,
        "barge_in": 1,
        "call": 1,
        "dialling": 0,
        "lateness": 2,
        "setup": 0,
        **dict.fromkeys((*PART_NAMES, OWN_SHARE), 0),
    }


def test_parts_of_turns_add_up_over_calls_and_workers() -> None:
    """Means that sum to the mean gap; turns not taken apart are said."""
    whole, part = Tally(), Tally()
    seconds = [0.02, 0.3, 0.01, 0.2, 0.05, 0.1, 0.01, 0.01]
    record, evidence = story(seconds)
    count_parts(whole, waterfall(record, evidence))
    evidence.utterances.clear()
    count_parts(part, waterfall(record, evidence))
    whole.merge(Tally.from_json(part.to_json()))

    told, share = part_texts(whole)

    assert told.startswith("mean 700 ms of 1 turns: buffering 20, recognition 300,")
    assert share == (
        "the agent's own share: 90 ms in the mean; 1 turns could not be taken apart"
    )
    assert part_texts(part) == []


def test_lost_frames_are_named_with_their_call() -> None:
    """What the recogniser missed appears with call, turn and frame numbers."""
    heard = CallHeard(
        7, [turn_heard(1, missing=[3, 4]), turn_heard(2, repeated=[9])], []
    )

    tally = tally_call(a_call(), heard)

    assert tally.counts["up_lost"] == 2
    assert tally.counts["up_frames"] == 160
    assert tally.examples["up_lost"] == [(7, "turn 1: frames 3, 4")]
    assert tally.counts["up_repeated"] == 1
    assert tally.examples["up_repeated"] == [(7, "turn 2: frame 9")]


def test_what_the_caller_heard_wrongly_is_counted() -> None:
    """Holes, repetitions and other people's words, each with its call."""
    utterance = UtteranceHeard(
        utterance=3,
        text="Hi.",
        frames=50,
        heard=47,
        lost=[5, 6, 7],
        repeated=[9, 9],
        first_at=1.0,
        last_at=2.0,
        cut=False,
    )

    tally = tally_call(a_call(utterances=[utterance], foreign=["caller nine"]))

    counts = tally.counts
    assert (counts["down_frames"], counts["down_lost"]) == (47, 3)
    assert (counts["down_repeated"], counts["foreign"]) == (2, 1)
    assert tally.examples["down_lost"] == [(7, "utterance 3: frames 5, 6, 7")]
    assert tally.examples["foreign"] == [(7, "caller nine")]


def test_another_voice_on_the_connection_is_cross_talk() -> None:
    """The recogniser of call 7 heard call 9."""
    attempt = Attempt(id=1, surface="listen", at=0.0, calls=[7, 9])

    tally = tally_call(a_call(), None, None, [attempt])

    assert tally.counts["crossed"] == 1
    assert tally.examples["crossed"] == [(7, "call 9 on its connection")]


def test_broken_promises_of_the_backoff_are_counted() -> None:
    """Calls, delays and violations, and the first violations in words."""
    tally = tally_call(a_call(), None, Judgement(2, ("too soon", "too many")))

    counts = tally.counts
    assert (counts["backoff_calls"], counts["backoff_delays"]) == (1, 2)
    assert counts["backoff_violations"] == 2
    assert tally.examples["backoff"] == [(7, "too many"), (7, "too soon")]


def test_a_finding_that_is_the_cause_is_told_once() -> None:
    """The cause of a failed call is not listed again as a finding."""
    findings = [Finding("31921", "closed", 1.0), Finding("31951", "odd", 1.0)]

    tally = tally_call(
        a_call(outcome="failed", cause="closed in turn 2", findings=findings)
    )

    assert tally.findings == {"31951: odd": 1}


def test_a_turn_that_never_arrived_is_lost_whole() -> None:
    """No frame at the door is a loss, not an absence of losses."""
    tally = tally_call(a_call(), CallHeard(7, [turn_heard(1)], []))

    assert tally.counts["up_turns_lost"] == 1


def test_a_call_unknown_to_the_ledger_is_counted_apart() -> None:
    """An agent with another recogniser is not accused of losing everything."""
    tally = tally_call(a_call(), CallHeard(7, [], []))

    assert tally.counts["ledger_unseen"] == 1
    assert tally.counts["up_lost"] == 0


def test_a_call_cut_by_the_end_of_the_run_is_neither_good_nor_bad() -> None:
    """Calls in the air at the end are not failures of the agent."""
    tally = tally_call(
        a_call(outcome="failed", cause=ENDED_BY_TESTER), CallHeard(7, [], [])
    )

    assert tally.counts["cut"] == 1
    assert not tally.causes
    assert tally.histograms["call"].count == 0
    assert tally.histograms["turn_gap"].count == 2


def test_the_death_of_the_engine_is_the_testers_own() -> None:
    """Its calls failed, and the verdict must know on whose account."""
    tally = tally_call(a_call(outcome="failed", cause="media engine died (exit -9)"))

    assert tally.counts["engine_failed"] == 1


def test_talking_over_the_caller_is_not_a_fast_answer() -> None:
    """A negative gap is counted apart and never flatters the percentiles."""
    turn = TurnRecord(turn=1, said="Hello.", spoke_until=5.0, gap=-0.4)

    tally = tally_call(a_call(turns=[turn]))

    assert tally.counts["talked_over"] == 1
    assert tally.histograms["turn_gap"].count == 0


def test_an_agent_that_never_stops_is_no_missing_sample() -> None:
    """A barge-in without an end is counted, as is a turn without an answer."""
    turn = TurnRecord(turn=1, said="Stop.", spoke_until=5.0, barge_in=True)

    tally = tally_call(a_call(turns=[turn]))

    assert tally.counts["barge_ins_unstopped"] == 1
    assert tally.counts["turns_unanswered"] == 1


def test_the_examples_are_those_of_the_first_calls() -> None:
    """However many calls lose audio, a few are shown, the lowest numbers first."""
    heard = [turn_heard(1, missing=[0]), turn_heard(2)]

    whole = merged(
        [
            tally_call(a_call(call), CallHeard(call, heard, []))
            for call in (9, *range(30, 10, -1), 4, 8, 2, 6)
        ]
    )

    first = [2, 4, 6, 8, 9, *range(11, 31)][:EXAMPLES]
    assert [call for call, _ in whole.examples["up_lost"]] == first


def test_causes_that_differ_in_numbers_only_add_up() -> None:
    """Call numbers, call SIDs and seconds do not make a cause a new one."""
    one = plain_cause(f"call 17 (CA{17:032x}) had no answer within 5.03 s")
    other = plain_cause(f"call 4 (CA{4:032x}) had no answer within 5.10 s")

    assert one == other


def test_causes_are_one_ascii_line() -> None:
    """What an agent sends never breaks the table."""
    assert plain_cause("caf\u00e9\n  closed\x1b").isascii()
    assert "\n" not in plain_cause("a\nb")


def test_long_lists_of_frames_are_cut() -> None:
    """Six numbers and a count."""
    assert frame_numbers(list(range(10))) == "frames 0, 1, 2, 3, 4, 5 and 4 more"
