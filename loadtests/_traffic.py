"""The options of the traffic: how many calls, when, how long, and about what."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from fakes.twilio.caller.conversation_file import (
    WrittenConversation,
    read_conversations,
)
from loadtests._arrivals import ARRIVALS, HOLDING
from loadtests._bounds import within
from loadtests._profiles import PROFILES
from voiceutils.errors import SettingError

__all__ = ["USUAL", "Mix", "Traffic", "add_traffic_options", "read_traffic"]

USUAL = "usual"
"""The conversation without a file: own number, small talk, one barge-in."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Which conversations are had.

    Attributes:
        written: those from files; a name `USUAL` stands for the one without a file.
    """

    written: tuple[WrittenConversation, ...] = ()

    def barges_in(self, turns: int) -> bool:
        """Whether some call interrupts the agent; the usual one does from 3 turns."""
        usual = not self.written or any(
            conversation.name == USUAL for conversation in self.written
        )
        return (usual and turns >= 3) or any(w.barges_in for w in self.written)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic options, read and found sound.

    Attributes:
        rate: calls a second at the peak; None for the closed model.
        erlangs: traffic offered at the peak, if it was given or follows.
        holding: mean seconds of a call; None when the conversation decides.
        late_by: seconds after its moment from which a call counts as not placed.
        think: least and most seconds between a phone's calls in the closed model.
        find_capacity: whether the run looks for the most calls.
    """

    rate: float | None = None
    erlangs: float | None = None
    arrivals: str = "poisson"
    holding: float | None = None
    holding_kind: str = "exponential"
    late_by: float = 1.0
    think: tuple[float, float] = (0.2, 0.2)
    profile: str = ""
    mix: Mix = Mix()
    find_capacity: bool = False
    max_calls: int = 200
    step_time: float = 25.0
    need_calls: int = 0
    curve: str = ""

    @property
    def is_open(self) -> bool:
        """Whether calls arrive by themselves instead of one after the other."""
        return self.rate is not None


def add_traffic_options(add: Any) -> None:
    """Declare our options; ``add`` is as argparse's ``add_argument``."""
    number, text = {"type": float, "default": None}, {"default": ""}
    add(
        "--calls-per-second",
        **number,
        metavar="R",
        help="calls arrive by themselves at this rate; -u is then how many phones "
        "there are for them, by default enough",
    )
    add(
        "--erlangs",
        **number,
        metavar="E",
        help="likewise, as traffic offered: rate times --holding-time",
    )
    add("--arrivals", default="poisson", choices=ARRIVALS, help="how calls arrive")
    add(
        "--holding-time",
        **number,
        metavar="SECONDS",
        help="how long callers stay on the average; without it to the end of their "
        "conversation",
    )
    add(
        "--holding",
        default="exponential",
        choices=HOLDING,
        help="how holding times are distributed",
    )
    add(
        "--late-by",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="a call that cannot be placed within that is not placed but counted",
    )
    add(
        "--think-time",
        default="0.2",
        metavar="SECONDS",
        help="between two calls of one phone when calls do not arrive by themselves: "
        "a number, or LEAST-MOST",
    )
    add(
        "--load-profile",
        default="",
        choices=("", *PROFILES),
        help="how the load changes over the run time (-t); its peak is -u or the rate",
    )
    add(
        "--conversations",
        **text,
        metavar="NAMES",
        help="what callers do: names of the library or .toml files, each with =WEIGHT "
        f"if wanted, separated by commas; '{USUAL}' is the one without a file",
    )
    add("--list-conversations", action="store_true", help="print the library and leave")
    _add_capacity_options(add)


def _add_capacity_options(add: Any) -> None:
    add(
        "--find-capacity",
        action="store_true",
        help="look for the most calls at once that the agent holds within its budgets",
    )
    add("--max-calls", type=int, default=200, metavar="N", help="look no further")
    add(
        "--step-time",
        type=float,
        default=25.0,
        metavar="SECONDS",
        help="how long each number of calls is tried",
    )
    add(
        "--need-calls",
        type=int,
        default=0,
        metavar="N",
        help="a capacity below that is missed (exit code 1)",
    )
    add(
        "--curve",
        default="capacity.svg",
        metavar="PATH",
        help="picture of the turn gap over the calls that --find-capacity draws",
    )


