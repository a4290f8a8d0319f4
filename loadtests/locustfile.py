"""Phone calls as Locust users: ``locust -f loadtests``.

Each user is a phone. It dials through the media engine, which paces all frames in a
process of its own, and waits for the record of the call; nothing here is fast path.
``--calls-per-second`` has calls arrive by themselves, ``--find-capacity`` looks for the
most that the agent holds, ``--conversations`` says what callers do.
The fakes and the agent are started once, by the master or by the only process.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from functools import cache
from pathlib import Path
from typing import Any

# Locust puts this folder on the path; the packages lie one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import locust.stats
from locust import User, argument_parser, events, task

from loadtests._operator import Operator
from loadtests._options import add_options


def round_to_three_digits(milliseconds: float) -> int:
    """Locust's rounding of response times, with one digit more."""
    digits = len(str(int(milliseconds)))
    return int(round(milliseconds, min(0, 3 - digits)))


class Phone(User):  # type: ignore[misc]  # Locust comes without types
    """Places one call after the other, or takes those that arrive by themselves."""

    def wait_time(self) -> float:
        """Seconds between two calls."""
        seconds: float = self.environment.phone_operator.think()
        return seconds

    @task  # type: ignore[untyped-decorator]
    def call(self) -> None:
        """Place one call and wait for its end; a user who is stopped hangs up."""
        self.environment.phone_operator.place_call()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def on_parser(parser: ArgumentParser, **_: Any) -> None:
    """Declare our options."""
    add_options(parser)


@events.init.add_listener  # type: ignore[untyped-decorator]
def on_init(environment: Any, **_: Any) -> None:
    """Start what the run needs; a run without web page must not begin without it."""
    # Locust's own rounding would show 1045 ms as 1000; its tables read this name anew.
    locust.stats.bucket_response_time = round_to_three_digits
    # Told to start users, a worker builds Locust's whole parser once for each option:
    # 0.18 s of processor without a heartbeat, at every step of a ramp. That made
    # seconds on a busy machine, and the master gave the worker up at its first users.
    argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
    environment.phone_operator = Operator(environment)
