"""``python -m conformance.bench.engine``: calls that one core places, in one table.

Each sender runs alone on one core and the agent on another, in turn, several rounds;
the table has the medians. Calls a core are calls divided by the share of the core that
they used. Ours run as pure Python and compiled (:mod:`fakes.engine.compiled`, built
first where need be); the promises are judged by the compiled ones, where they can be
built. Bounded: no run takes longer than 25 s. Without a C compiler, or with one core
only, it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from conformance.bench.engine._plot import draw
from conformance.bench.engine._sink import Sink, compiled
from conformance.bench.engine._table import COMPILED, judged, table, title
from voiceutils.errors import VoiceError

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parents[3]
_LONGEST = 25.0
_PRIORITY = "-19"
_FEW, _MANY, _MOST = 100, 800, 1000
_HERE = "conformance.bench.engine"
_COMPILED = "fakes.engine.compiled"
_Sender: TypeAlias = tuple[list[str], int]  # its command, and how many calls
_STEPS = (50, 100, 200, 300, 400, 500, 600, 800)


class _Cores:
    """One core for whoever sends, another for the agent."""

    def __init__(self) -> None:
        self.count = len(os.sched_getaffinity(0))
        cores = sorted(os.sched_getaffinity(0))
        self.sender = ("taskset", "-c", str(cores[0]))
        self.agent = ("taskset", "-c", str(cores[-1]))
        self.raised = True

    def raise_priority(self, process: int) -> None:
        """Nice counts only inside a session where those are scheduled as groups."""
        try:
            Path(f"/proc/{process}/autogroup").write_text(_PRIORITY, encoding="ascii")
        except OSError:
            self.raised = False


def _measure(
    command: list[str], cores: _Cores, port: int, calls: int, seconds: float
) -> dict[str, Any]:
    process = subprocess.Popen(
        [*cores.sender, *command, str(port), str(calls), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        start_new_session=True,
    )
    cores.raise_priority(process.pid)
    try:
        out, _ = process.communicate(timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {}
    with suppress(ValueError, IndexError):
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        found["us"] = 1e6 * found["cpu"] / found["seconds"] / found["calls"]
        return found
    return {}


def _middle(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians; a run that gave no figure counts as the worst of all."""
    done = [run for run in runs if run]
    lost = len(runs) - len(done)
    if lost >= len(done):
        return {}
    keys = set.intersection(*(set(run) for run in done))
    return {key: median([*(run[key] for run in done), *[inf] * lost]) for key in keys}


def _can_compile() -> bool:
    """Have the compiled engine built, or say why it is not."""
    print("the compiled engine, unless it is there ...", file=sys.stderr)
    built = subprocess.run([sys.executable, "-m", _COMPILED], cwd=_ROOT, check=False)
    return built.returncode == 0


def _ours(kind: str, python: list[str], calls: int) -> dict[str, _Sender]:
    """Return our senders of one kind, which Python is started for like that."""
    full = [*python, f"{_HERE}._full"]
    return {
        f"{kind}bare": ([*python, f"{_HERE}._bare"], calls),
        f"{kind}full": (full, calls),
        f"{kind}few": (full, _FEW),
        f"{kind}many": (full, _MANY),
        f"{kind}most": (full, _MOST),
    }


def _compare(options: argparse.Namespace, folder: Path) -> int:
    cores = _Cores()
    python = [sys.executable, "-m"]
    senders = {
        "C": ([str(compiled("sender", folder))], options.calls),
        "gevent": ([*python, f"{_HERE}._locust_like"], options.users),
        **_ours("", python, options.calls),
    }
    full = [*python, f"{_HERE}._full"]
    if options.compiled and _can_compile():
        del senders["most"]  # too many without: each run took 25 s and gave no figure
        python += [_COMPILED, "-m"]
        senders |= _ours(COMPILED, python, options.calls)
        full = [*python, f"{_HERE}._full"]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in senders}
    with Sink(folder, cores.agent) as sink:
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for name, (command, calls) in senders.items():
                sink.stats()
                run = _measure(command, cores, sink.port, calls, options.seconds)
                runs[name].append(run)
                print(f"  {name}: {json.dumps(run)}", file=sys.stderr)
        if options.plot:
            steps = [
                _measure(full, cores, sink.port, calls, options.seconds)
                for calls in _STEPS
            ]
            draw([step for step in steps if step], options.plot)
    found = {name: _middle(of) for name, of in runs.items()}
    print(table(found))
    lines, met = judged(found)
    print("\n".join(["", *lines]))
    for name, of in runs.items():
        if lost := sum(not run for run in of):
            who = f"{title(name)} ({senders[name][1]} calls)"
            print(f"\n{who}: {lost} of {len(of)} runs gave no figure.")
    if not cores.raised:
        print(
            "\nWithout the right to a higher priority: others took part of the cores."
        )
    return 0 if met else 1


def main(words: list[str] | None = None) -> int:
    """Compare; return 0 when all bars are met, 1 when not, 2 when not measured."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.bench.engine", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--users", type=int, default=60, help="calls of the gevent one")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument(
        "--pure",
        dest="compiled",
        action="store_false",
        help="leave out the compiled ones",
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw lateness by number of calls, too"
    )
    options = parser.parse_args(words)
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        print("skipped: needs two cores, one for the calls and one for the agent")
        return 2
    if options.plot and find_spec("matplotlib") is None:
        print("skipped: plots need matplotlib: pip install 'busyhour[plots]'")
        return 2
    if shutil.which("taskset") is None:
        print("skipped: needs taskset (util-linux) to keep them apart")
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _compare(options, Path(folder))
    except VoiceError as error:
        print(f"skipped: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
