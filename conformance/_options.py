"""The options of ``pytest conformance``, and what they ask for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
import pytest

from conformance._budgets import read_budgets
from conformance._case import FEATURES
from conformance._grid import cells
from conformance._index import all_cases
from conformance._known_failing import read_known_failing
from conformance._limits import Limits
from conformance._own_agent import Keeping
from conformance._profiles import PROFILES, Profile
from fakes.backoff.policy import parse_policy
from fakes.speech import SpeechMode
from fakes.twilio.web.detours import read_detours
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.trust import trusting
from voiceutils.errors import SettingError

__all__ = ["Asked", "add_options", "read_options"]


class Asked(NamedTuple):
    """What a run was asked for, read and found sound.

    Attributes:
        agent: address of an agent that is up, if there is one.
        command: what starts one, if there is any.
        seed: given, or drawn.
        reach: detours and authority, for an agent under its public name.
        keeping: whether and how the agent is kept to itself.
        stand_in: further hosts that are stood in for; None to stand in for nobody.
        replies: of the fake model, as ``python -m fakes --model-replies`` takes them.
        speech: how the code in the audio is written and read.
        without: features that the agent lacks by design.
        limits: what it is held to.
        profile: what is claimed of it.
        known_failing: reasons by number of case.
        evidence: folder for it; None to keep none.
    """

    agent: str | None
    command: str | None
    seed: int
    reach: Reach
    keeping: Keeping
    stand_in: list[str] | None
    replies: str
    speech: SpeechMode
    without: frozenset[str]
    limits: Limits
    profile: Profile
    known_failing: dict[str, str]
    evidence: Path | None

    @property
    def whom(self) -> str:
        """The agent in words."""
        return self.agent or self.command or "the reference agent"


def add_options(parser: pytest.Parser) -> None:
    """Name the agent to test and the cases to run."""
    group = parser.getgroup("busyhour", "conformance of a phone voice agent")
    group.addoption(
        "--agent",
        metavar="URL",
        help="test this agent: http(s)://... is its voice webhook, ws(s)://... its "
        "media socket; without it the reference agent is started",
    )
    group.addoption(
        "--agent-command",
        metavar="CMD",
        help="start this agent; {port}, {deepgram}, {deepgram_websocket} and {model} "
        "are filled in, and stand in its environment",
    )
    group.addoption(
        "--stand-in",
        action="store_true",
        help="with --agent-command: the agent finds its providers' own hosts, which "
        "are the fakes, and no others; what else it calls is listed",
    )
    group.addoption(
        "--stand-in-for",
        action="append",
        default=[],
        metavar="HOST=FAKE",
        help="answer for a further host, as deepgram, model or twilio (repeatable)",
    )
    group.addoption(
        "--let-through",
        action="append",
        default=[],
        type=int,
        metavar="PORT",
        help="a port of this machine that such an agent needs (repeatable)",
    )
    group.addoption(
        "--only-declared-hosts",
        action="store_true",
        help="fail when such an agent calls a host that nobody stands in for",
    )
    group.addoption(
        "--connect",
        action="append",
        default=[],
        metavar="HOST=IP:PORT",
        help="where the host that the agent's address or TwiML names really is; its "
        "port is a plain one unless there is an --authority",
    )
    group.addoption(
        "--authority",
        default="",
        metavar="PATH",
        help="file with the certificate of the authority that signed the agent's own",
    )
    group.addoption(
        "--model-replies",
        default="",
        metavar="script|echo|FILE.toml",
        help="what the fake model answers where no case says otherwise: its script, "
        "what was said, or rules",
    )
    group.addoption(
        "--case",
        metavar="N",
        help="run one case (5.2) or one chapter (5)",
    )
    group.addoption(
        "--speech",
        choices=get_args(SpeechMode),
        default="exact",
        help="how speech carries its words: robust for an agent that resamples what it "
        "forwards; python -m fakes must be told the same",
    )
    group.addoption(
        "--without",
        action="append",
        default=[],
        metavar="FEATURE[,...]",
        help="what the agent lacks by design; such cases are UNSUPPORTED, not passed: "
        + "; ".join(f"{name} ({meaning})" for name, meaning in FEATURES.items()),
    )
    group.addoption(
        "--grid",
        choices=("sample", "whole", "none"),
        default="sample",
        help="provider faults x phases of a call: some cells, drawn by the seed; all; "
        "or none. --case model/thinking selects cells by the beginning of their names",
    )
    group.addoption(
        "--profile",
        choices=tuple(PROFILES),
        default="core",
        help="; ".join(f"{one.name}: {one.meaning}" for one in PROFILES.values()),
    )
    group.addoption(
        "--budgets",
        metavar="FILE.toml",
        help="what the agent is held to, in place of the usual limits; see "
        "conformance/README.md",
    )
    group.addoption(
        "--backoff",
        metavar="POLICY",
        help="what the agent promises of its retries, such as "
        "initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5; without it what it "
        "declares in its line of JSON, or general bounds",
    )
    group.addoption(
        "--known-failing",
        metavar="FILE",
        help="cases that the agent is known to fail, a line each: number, space, "
        "reason; one of them that passes fails the run",
    )
    group.addoption(
        "--html",
        metavar="FILE.html",
        help="write the verdicts as a page that needs nothing but itself; several "
        "agents side by side: python -m conformance.matrix",
    )
    group.addoption(
        "--report",
        metavar="FILE.json",
        help="write verdicts, reasons, traces and figures of the cases",
    )
    group.addoption(
        "--evidence",
        metavar="DIR",
        help="folder for a trace of the cases' calls, their recordings and one page",
    )
    group.addoption(
        "--seed",
        type=int,
        metavar="N",
        help="seed of the calls' numbers and words (default: random, printed)",
    )


def read_options(config: pytest.Config) -> Asked:
    """Read and check the options; draw a seed if none was given.

    Raises:
        UsageError: an option cannot work; the message says why.
    """
    option = config.getoption
    if option("--agent") and option("--agent-command"):
        raise pytest.UsageError("give --agent or --agent-command, not both")
    if option("--stand-in") and not option("--agent-command"):
        raise pytest.UsageError("--stand-in needs --agent-command: it starts the agent")
    seed = option("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(10_000)
    try:
        return Asked(
            agent=option("--agent"),
            command=option("--agent-command"),
            seed=seed,
            reach=_reach(config),
            keeping=Keeping(option("--stand-in"), tuple(option("--let-through"))),
            stand_in=option("--stand-in-for") if option("--stand-in") else None,
            replies=option("--model-replies"),
            speech=option("--speech"),
            without=_without(config),
            limits=_limits(config),
            profile=PROFILES[option("--profile")],
            known_failing=_known_failing(config),
            evidence=Path(folder) if (folder := option("--evidence")) else None,
        )
    except SettingError as error:
        raise pytest.UsageError(str(error)) from error


def _without(config: pytest.Config) -> frozenset[str]:
    given = ",".join(config.getoption("--without"))
    lacking = frozenset(filter(None, map(str.strip, given.split(","))))
    if unknown := sorted(lacking - set(FEATURES)):
        known = ", ".join(FEATURES)
        raise pytest.UsageError(f"--without {','.join(unknown)}: there are {known}")
    return lacking


def _reach(config: pytest.Config) -> Reach:
    authority = config.getoption("--authority")
    detours = read_detours(config.getoption("--connect"), allow_remote=True)
    if authority:
        trusting(authority)
    return Reach(via=detours, authority=authority)


def _limits(config: pytest.Config) -> Limits:
    budgets, backoff = config.getoption("--budgets"), config.getoption("--backoff")
    limits = read_budgets(Path(budgets)) if budgets else Limits()
    if backoff:
        limits = msgspec.structs.replace(limits, backoff=parse_policy(backoff))
    return limits


def _known_failing(config: pytest.Config) -> dict[str, str]:
    listed = config.getoption("--known-failing")
    if not listed:
        return {}
    numbers = {case.number for case in all_cases()}
    numbers |= {cell.name for cell in cells()}
    return read_known_failing(Path(listed), numbers)
