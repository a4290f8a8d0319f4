"""``python -m conformance.outage``: how policies stand an outage, and which to take."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from conformance.outage.plot import draw
from conformance.outage.reality import compare
from conformance.outage.scenario import Fleet, Outage, Policy, Provider, Scenario
from conformance.outage.sweep import POLICIES, choice, sweep, table
from voiceutils import Backoff
from voiceutils.backoff import Jitter
from voiceutils.errors import SettingError, VoiceError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.outage",
        description="Simulate sessions that lose their provider and try again.",
    )
    add = parser.add_argument
    add("--sessions", type=int, default=10_000, help="calls that are up at once")
    add("--holding-time", type=float, default=180.0, help="mean seconds of a call")
    add("--patience", type=float, default=20.0, help="of a caller, s; 0: for ever")
    add("--outage", type=float, default=60.0, help="seconds")
    add("--hang", action="store_true", help="attempts hang instead of being refused")
    add("--rate", type=float, help="connections a second that the provider takes")
    add("--cap", type=int, help="connections that it has at once")
    add("--linger", type=float, default=0.0, help="s that a closed one still counts")
    add("--after", type=float, default=120.0, help="s to go on after the outage")
    add("--seed", type=int, default=1)
    add(
        "--policy",
        action="append",
        default=[],
        metavar="INITIAL,FACTOR,MAX,JITTER[,ATTEMPTS]",
        help="such as 0.5,2,8,full or 1,2,10,none,3 (repeatable), instead of the usual",
    )
    add(
        "--sockets",
        type=int,
        metavar="N",
        help="hold the model against N real sockets and a fake Deepgram instead",
    )
    add("--plot", type=Path, metavar="FILE", help="write a picture (svg, png, pdf)")
    return parser


def main() -> int:
    """Run; returns the exit code, 2 for a setting that cannot work."""
    options = _parser().parse_args()
    logging.disable(logging.WARNING)  # every retry would be one
    try:
        _run(options)
    except VoiceError as error:
        print(f"python -m conformance.outage: {error}", file=sys.stderr)
        return 2
    return 0


def _compare(options: argparse.Namespace, policies: Sequence[Policy]) -> None:
    """Print how far the model is from reality, for each policy that waits."""
    for policy in policies:
        if policy.backoff.initial_delay:
            print(asyncio.run(compare(policy, sessions=options.sockets)))


def _run(options: argparse.Namespace) -> None:
    policies = tuple(map(_policy, options.policy)) or POLICIES
    if options.sockets:
        _compare(options, policies)
        return
    scenario = Scenario(
        Fleet(options.sessions, options.holding_time, options.patience or None),
        Provider(options.rate, options.cap, options.linger),
        (Outage(10, 10 + options.outage, kind="hang" if options.hang else "refuse"),),
        options.after,
    )
    begun = time.monotonic()
    storms = sweep(scenario, policies, seed=options.seed)
    print(
        f"{options.sessions} sessions of {options.holding_time:g} s, outage of "
        f"{options.outage:g} s, seed {options.seed} "
        f"({time.monotonic() - begun:.1f} s to simulate)\n"
    )
    print(table(storms))
    print(f"\nchosen: {choice(storms)[1]}")
    if options.plot:
        draw(storms, options.plot)
        print(f"written: {options.plot}")


def _policy(text: str) -> Policy:
    try:
        initial, factor, longest, jitter, *attempts = text.split(",")
        numbers = float(initial), float(factor), float(longest)
        backoff = Backoff(*numbers, jitter=cast(Jitter, jitter))  # which checks it
        return Policy(text, backoff, int(attempts[0]) if attempts else None)
    except ValueError as error:
        raise SettingError(f"--policy {text!r}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
