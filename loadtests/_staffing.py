"""How many phones there are and when, as Locust is told before the run."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from locust.util.timespan import parse_timespan

from loadtests._erlang import lines_for
from loadtests._hunt import Hunt, Runs
from loadtests._options import LoadOptions
from loadtests._profiles import Profile, flat, profile
from loadtests._shapes import FASTEST, HOUR, ProfileShape

__all__ = ["course_of", "run_seconds", "staff"]

# A usual call, for those whose holding time nobody gave: greeting, then turns.
GREETING_SECONDS = 6.0
TURN_SECONDS = 6.0


def staff(environment: Any, options: LoadOptions, runs: Runs) -> Hunt | None:
    """Set the number of phones, or the shape that will; returns a search if asked."""
    parsed, traffic = environment.parsed_options, options.traffic
    if traffic.find_capacity:
        hunt = Hunt(runs, traffic)
        _shape(environment, hunt)
        return hunt
    if traffic.rate is not None:
        if parsed.num_users is None:
            call = GREETING_SECONDS + TURN_SECONDS * options.turns
            parsed.num_users = lines_for(traffic.erlangs or traffic.rate * call)
        if parsed.spawn_rate is None:
            parsed.spawn_rate = FASTEST
    elif traffic.profile:
        peak = parsed.num_users or 1
        shape = ProfileShape(traffic.profile, run_seconds(parsed), peak)
        _shape(environment, shape)
    return None


def _shape(environment: Any, shape: Any) -> None:
    shape.runner = environment.runner
    environment.shape_class = shape


def course_of(options: LoadOptions, run_seconds: float) -> Profile:
    """How the rate of arrivals changes during the run."""
    name = options.traffic.profile
    return profile(name, run_seconds) if name else flat()


def run_seconds(parsed: Namespace) -> float:
    """How long the run takes; an hour when nobody said so."""
    told = parsed.run_time
    return float(parse_timespan(told) if isinstance(told, str) else told or HOUR)
