"""Says whether a run was good, in one exit code and a list of reasons.

====  ==================================================================
0     every budget met, no more calls failed than allowed, audio whole
1     a budget was missed, calls failed, audio was lost, or nothing was
      measured at all
2     the run could not start (see ``locustfile``)
3     INVALID: the generator itself was late, so no figure can be believed
====  ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fakes.backoff.policy import Policy
from loadtests._tally import Tally
from voiceutils.budget import Budget, Verdict

__all__ = [
    "CANNOT_START",
    "INVALID",
    "LATENESS_LIMIT",
    "MET",
    "MISSED",
    "Judged",
    "Terms",
    "judge_run",
]

MET, MISSED, CANNOT_START, INVALID = 0, 1, 2, 3

LATENESS_LIMIT = 0.005
"""Seconds of p99 frame lateness above which the generator disturbs what it measures:
a quarter of a frame."""

BUDGET_TITLES = {
    "greeting": "answer to greeting",
    "turn_gap": "turn gap",
    "barge_in": "barge-in to silence",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the run was held to.

    Attributes:
        max_failed: share of finished calls that may fail, from 0 to 1.
        stopped: why the run ended before its time, such as the agent's death.
        losses: what is missing of each worker that was lost, in words.
        calls_barge_in: whether the conversation holds a barge-in.
        whole_calls: whether calls must have come to their end to be judged by.
        policy: what the agent declares of its retries; None for the general bounds.
        elsewhere: hosts that the agent called and should not have.
    """

    budgets: Sequence[Budget]
    max_failed: float = 0.0
    stopped: str = ""
    losses: Sequence[str] = ()
    calls_barge_in: bool = True
    whole_calls: bool = True
    policy: Policy | None = None
    elsewhere: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a run.

    Attributes:
        word: OK, MISSED or INVALID.
        reasons: why it is not OK; empty when it is.
        budgets: one verdict for each budget that applies.
    """

    exit_code: int
    word: str
    reasons: tuple[str, ...]
    budgets: tuple[Verdict, ...]


def judge_run(tally: Tally, terms: Terms) -> Judged:
    """Judge what ``tally`` adds up to against ``terms``."""
    budgets = tuple(
        budget.judge(tally.histograms[budget.name])
        for budget in terms.budgets
        if budget.name != "barge_in" or terms.calls_barge_in
    )
    late = _late(tally)
    reasons = [*late, *_blocked(tally), *_calls(tally, terms), *_audio(tally)]
    reasons += _backoff(tally, terms.policy)
    reasons += [f"the agent also calls {host}" for host in terms.elsewhere]
    ended = ("completed", "failed") if terms.whole_calls else ("placed",)
    measured = any(tally.counts[name] for name in ended)
    if measured:
        reasons += [_missed(verdict) for verdict in budgets if not verdict.met]
    if terms.stopped:
        # That the agent died stays true however late the frames were.
        return Judged(MISSED, "MISSED", (terms.stopped, *reasons), budgets)
    if late:
        return Judged(INVALID, "INVALID", tuple(reasons), budgets)
    if reasons:
        return Judged(MISSED, "MISSED", tuple(reasons), budgets)
    return Judged(MET, "OK", (), budgets)


def _late(tally: Tally) -> list[str]:
    reasons = []
    p99 = tally.histograms["lateness"].percentile(99.0)
    if p99 is not None and p99 > LATENESS_LIMIT:
        reasons.append(
            f"the generator was late: frame lateness p99 {p99 * 1000:.1f} ms, "
            f"limit {LATENESS_LIMIT * 1000:g} ms; place fewer calls or add --processes"
        )
    if broken := tally.counts["engine_failed"]:
        reasons.append(f"the media engine left {broken} calls without their frames")
    if full := tally.counts["engine_full"]:
        reasons.append(f"the engine was full for {full} calls; add --processes")
    if late := tally.counts["placed_late"]:
        reasons.append(f"{late} calls were dialled too late although a phone was free")
    return reasons


def _blocked(tally: Tally) -> list[str]:
    blocked, offered = tally.counts["blocked"], tally.counts["offered"]
    if not blocked:
        return []
    share = 100 * blocked / max(offered, 1)
    text = f"{blocked} of {offered} calls found no free phone in time ({share:.1f} %): "
    return [text + "the load was thinner than asked; a slow agent, or -u too small?"]


def _calls(tally: Tally, terms: Terms) -> list[str]:
    counts = tally.counts
    finished = counts["completed"] + counts["failed"]
    reasons = []
    if not counts["placed"]:
        reasons.append("no call was placed: nothing was measured")
    elif not finished and terms.whole_calls:
        reasons.append("no call came to its end: give the run more time (-t)")
    elif counts["failed"] > terms.max_failed * finished:
        share = 100 * counts["failed"] / finished
        reasons.append(
            f"{counts['failed']} of {finished} calls failed ({share:.1f} %), "
            f"{100 * terms.max_failed:g} % allowed"
        )
    if counts["turns_unanswered"]:
        reasons.append(f"{counts['turns_unanswered']} turns were never answered")
    if counts["barge_ins_unstopped"]:
        reasons.append(f"{counts['barge_ins_unstopped']} barge-ins did not stop it")
    return [*reasons, *terms.losses]


def _audio(tally: Tally) -> list[str]:
    counts = tally.counts
    said = (
        ("up_lost", "frames lost from caller to agent"),
        ("up_turns_lost", "caller turns never reached the recogniser"),
        ("up_repeated", "frames repeated from caller to agent"),
        ("up_disordered", "frames out of order from caller to agent"),
        ("crossed", "recogniser connections carried another caller's voice"),
        ("down_lost", "frames lost from agent to caller"),
        ("down_repeated", "frames repeated from agent to caller"),
        ("foreign", "times a caller heard what belongs to another call"),
    )
    reasons = [f"{counts[name]} {text}" for name, text in said if counts[name]]
    if counts["ledger_seen"] and counts["ledger_unseen"]:
        reasons.append(f"{counts['ledger_unseen']} calls never reached the recogniser")
    return reasons


def _backoff(tally: Tally, policy: Policy | None) -> list[str]:
    broken = tally.counts["backoff_violations"]
    reasons = [f"{broken} reconnections out of bounds"] if broken else []
    return reasons + list(tally.crowd.violations(policy))


def _missed(verdict: Verdict) -> str:
    budget = verdict.budget
    name = f"{BUDGET_TITLES.get(budget.name, budget.name)} p{budget.percentile:g}"
    limit = f"{budget.limit_seconds * 1000:.0f} ms"
    if verdict.value is None:
        return f"{name}: never measured, at most {limit} allowed"
    over = 1000 * (verdict.missed_by or 0.0)
    return (
        f"{name} is {verdict.value * 1000:.0f} ms: "
        f"over its budget of {limit} by {over:.0f} ms"
    )
