"""Plays tapes again, or looks for one: ``python -m conformance.whole``.

::

    python -m conformance.whole FILE.json ...              the reference agent
    python -m conformance.whole FILE.json --mutant NAME    with a bug of ours
    python -m conformance.whole FILE.json --agent URL      any agent, real sockets
    python -m conformance.whole --search 200 --save FILE.json
    python -m conformance.whole --mutants 40               which mutants that finds

Exit code 0: no complaint, 1: complaints, 2: it could not be told.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

from conformance.mutants._registry import registered_mutants
from conformance.whole.oracles import Complaint, judge
from conformance.whole.search import search
from conformance.whole.sockets import RealSockets
from conformance.whole.stage import play
from conformance.whole.tape import Recording, Tape, read_recording, write_recording
from voiceutils.agent.call import AgentCall
from voiceutils.errors import VoiceError

__all__ = ["main"]

# They take the signals, or the time, of the whole process.
NOT_VIRTUAL = (
    "blocks_while_the_model_thinks",
    "sleeps_in_its_retry",
    "swallows_sigterm",
)

Judged = Callable[[Tape], Sequence[Complaint]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        recordings = [(path, read_recording(path)) for path in options.files]
        with _opened(options) as judged:
            if options.mutants:
                return _mutants(options)
            if options.search:
                return _search(judged, options)
            return _replay(judged, recordings)
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.whole")
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="tapes to play")
    add("--search", type=int, default=0, metavar="N", help="play N random tapes")
    add("--mutants", type=int, default=0, metavar="N", help="N tapes to each mutant")
    add("--seed", type=int, help="of the search (default: random, printed)")
    add("--save", type=Path, metavar="FILE", help="where to keep what the search finds")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--mutant", metavar="NAME", help="one of conformance/mutants")
    who.add_argument("--agent", metavar="URL", help="an agent that runs already")
    who.add_argument("--agent-command", metavar="CMD", help="starts an agent")
    return parser


def _opened(options: argparse.Namespace) -> AbstractContextManager[Judged]:
    """Return who plays a tape and judges what came of it."""
    if not options.files and not options.search and not options.mutants:
        raise VoiceError("name a tape, or --search N")
    if options.agent or options.agent_command:
        return RealSockets(options.agent, options.agent_command)
    if not options.mutant:
        return nullcontext(_judging(AgentCall))
    mutants = registered_mutants()
    if options.mutant not in mutants:
        raise VoiceError(f"no mutant {options.mutant}; see conformance/mutants")
    return nullcontext(_judging(mutants[options.mutant].call_class))


def _judging(call_class: type[AgentCall]) -> Judged:
    return lambda tape: judge(tape, play(tape, call_class))


def _replay(judged: Judged, recordings: Sequence[tuple[Path, Recording]]) -> int:
    """Play tapes; say of each what it found, and whether that is its old verdict."""
    failed = False
    for path, recording in recordings:
        began = time.perf_counter()
        complaints = judged(recording.tape)
        took = time.perf_counter() - began
        verdict = sorted({complaint.oracle for complaint in complaints})
        same = "as recorded" if tuple(verdict) == recording.verdict else "not as before"
        print(f"{path}: {', '.join(verdict) or 'passes'} ({same}, {took:.2f} s)")
        for complaint in complaints:
            print(f"  {complaint}")
        failed = failed or bool(complaints)
    return 1 if failed else 0


def _search(judged: Judged, options: argparse.Namespace) -> int:
    """Play random tapes until one fails."""
    seed = _seed(options)
    agent = options.mutant or options.agent or options.agent_command or "reference"
    found = search(judged, examples=options.search, seed=seed, agent=agent)
    if found is None:
        print(f"{options.search} tapes passed; seed {seed}")
        return 0
    print(f"found with seed {seed}, {found.tapes} tapes played")
    for complaint in found.complaints:
        print(f"  {complaint}")
    path = options.save or Path("tape.json")
    write_recording(path, found.recording)
    print(f"kept; replay it with  python -m conformance.whole {path} [the same agent]")
    return 1


def _seed(options: argparse.Namespace) -> int:
    if options.seed is None:
        return random.SystemRandom().randrange(10_000)
    return int(options.seed)


def _mutants(options: argparse.Namespace) -> int:
    """Print, as Markdown, which mutants random tapes find, and by what."""
    seed, tapes = _seed(options), options.mutants
    print("| mutant | oracle | tapes played | smallest tape |\n|---|---|---|---|")
    missed = []
    for name, mutant in registered_mutants().items():
        if mutant.wrapper is not None or name in NOT_VIRTUAL:
            continue
        judged = _judging(mutant.call_class)
        found = search(judged, examples=tapes, seed=seed, agent=name)
        if found is None:
            missed.append(name)
            continue
        tape = msgspec.json.encode(found.recording.tape).decode()
        oracle = found.complaints[0].oracle
        print(f"| `{name}` | {oracle} | {found.tapes} | `{tape}` |", flush=True)
    print(f"\nSeed {seed}, at most {tapes} tapes each. Not found: {', '.join(missed)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
