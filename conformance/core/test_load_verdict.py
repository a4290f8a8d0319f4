"""The verdict on a run: one exit code, and every reason in words."""

from __future__ import annotations

import pytest

from fakes.backoff.policy import Policy
from loadtests._tally import Tally
from loadtests._verdict import INVALID, MET, MISSED, Judged, Terms, judge_run
from voiceutils.budget import DEFAULT_BUDGETS, Budget

TERMS = Terms(DEFAULT_BUDGETS)


def a_run(calls: int = 100, **seconds: float) -> Tally:
    """A tally of ``calls`` good calls; each latency may be set by its name."""
    usual = {"greeting": 0.4, "turn_gap": 0.7, "barge_in": 0.3, "lateness": 0.0004}
    tally = Tally()
    tally.counts.update(placed=calls, answered=calls, completed=calls)
    for name, value in {**usual, **seconds}.items():
        for _ in range(calls):
            tally.histograms[name].record(value)
    return tally


def with_counts(**counts: int) -> Judged:
    """The verdict on a good run to which ``counts`` are added."""
    tally = a_run()
    tally.counts.update(counts)
    return judge_run(tally, TERMS)


def test_a_good_run_is_ok() -> None:
    """Exit code 0 and no reason against it."""
    judged = judge_run(a_run(), TERMS)

    assert (judged.exit_code, judged.word, judged.reasons) == (MET, "OK", ())
    assert all(verdict.met for verdict in judged.budgets)


def test_a_missed_budget_says_by_how_much() -> None:
    """The reason has the figure, the budget and the difference."""
    judged = judge_run(a_run(turn_gap=1.0), TERMS)

    assert judged.exit_code == MISSED
    assert judged.reasons == (
        "turn gap p50 is 1000 ms: over its budget of 885 ms by 115 ms",
    )


@pytest.mark.parametrize(
    ("p99", "code"), [(0.004, MET), (0.0051, INVALID), (0.2, INVALID)]
)
def test_a_late_generator_is_never_green(p99: float, code: int) -> None:
    """Above 5 ms of p99 lateness the run is INVALID."""
    assert judge_run(a_run(lateness=p99), TERMS).exit_code == code


def test_invalid_goes_before_a_missed_budget() -> None:
    """A late generator may have caused the miss, so the agent is not blamed."""
    judged = judge_run(a_run(lateness=0.2, turn_gap=3.0), TERMS)

    assert judged.word == "INVALID"
    assert "the generator was late" in judged.reasons[0]


def test_calls_that_the_engine_dropped_make_a_run_invalid() -> None:
    """Calls that were not fed all their frames measured something else."""
    assert with_counts(engine_failed=3).exit_code == INVALID


@pytest.mark.parametrize(
    ("max_failed", "code"), [(0.0, MISSED), (0.049, MISSED), (0.05, MET)]
)
def test_failed_calls_count_against_their_allowance(
    max_failed: float, code: int
) -> None:
    """Five in a hundred fail; calls cut by the end of the run are not counted."""
    tally = a_run(95)
    tally.counts.update(failed=5, placed=5 + 40, cut=40)

    assert judge_run(tally, Terms(DEFAULT_BUDGETS, max_failed)).exit_code == code


@pytest.mark.parametrize(
    "counts",
    [
        {"up_lost": 1},
        {"up_turns_lost": 1},
        {"up_repeated": 1},
        {"up_disordered": 1},
        {"crossed": 1},
        {"down_lost": 1},
        {"down_repeated": 1},
        {"foreign": 1},
        {"turns_unanswered": 1},
        {"barge_ins_unstopped": 1},
        {"backoff_violations": 1},
        {"ledger_seen": 9, "ledger_unseen": 1},
    ],
)
def test_no_wrong_audio_is_green(counts: dict[str, int]) -> None:
    """One lost frame or broken promise is a reason of its own."""
    judged = with_counts(**counts)

    assert judged.exit_code == MISSED
    assert len(judged.reasons) == 1


def test_calls_that_come_back_in_step_are_a_reason() -> None:
    """No single call shows it."""
    tally = a_run()
    tally.crowd.draws["0 of range"] = {60: 40}
    declared = Policy(0.25, 1.5, 5.0, "equal", 5)

    judged = judge_run(tally, Terms(DEFAULT_BUDGETS, policy=declared))

    assert judged.exit_code == MISSED
    assert "no jitter" in judged.reasons[0]


def test_another_recogniser_is_no_loss() -> None:
    """When no call at all reached the fake Deepgram, nothing is held against it."""
    assert with_counts(ledger_unseen=100).exit_code == MET


@pytest.mark.parametrize("counts", [{}, {"placed": 4, "cut": 4}])
def test_measuring_nothing_is_not_green(counts: dict[str, int]) -> None:
    """An empty run says so once, instead of listing each budget."""
    tally = Tally()
    tally.counts.update(counts)

    judged = judge_run(tally, TERMS)

    assert judged.exit_code == MISSED
    assert len(judged.reasons) == 1


def test_a_missing_measurement_is_not_met() -> None:
    """Calls without one turn gap do not pass the turn gap's budget."""
    tally = a_run()
    tally.histograms["turn_gap"] = type(tally.histograms["turn_gap"])()

    judged = judge_run(tally, Terms([Budget("turn_gap", 95, 1.1)]))

    assert judged.exit_code == MISSED
    assert "never measured" in judged.reasons[0]


def test_no_barge_in_is_asked_of_a_conversation_without_one() -> None:
    """The budget applies only where the script holds a barge-in."""
    tally = a_run()
    tally.histograms["barge_in"] = type(tally.histograms["barge_in"])()

    terms = Terms(DEFAULT_BUDGETS, calls_barge_in=False)

    assert judge_run(tally, terms).exit_code == MET


def test_the_death_of_the_agent_stands_first() -> None:
    """It is a failure even when the generator was late as well."""
    judged = judge_run(
        a_run(lateness=0.2), Terms(DEFAULT_BUDGETS, stopped="the agent died")
    )

    assert judged.exit_code == MISSED
    assert judged.reasons[0] == "the agent died"


def test_a_lost_worker_is_said() -> None:
    """Its last calls are missing, so the run is not green."""
    judged = judge_run(a_run(), Terms(DEFAULT_BUDGETS, losses=["worker a_1 lost"]))

    assert judged.exit_code == MISSED
    assert "worker a_1 lost" in judged.reasons[0]


def test_calls_without_a_phone_are_told_and_not_green() -> None:
    """The load was thinner than asked for, so its figures flatter the agent."""
    judged = with_counts(offered=100, blocked=3)

    assert judged.exit_code == MISSED
    assert judged.reasons[0].startswith("3 of 100 calls found no free phone in time")


@pytest.mark.parametrize("count", ["engine_full", "placed_late"])
def test_calls_that_the_generator_could_not_place_make_a_run_invalid(
    count: str,
) -> None:
    """A phone was free, so it is no matter of the agent."""
    assert with_counts(**{count: 1}).exit_code == INVALID


def test_a_step_of_a_search_is_judged_by_calls_that_were_cut() -> None:
    """No call need have come to its end, but one must have been placed."""
    tally = a_run(20, turn_gap=3.0)
    tally.counts.update(completed=-20, cut=20)

    judged = judge_run(tally, Terms(DEFAULT_BUDGETS, whole_calls=False))

    assert judged.exit_code == MISSED
    assert all("turn gap" in reason for reason in judged.reasons)
    empty = judge_run(Tally(), Terms(DEFAULT_BUDGETS, whole_calls=False))
    assert empty.reasons == ("no call was placed: nothing was measured",)
