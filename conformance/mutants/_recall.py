"""The table of cases and mutants, measured: ``python -m conformance.mutants recall``.

Each seed dials the same pairs in another order with other numbers, so a verdict that
depends on order, number or luck shows as one that differs. What was measured is kept in
``recall.json`` beside this file, and shown by ``RECALL.md``::

    python -m conformance.mutants recall --seeds 5           all of it, some 20 minutes
    python -m conformance.mutants recall --seeds 5 --missing what is new since then
    python -m conformance.mutants recall --case 8 --seeds 2  one chapter
    python -m conformance.mutants recall --whole             every case to every mutant

Exit code 0: no mutant unseen, no MUST case blind, no false alarm, nothing differs; 1:
something of that; 3: the machine was too busy to tell.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from conformance._case import MUST, CaseFailed, Level
from conformance._exchange import Exchange
from conformance._index import all_cases
from conformance._limits import Limits
from conformance._line import Numbering, Unsupported
from conformance._processes import start_agents, start_fakes
from conformance._verdict import CLEAN, Judge, Pair, Verdict
from conformance.mutants._registry import registered_mutants
from voiceutils.errors import DeadlineExceeded, VoiceError

__all__ = ["Figures", "Table", "figures", "main", "missing", "pairs", "read_table"]

DATA = Path(__file__).with_name("recall.json")
PAGE = Path(__file__).with_name("RECALL.md")
# By "case agent", by seed: what came of it.
Table: TypeAlias = dict[str, dict[str, str]]
PASSED, FAILED, BROKE, INVALID, UNSUPPORTED = (
    "passed", "failed", "broke", "invalid", "unsupported",
)  # fmt: skip


def pairs(*, whole: bool = False) -> list[Pair]:
    """Return what is to be measured.

    Args:
        whole: every case with every mutant; else those that a case names.
    """
    cases, mutants = all_cases(), list(registered_mutants())
    clean = [Pair(case, CLEAN) for case in cases]
    named = [Pair(c, name) for c in cases for name in (mutants if whole else c.mutants)]
    return clean + named


def key_of(pair: Pair) -> str:
    """Return the name of a pair in the table."""
    return f"{pair.case.number} {pair.agent}"


def read_table() -> Table:
    """Return what was measured so far."""
    if not DATA.exists():
        return {}
    content: Table = json.loads(DATA.read_text("utf-8"))
    return content


def missing(table: Table) -> list[str]:
    """Return the pairs that a case names and that nobody has measured."""
    return [key for key in map(key_of, pairs()) if key not in table]


def measure(wanted: Sequence[Pair], seed: int) -> dict[str, str]:
    """Put cases to agents, in an order that the seed decides."""
    shuffled = list(wanted)
    random.Random(seed).shuffle(shuffled)
    fakes = start_fakes(known_ports=False)
    try:
        agents = start_agents(fakes, agent=None, command=None, clean=True, mutants=True)
        try:
            exchange = Exchange(
                fakes.addresses.control,
                agents.addresses,
                judge=Judge(strict=True),
                numbering=Numbering(seed),
                launchers=agents.launchers,
                limits=Limits(backoff=agents.backoff),
            )
            try:
                exchange.dial(shuffled)
                return {key_of(p): _word(exchange.awaited(p)) for p in shuffled}
            finally:
                exchange.close()
        finally:
            agents.stop()
    finally:
        fakes.stop()


def _word(verdict: Verdict) -> str:
    failure = verdict.failure
    if isinstance(failure, Unsupported):
        return UNSUPPORTED
    if not verdict.is_valid:
        return INVALID
    if failure is None:
        return PASSED
    if isinstance(failure, CaseFailed | DeadlineExceeded):
        return FAILED
    # Not the agent's doing, so somebody has to know of it.
    print(f"broke: {type(failure).__name__}: {failure}", file=sys.stderr)
    return BROKE


class Figures(NamedTuple):
    """What a table says of the suite.

    Attributes:
        mutants: how many there are.
        unseen: those that no case failed in every seed in which it could be told.
        must: how many MUST cases there are.
        blind: those that failed no mutant.
        alarms: cases that the clean agent failed, with the seed.
        differing: pairs whose verdict was not the same in all seeds.
        invalid: how often it could not be told.
        measured: how many verdicts there are.
    """

    mutants: int
    unseen: list[str]
    must: int
    blind: list[str]
    alarms: list[str]
    differing: list[str]
    invalid: int
    measured: int

    @property
    def recall(self) -> float:
        """The share of mutants that are found."""
        return 1 - len(self.unseen) / max(1, self.mutants)

    @property
    def precision(self) -> float:
        """The share of failures that are a mutant's, not the clean agent's."""
        found = self.mutants - len(self.unseen)
        return found / max(1, found + len(self.alarms))

    def lines(self) -> list[str]:
        """Return them for a person."""
        found = f"{self.mutants - len(self.unseen)} of {self.mutants} mutants, unseen"
        alarms = f"{len(self.alarms)} false alarms on the clean agent"
        sighted = f"{self.must - len(self.blind)} of {self.must} fail a mutant, blind"
        verdicts = f"{self.measured}, of which {self.invalid} INVALID"
        differing = f"{len(self.differing)} pairs differ between seeds"
        return [
            f"recall      {self.recall:.3f}: {found}{_listed(self.unseen)}",
            f"precision   {self.precision:.3f}: {alarms}{_listed(self.alarms)}",
            f"MUST cases  {sighted}{_listed(self.blind)}",
            f"verdicts    {verdicts}; {differing}{_listed(self.differing)}",
        ]


def _listed(names: Sequence[str]) -> str:
    return f": {', '.join(names) or 'none'}"


def figures(table: Table, levels: dict[str, Level], mutants: Iterable[str]) -> Figures:
    """Work the figures out; cases and mutants that were not measured are not counted.

    Args:
        table: what was measured.
        levels: of the cases, by number.
        mutants: the names of all of them.
    """
    failing: Counter[str] = Counter()  # by mutant and by case: pairs that always fail
    alarms, differing, invalid = [], [], 0
    cases: set[str] = set()
    agents: set[str] = set()
    for key, by_seed in table.items():
        number, _, agent = key.partition(" ")
        words = [word for word in by_seed.values() if word != INVALID]
        invalid += len(by_seed) - len(words)
        if len(set(words)) > 1:
            differing.append(key)
        if agent == CLEAN:
            told = [seed for seed, word in by_seed.items() if word in (FAILED, BROKE)]
            alarms += [f"{number} seed {seed}" for seed in told]
            continue
        cases.add(number)
        agents.add(agent)
        if words and set(words) == {FAILED}:
            failing.update((number, agent))
    must = [number for number in cases if levels.get(number) is MUST]
    known = [name for name in mutants if name in agents]
    return Figures(
        mutants=len(known),
        unseen=[name for name in known if not failing[name]],
        must=len(must),
        blind=sorted(number for number in must if not failing[number]),
        alarms=alarms,
        differing=sorted(differing),
        invalid=invalid,
        measured=sum(map(len, table.values())),
    )


def page(table: Table, summary: Figures) -> str:
    """Return the table as Markdown."""
    rows: dict[str, list[str]] = {}
    for key, by_seed in table.items():
        number, _, agent = key.partition(" ")
        words = Counter(by_seed.values())
        if agent != CLEAN and words[FAILED]:
            told = sum(words.values()) - words[INVALID]
            rows.setdefault(agent, []).append(f"{number} ({words[FAILED]}/{told})")
    lines = [
        "# Which case finds which mutant",
        "",
        "Measured by `python -m conformance.mutants recall`, which wrote this page. In",
        "brackets: in how many seeds of those in which it could be told.",
        "",
        "```text",
        *summary.lines(),
        "```",
        "",
        "| mutant | failed by case |",
        "|---|---|",
    ]
    for agent, found in sorted(rows.items()):
        ordered = sorted(found, key=lambda text: _order(text.partition(" ")[0]))
        lines.append(f"| `{agent}` | {', '.join(ordered)} |")
    return "\n".join(lines) + "\n"


def _order(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, keep it, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants recall")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="1 to N")
    parser.add_argument("--case", metavar="N", help="one chapter or case")
    parser.add_argument("--whole", action="store_true", help="pairs nobody names, too")
    parser.add_argument("--missing", action="store_true", help="only what is new")
    parser.add_argument(
        "--keep", action="store_true", help="write recall.json, RECALL.md"
    )
    options = parser.parse_args(arguments)
    known = read_table()
    wanted = [
        pair
        for pair in pairs(whole=options.whole)
        if pair.case.selected_by(options.case)
    ]
    names = {key_of(pair) for pair in wanted}
    table: Table = {key: dict(known.get(key, {})) for key in names} if known else {}
    for seed in range(1, options.seeds + 1):
        new = [
            pair
            for pair in wanted
            if not options.missing or str(seed) not in known.get(key_of(pair), {})
        ]
        began = time.monotonic()
        try:
            words = measure(new, seed) if new else {}
        except VoiceError as error:
            print(f"seed {seed}: {error}", file=sys.stderr)
            return 3
        for key, word in words.items():
            table.setdefault(key, {})[str(seed)] = word
        took = time.monotonic() - began
        print(f"seed {seed}: {len(new)} pairs in {took:.0f} s", flush=True)
    levels = {case.number: case.level for case in all_cases()}
    summary = figures(table, levels, registered_mutants())
    print("\n".join(summary.lines()))
    if options.keep:
        # A case that is gone takes its verdicts with it.
        of_now = {key_of(pair) for pair in pairs(whole=True)}
        merged = {k: v for k, v in {**known, **table}.items() if k in of_now}
        ordered = dict(sorted(merged.items()))
        DATA.write_text(json.dumps(ordered, indent=0) + "\n", "utf-8")
        whole = figures(ordered, levels, registered_mutants())
        PAGE.write_text(page(ordered, whole), "utf-8")
    if summary.unseen or summary.blind or summary.alarms or summary.differing:
        return 1
    return 3 if summary.invalid else 0


if __name__ == "__main__":
    sys.exit(main())