def read_traffic(namespace: Namespace) -> Traffic:
    """Read and check the traffic options that Locust parsed.

    Raises:
        SettingError: one cannot work, or two contradict each other.
    """
    holding = _optional(namespace, "holding_time", 1, 3600)
    rate = _optional(namespace, "calls_per_second", 0.001, 500)
    erlangs = _optional(namespace, "erlangs", 0.01, 20_000)
    if rate is not None and erlangs is not None:
        raise SettingError("--calls-per-second and --erlangs exclude each other")
    if erlangs is not None:
        if holding is None:
            raise SettingError("--erlangs needs --holding-time: E is rate times that")
        rate = erlangs / holding
    elif rate is not None and holding is not None:
        erlangs = rate * holding
    find_capacity = bool(namespace.find_capacity)
    if find_capacity and (rate is not None or namespace.load_profile):
        other = "--load-profile" if namespace.load_profile else "a rate of arrivals"
        raise SettingError(f"--find-capacity sets the load itself; leave out {other}")
    within("--late-by", namespace.late_by, 0.05, 60)
    within("--max-calls", namespace.max_calls, 1, 100_000)
    within("--step-time", namespace.step_time, 5, 3600)
    within("--need-calls", namespace.need_calls, 0, namespace.max_calls)
    return Traffic(
        rate=rate,
        erlangs=erlangs,
        arrivals=_one_of(namespace, "arrivals", ARRIVALS),
        holding=holding,
        holding_kind=_one_of(namespace, "holding", HOLDING),
        late_by=namespace.late_by,
        think=_think(namespace.think_time),
        profile=_one_of(namespace, "load_profile", ("", *PROFILES)),
        mix=_mix(namespace.conversations or ""),
        find_capacity=find_capacity,
        max_calls=namespace.max_calls,
        step_time=namespace.step_time,
        need_calls=namespace.need_calls,
        curve=namespace.curve or "",
    )


def _optional(
    namespace: Namespace, name: str, least: float, most: float
) -> float | None:
    value = getattr(namespace, name)
    if value in (None, ""):
        return None
    flag = "--" + name.replace("_", "-")
    try:
        number = float(value)  # the web page sends what had no value as text
    except ValueError:
        raise SettingError(f"{flag}: {value!r} is no number") from None
    within(flag, number, least, most)
    return number


def _one_of(namespace: Namespace, name: str, known: tuple[str, ...]) -> str:
    value = str(getattr(namespace, name) or "")
    if value not in known:
        flag = "--" + name.replace("_", "-")
        raise SettingError(f"{flag} {value!r} is none of {', '.join(known)}")
    return value


def _think(text: str) -> tuple[float, float]:
    found = re.fullmatch(r"(\d*\.?\d+)(?:-(\d*\.?\d+))?", str(text).strip())
    if not found:
        raise SettingError(f"--think-time {text!r} is neither SECONDS nor LEAST-MOST")
    least = float(found[1])
    most = float(found[2] or least)
    if not 0 < least <= most <= 3600:
        raise SettingError(f"--think-time {text!r} is not within 0 and 3600, in order")
    return least, most


def _mix(wanted: str) -> Mix:
    if not wanted.strip():
        return Mix()
    names: list[str] = []
    usual: list[WrittenConversation] = []
    for part in filter(None, map(str.strip, wanted.split(","))):
        name, _, weight = part.partition("=")
        if name.strip() != USUAL:
            names.append(part)
            continue
        within(f"--conversations {part}", _weight(weight), 0, 1e6)
        usual.append(WrittenConversation(USUAL, "", (), _weight(weight)))
    files = read_conversations(",".join(names)) if names else ()
    return Mix((*usual, *files))


def _weight(text: str) -> float:
    try:
        return float(text or 1.0)
    except ValueError:
        return -1.0
