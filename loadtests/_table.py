"""The table printed at the end of a run: ASCII, at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from fakes.backoff.oracle import SLACK_EARLY, SLACK_LATE
from loadtests._cells import milliseconds, number
from loadtests._parts import part_texts
from loadtests._table_load import cost_texts, load_texts
from loadtests._tally import EXAMPLES, Tally
from loadtests._verdict import Judged
from voiceutils.budget import LatencyHistogram, Verdict

__all__ = ["ENOUGH", "WIDTH", "Headline", "render_table", "table_rows"]

WIDTH = 100
LABEL = 12

ENOUGH = {50.0: 2, 95.0: 20, 99.0: 100}
"""Calls for fewer samples than this leave a percentile unsaid: with 99 samples the
p99 is the slowest one, whatever the distribution."""

ROWS = (
    ("answer", "call to answer"),
    ("greeting", "answer to greeting"),
    ("turn_gap", "turn gap"),
    ("barge_in", "barge-in to silence"),
    ("call", "whole call"),
)

CAUSES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Headline:
    """What stands above the figures.

    Attributes:
        backoff: the policy that the agent's retries were checked against, in words.
        dropped_on_purpose: one caller frame in so many was not sent; 0 for none.
        running: whether the run still goes on.
        traffic: what was asked for beyond the usual, in words.
        offered: erlangs to be offered at the peak; 0 when not known.
        phones: how many there were; 0 when not known.
        steps: the steps of a search for the capacity, as a table of their own; the
            figures are then those of its last step.
        visits: lines about who came to the providers' hosts and was not served.
    """

    agent: str
    turns: int
    seed: int
    seconds: float
    backoff: str = "general bounds"
    dropped_on_purpose: int = 0
    running: bool = False
    traffic: str = ""
    offered: float = 0.0
    phones: int = 0
    steps: str = ""
    visits: Sequence[str] = ()


def render_table(tally: Tally, judged: Judged, headline: Headline) -> str:
    """The whole table, without a newline at its end."""
    lines = [
        "-" * WIDTH,
        *_item("busyhour", _heading(headline)),
        *_item("load", load_texts(tally, headline.seconds, *_offer(headline))),
        *_calls(tally),
        "",
        *_latencies(tally, judged.budgets),
        "",
        *_item("turn gap", part_texts(tally)),
        *_audio(tally, headline),
        *_backoff(tally, headline),
        *_generator(tally),
        *_item("cost", cost_texts(tally)),
        *_item("hosts", headline.visits),
        "",
        *([headline.steps, ""] if headline.steps else []),
        *_item("so far" if headline.running else "verdict", [_word(judged)]),
        *_item("", [f"- {reason}" for reason in judged.reasons]),
        "-" * WIDTH,
    ]
    return "\n".join(lines)


def table_rows(tally: Tally, budgets: Sequence[Verdict]) -> list[dict[str, str]]:
    """The latency rows as text cells: keys name, n, p50, p95, p99, max, budget."""
    return [
        {
            "name": title,
            **_cells(tally.histograms[key]),
            "budget": ", ".join(_held(key, budgets)),
        }
        for key, title in ROWS
    ]


def _word(judged: Judged) -> str:
    return f"{judged.word} (exit code {judged.exit_code})"


def _heading(headline: Headline) -> list[str]:
    run = f"turns a call {headline.turns}, seed {headline.seed}"
    traffic = [headline.traffic] if headline.traffic else []
    return [f"agent {headline.agent}", f"{run}, {headline.seconds:.0f} s", *traffic]


def _offer(headline: Headline) -> tuple[float, int]:
    return headline.offered, headline.phones


def _item(label: str, texts: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        for part in wrap(_ascii(text), WIDTH - LABEL, subsequent_indent="  ") or [""]:
            lines.append(f"{label:<{LABEL}}{part}".rstrip())
            label = ""
    return lines


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _calls(tally: Tally) -> list[str]:
    counts = tally.counts
    named = ("placed", "answered", "completed", "failed")
    texts = ["  ".join(f"{name} {number(counts[name])}" for name in named)]
    if counts["cut"]:
        texts[0] += f"  cut short by the end of the run {number(counts['cut'])}"
    ranked = sorted(tally.causes.items(), key=lambda item: (-item[1], item[0]))
    texts += [f"failed {n}: {cause}" for cause, n in ranked[:CAUSES_SHOWN]]
    if len(ranked) > CAUSES_SHOWN:
        rest = sum(n for _, n in ranked[CAUSES_SHOWN:])
        texts.append(f"failed {rest}: {len(ranked) - CAUSES_SHOWN} other causes")
    said = (
        ("turns_unanswered", "turns never answered", "unanswered"),
        ("barge_ins_unstopped", "barge-ins that did not stop the agent", "unstopped"),
        ("talked_over", "turns the agent talked over", "talked_over"),
    )
    for name, text, kind in said:
        if counts[name]:
            texts.append(f"{number(counts[name])} {text}")
            texts += _examples(tally, kind)
    found = sorted(tally.findings.items(), key=lambda item: (-item[1], item[0]))
    texts += [f"noted {n} x {finding}" for finding, n in found[:CAUSES_SHOWN]]
    return _item("calls", texts)


def _examples(tally: Tally, kind: str) -> list[str]:
    kept = tally.examples.get(kind, ())
    more = [f"  (the first {EXAMPLES} are shown)"] if len(kept) == EXAMPLES else []
    return [f"  call {call}, {text}" for call, text in kept] + more


def _latencies(tally: Tally, budgets: Sequence[Verdict]) -> list[str]:
    form = "{name:<22}{n:>8}{p50:>9}{p95:>9}{p99:>9}{max:>9}  {budget}"
    head = {"n": "n", "p50": "p50", "p95": "p95", "p99": "p99", "max": "max"}
    lines = [form.format(name="milliseconds", budget="budget", **head)]
    rows = table_rows(tally, budgets)
    for (key, _), row in zip(ROWS, rows, strict=True):
        # One budget stands in the row, further ones under it.
        first, *more = _held(key, budgets) or [""]
        lines.append(form.format(**{**row, "budget": first}).rstrip())
        lines += [" " * 68 + held for held in more]
    if any("*" in cell for row in rows for cell in row.values()):
        need = ", ".join(f"p{p:g} from {n} on" for p, n in ENOUGH.items())
        lines.append(f"* too few samples to say: {need}")
    return lines


def _cells(histogram: LatencyHistogram) -> dict[str, str]:
    cells = {"n": number(histogram.count)}
    for percentile, enough in ENOUGH.items():
        value = histogram.percentile(percentile)
        if value is None:
            cell = "-"
        else:
            cell = f"{value * 1000:.0f}" if histogram.count >= enough else "*"
        cells[f"p{percentile:g}"] = cell
    slowest = histogram.max
    cells["max"] = f"{slowest * 1000:.0f}" if histogram.count and slowest else "-"
    return cells


def _held(key: str, budgets: Sequence[Verdict]) -> list[str]:
    return [_judged(verdict) for verdict in budgets if verdict.budget.name == key]


def _judged(verdict: Verdict) -> str:
    budget = verdict.budget
    text = f"p{budget.percentile:g} <= {budget.limit_seconds * 1000:.0f}"
    if verdict.value is None:
        return f"{text} not measured"
    if verdict.met:
        return f"{text} met"
    over = 1000 * (verdict.missed_by or 0.0)
    return f"{text} MISSED by {over:.0f}"


def _audio(tally: Tally, headline: Headline) -> list[str]:
    counts = tally.counts
    down = (
        f"agent to caller: {number(counts['down_lost'])} of "
        f"{number(counts['down_frames'] + counts['down_lost'])} frames lost, "
        f"{number(counts['down_repeated'])} repeated, "
        f"{number(counts['foreign'])} foreign"
    )
    return [
        *_item("audio", ["caller to agent: " + _up(tally, headline)]),
        *_item("", _examples(tally, "up_lost")),
        *_item("", _examples(tally, "up_repeated")),
        *_item("", _examples(tally, "crossed")),
        *_item("", [down]),
        *_item("", _examples(tally, "down_lost")),
        *_item("", _examples(tally, "down_repeated")),
        *_item("", _examples(tally, "foreign")),
    ]


def _up(tally: Tally, headline: Headline) -> str:
    counts = tally.counts
    if not counts["ledger_seen"]:
        if counts["ledger_unseen"]:
            return "not measured, no caller's audio came to the fake Deepgram"
        return "not measured, no call was both completed and in the ledger"
    text = (
        f"{number(counts['up_lost'])} of {number(counts['up_frames'])} frames lost, "
        f"{number(counts['up_repeated'])} repeated, "
        f"{number(counts['up_disordered'])} out of order, "
        f"{number(counts['crossed'])} foreign"
    )
    if headline.dropped_on_purpose:
        text += f" (1 frame in {headline.dropped_on_purpose} not sent on purpose)"
    if counts["up_turns_lost"]:
        text += f", {number(counts['up_turns_lost'])} whole turns unheard"
    if counts["ledger_unseen"]:
        text += f", {number(counts['ledger_unseen'])} calls not seen at all"
    return text


def _backoff(tally: Tally, headline: Headline) -> list[str]:
    counts = tally.counts
    if not (counts["backoff_calls"] or counts["backoff_violations"]):
        return _item(
            "backoff",
            ["no second attempt seen of any call (known by Deepgram's tag=CallSid)"],
        )
    text = (
        f"came back: {number(counts['backoff_calls'])} calls; "
        f"{number(counts['backoff_delays'])} delays checked, "
        f"{number(counts['backoff_violations'])} out of bounds"
    )
    if (herd := tally.crowd.herd) is not None:
        text += f"; herd {herd:.1f}"
    against = (
        f"against {headline.backoff}; slack -{SLACK_EARLY * 1000:g} "
        f"+{SLACK_LATE * 1000:g} ms"
    )
    return _item("backoff", [text, against, *_examples(tally, "backoff")])


def _generator(tally: Tally) -> list[str]:
    lateness, dialling = tally.histograms["lateness"], tally.histograms["dialling"]
    if not lateness.count:
        return _item("generator", ["no frame was sent"])
    middle, high = lateness.percentile(50.0), lateness.percentile(99.0)
    text = (
        f"frames {number(lateness.count)}, lateness p50 {milliseconds(middle)} "
        f"p99 {milliseconds(high)} max {milliseconds(lateness.max)} ms, "
        f"dialling p99 {milliseconds(dialling.percentile(99.0))} ms"
    )
    dropped = tally.counts["engine_failed"]
    more = [f"{number(dropped)} calls dropped by the engine"] if dropped else []
    return _item("generator", [text, *more])
