"""``python -m conformance.bench.compare BASE [HEAD]``: what became faster or slower.

Both revisions run the benchmarks that both have, in turn, round after round, on this
machine and in one go; figures of other machines or other days are never compared. Every
round is kept as pytest-benchmark's own JSON, so ``pytest-benchmark compare`` reads it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.bench._paired import FEWEST_PAIRS, Change, change
from conformance.bench._revision import WORKING_TREE, Revision, revision
from voiceutils.errors import SettingError, VoiceError

__all__ = ["main"]

RUN_SECONDS = 600.0
# What must be the same for two runs to be comparable.
_ALIKE = ("cpu", "machine", "node", "python_version", "python_implementation", "system")


def main() -> int:
    """Compare; returns 1 when something became slower, 2 when nothing can be said."""
    parser = argparse.ArgumentParser(prog="python -m conformance.bench.compare")
    add = parser.add_argument
    add("base", help="a git revision")
    add("head", nargs="?", default=WORKING_TREE, help="another; default: what is here")
    add("-k", dest="select", default="", help="only those that match, as in pytest")
    add("--rounds", type=int, default=12, help="pairs of runs, default %(default)s")
    add("--max-time", type=float, default=0.1, help="s for each benchmark in a round")
    add("--keep", type=Path, help="folder for the rounds' JSON; default: a new one")
    add("--summary", type=Path, help="append the result to this file, as Markdown")
    options = parser.parse_args()
    try:
        changes = _compare(options)
    except VoiceError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    if options.summary:
        with options.summary.open("a", encoding="utf-8") as summary:
            summary.write(markdown(changes))
    return 1 if any(c.verdict == "slower" for c in changes) else 0


def _compare(options: argparse.Namespace) -> list[Change]:
    if options.rounds < FEWEST_PAIRS:
        raise SettingError(f"--rounds {options.rounds}: fewer than {FEWEST_PAIRS}")
    keep = options.keep or Path(tempfile.mkdtemp(prefix="busyhour-bench-"))
    keep.mkdir(parents=True, exist_ok=True)
    base, head = revision(options.base), revision(options.head)
    print(f"base {base.name} ({base.commit}), head {head.name} ({head.commit})")
    print(f"{options.rounds} rounds, kept in {keep}", flush=True)
    runs: dict[str, list[dict[str, float]]] = {"base": [], "head": []}
    alike: dict[str, Any] = {}
    for number in range(options.rounds):
        # Alternating order: whatever drifts in time favours neither.
        pair = (("base", base), ("head", head))
        for side, there in pair if number % 2 == 0 else pair[::-1]:
            path = keep / f"{side}-{number + 1:02d}.json"
            told = run_round(there, path, options)
            _check_alike(alike, told["machine_info"], path)
            runs[side].append(
                {b["fullname"]: b["stats"]["min"] for b in told["benchmarks"]}
            )
        print(".", end="", flush=True)
    print()
    changes = _changes(runs["base"], runs["head"])
    print(table(changes))
    return changes


def run_round(
    there: Revision, path: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the benchmarks of a revision once; return the JSON of pytest-benchmark.

    Raises:
        SettingError: they do not run, take too long, or there are none.
    """
    command = [
        str(there.python), "-m", "pytest", "conformance/bench",
        "-q", "--benchmark-enable", "--benchmark-only", f"--benchmark-json={path}",
        f"--benchmark-max-time={options.max_time}", "--benchmark-min-rounds=5",
        "--benchmark-disable-gc", "-p", "no:cacheprovider",
    ]  # fmt: skip
    command += ["-k", options.select] if options.select else []
    env = {**os.environ, "PYTHONPATH": str(there.folder)}
    try:
        ran = subprocess.run(
            command,
            cwd=there.folder,
            env=env,
            capture_output=True,
            check=False,
            text=True,
            timeout=RUN_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SettingError(
            f"a round of {there.name!r} took more than {RUN_SECONDS:.0f} s; select "
            "fewer benchmarks with -k, or give each less with --max-time"
        ) from error
    if ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SettingError(f"{there.name!r} has no benchmark like {options.select!r}")
    if ran.returncode or not path.exists():
        end = "\n".join(ran.stdout.splitlines()[-8:])
        raise SettingError(f"the benchmarks of {there.name!r} did not run:\n{end}")
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return told


def _check_alike(alike: dict[str, Any], machine: dict[str, Any], path: Path) -> None:
    """Refuse a run that was made elsewhere, or by another Python."""
    for name in _ALIKE:
        value = machine.get(name)
        if name == "cpu":
            value = (value or {}).get("brand_raw")  # its frequency is read anew
        if alike.setdefault(name, value) != value:
            raise SettingError(
                f"{path.name} was run on another {name}: {value!r}, not "
                f"{alike[name]!r}; only like runs are compared"
            )


def _changes(
    base: Sequence[dict[str, float]], head: Sequence[dict[str, float]]
) -> list[Change]:
    both = [name for name in base[0] if all(name in run for run in (*base, *head))]
    if not both:
        raise SettingError("the two revisions have no benchmark in common")
    return [
        change(name, [run[name] for run in base], [run[name] for run in head])
        for name in both
    ]


def table(changes: Sequence[Change]) -> str:
    """Return the verdicts, slowest change first, and a line that sums them up."""
    ordered = sorted(changes, key=lambda c: -c.ratio)
    width = max(len(_short(c.name)) for c in changes)
    lines = [f"{'benchmark':{width}}  {'base':>10}  {'head':>10}  ratio (95 %)"]
    lines += [
        f"{_short(c.name):{width}}  {_time(c.base):>10}  {_time(c.head):>10}  "
        f"{c.ratio:.3f} ({c.low:.3f}-{c.high:.3f})  {c.verdict}"
        for c in ordered
    ]
    return "\n".join([*lines, "", _sum(changes)])


def markdown(changes: Sequence[Change]) -> str:
    """Return the same for a page: what changed first, the rest folded away."""
    rows = [
        "| benchmark | base | head | ratio (95 %) | verdict |",
        "|---|---|---|---|---|",
    ]
    quiet = list(rows)
    for c in sorted(changes, key=lambda c: -c.ratio):
        row = (
            f"| `{_short(c.name)}` | {_time(c.base)} | {_time(c.head)} | {c.ratio:.3f} "
            f"({c.low:.3f}-{c.high:.3f}) | {c.verdict} |"
        )
        (rows if c.verdict in ("slower", "faster") else quiet).append(row)
    lines = ["### Benchmarks", "", _sum(changes), ""]
    lines += rows if len(rows) > 2 else []
    lines += [
        "",
        "<details><summary>the others</summary>",
        "",
        *quiet,
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def _sum(changes: Sequence[Change]) -> str:
    counts = (
        f"{sum(c.verdict == verdict for c in changes)} {verdict}"
        for verdict in ("slower", "faster", "same", "unsure")
    )
    return ", ".join(counts)


def _short(name: str) -> str:
    return name.removeprefix("conformance/bench/")


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


if __name__ == "__main__":
    sys.exit(main())
