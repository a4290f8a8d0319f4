"""Options and session fixtures: the fakes and the agents, each in its own process."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, get_args

import msgspec
import pytest

from conformance._budgets import read_budgets
from conformance._case import FEATURES, Case
from conformance._exchange import CLEAN, Exchange, Pair
from conformance._grid import cells
from conformance._index import all_cases, topic_of
from conformance._known_failing import read_known_failing
from conformance._limits import Limits
from conformance._line import Numbering
from conformance._own_agent import Keeping
from conformance._processes import (
    Agents,
    Fakes,
    booths_for,
    start_agents,
    start_fakes,
)
from conformance._profiles import PROFILES
from conformance._report import Outcome, exit_code, report, run_results, summary
from conformance.matrix.page import render_matrix
from conformance.matrix.reports import decode_report
from fakes.backoff_policy import parse_policy
from fakes.evidence.keeper import Keeper
from fakes.processes import visits_at
from fakes.speech import SpeechMode
from fakes.stand_in.visits import VisitBook, What, account_of
from fakes.twilio.web.detours import read_detours
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.trust import trusting
from voiceutils.errors import SettingError, VoiceError

T = TypeVar("T")

_SHOWN = ("pytest", "hypothesis", "websockets", "aiohttp", "deepgram-sdk", "openai")
_seed = pytest.StashKey[int]()
_keeper = pytest.StashKey[Keeper]()
_reach = pytest.StashKey[Reach]()
_called = pytest.StashKey[bool]()
_without = pytest.StashKey[frozenset[str]]()
_limits = pytest.StashKey[Limits]()
_known_failing = pytest.StashKey[dict[str, str]]()
_outcomes = pytest.StashKey[list[Outcome]]()
_exchange = pytest.StashKey[Exchange]()
_visits = pytest.StashKey[VisitBook]()
_not_started = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
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


def pytest_configure(config: pytest.Config) -> None:
    """Fix the seed; refuse contradictory options before anything starts."""
    if config.getoption("--agent") and config.getoption("--agent-command"):
        raise pytest.UsageError("give --agent or --agent-command, not both")
    if config.getoption("--stand-in") and not config.getoption("--agent-command"):
        raise pytest.UsageError("--stand-in needs --agent-command: it starts the agent")
    given = ",".join(config.getoption("--without"))
    lacking = frozenset(filter(None, map(str.strip, given.split(","))))
    if unknown := sorted(lacking - set(FEATURES)):
        known = ", ".join(FEATURES)
        raise pytest.UsageError(f"--without {','.join(unknown)}: there are {known}")
    config.stash[_without] = lacking
    config.stash[_outcomes] = []
    config.stash[_visits] = VisitBook()
    seed = config.getoption("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(10_000)
    config.stash[_seed] = config.option.seed = seed
    authority = config.getoption("--authority")
    listed = config.getoption("--known-failing")
    try:
        numbers = {case.number for case in all_cases()} if listed else set()
        numbers |= {cell.name for cell in cells()}
        reasons = read_known_failing(Path(listed), numbers) if listed else {}
        config.stash[_known_failing] = reasons
        config.stash[_limits] = _limits_of(config)
        detours = read_detours(config.getoption("--connect"), allow_remote=True)
        if authority:
            trusting(authority)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_reach] = Reach(via=detours, authority=authority)


def _limits_of(config: pytest.Config) -> Limits:
    budgets, backoff = config.getoption("--budgets"), config.getoption("--backoff")
    limits = read_budgets(Path(budgets)) if budgets else Limits()
    if backoff:
        limits = msgspec.structs.replace(limits, backoff=parse_policy(backoff))
    return limits


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how the cases ended, and what a run with calls depends on."""
    if outcomes := config.stash[_outcomes]:
        terminalreporter.section("how the agent did")
        exchange = config.stash.get(_exchange, None)
        known = exchange.acquaintance if exchange is not None else None
        for line in [*(known.told() if known else ()), *summary(outcomes)]:
            terminalreporter.write_line(line)
    for line in account_of(config.stash[_visits].visits):
        terminalreporter.write_line(line)
    if config.stash.get(_called, False) and config.get_verbosity() < 0:
        for line in pytest_report_header(config):
            terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell by the exit code who fell short, and write the report."""
    stash = session.config.stash
    outcomes = stash[_outcomes]
    code = exit_code(
        int(exitstatus),
        outcomes,
        failures=session.testsfailed,
        started=not stash.get(_not_started, False),
    )
    elsewhere = any(visit.what is What.ELSEWHERE for visit in stash[_visits].visits)
    if elsewhere and code == 0 and session.config.getoption("--only-declared-hosts"):
        code = int(pytest.ExitCode.TESTS_FAILED)
    session.exitstatus = code
    agent, seed = _agent_of(session.config), stash[_seed]
    told = report(
        outcomes,
        code=code,
        agent=agent,
        seed=seed,
        profile=session.config.getoption("--profile"),
        limits=stash[_limits],
    )
    content = json.dumps(told, indent=1)
    if path := session.config.getoption("--report"):
        Path(path).write_text(content + "\n", "utf-8")
    if path := session.config.getoption("--html"):
        chapters = {case.chapter: topic_of(case) for case in all_cases()}
        page = render_matrix([decode_report(content.encode())], chapters)
        Path(path).write_text(page, "utf-8")
    if (keeper := stash.get(_keeper, None)) is not None:
        keeper.end(run_results(outcomes, code), {})


def _agent_of(config: pytest.Config) -> str:
    return str(
        config.getoption("--agent")
        or config.getoption("--agent-command")
        or "the reference agent"
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print what a run depends on."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in _SHOWN
    )
    agent = _agent_of(config)
    profile, held = config.getoption("--profile"), str(config.stash[_limits])
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        f"busyhour: seed {config.stash[_seed]} (replay with --seed), agent: {agent}",
        f"busyhour: profile {profile}, held to {held}",
        f"busyhour: {python}, {os.cpu_count()} processors, {versions}",
    ]


def _case_of(item: pytest.Item) -> Case | None:
    return getattr(getattr(item, "function", None), "case", None)


def _pair_of(item: pytest.Item) -> Pair | None:
    """Return what an item of the cases or of the mutants waits for."""
    declared = _case_of(item)
    if declared is not None:
        return Pair(declared, CLEAN)
    callspec = getattr(item, "callspec", None)
    pair = callspec.params.get("pair") if callspec else None
    return pair if isinstance(pair, Pair) else None


def _rank(item: pytest.Item) -> tuple[int, tuple[int, ...]]:
    """Cases first, then mutants: calls want the process to themselves."""
    pair = _pair_of(item)
    if pair is not None:
        return (0 if pair.agent == CLEAN else 1), pair.case.order
    return (2 if "exchange" in getattr(item, "fixturenames", ()) else 3), ()


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Keep the cases that ``--case`` names; run calls before anything else."""
    selector = config.getoption("--case")
    if selector is not None:
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            pair = _pair_of(item)
            wanted = pair is not None and pair.case.selected_by(selector)
            (kept if wanted else dropped).append(item)
        if not kept:
            raise pytest.UsageError(f"no case {selector}; see conformance/README.md")
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
    items.sort(key=_rank)


def _started(config: pytest.Config, start: Callable[[], T]) -> T:
    """Start something; fail every item if it cannot be, for a red JUnit report."""
    try:
        return start()
    except VoiceError as error:
        problem = str(error)
    config.stash[_not_started] = True
    pytest.fail(f"could not start: {problem}", pytrace=False)


def _stood_in_for(config: pytest.Config) -> list[str] | None:
    hosts: list[str] = config.getoption("--stand-in-for")
    return hosts if config.getoption("--stand-in") else None


def _keeping(config: pytest.Config) -> Keeping:
    let_through = tuple(config.getoption("--let-through"))
    return Keeping(config.getoption("--stand-in"), let_through)


@pytest.fixture(scope="session")
def fakes(pytestconfig: pytest.Config) -> Iterator[Fakes]:
    """Deepgram and the model on this machine."""
    known_ports = bool(pytestconfig.getoption("--agent"))
    hosts = _stood_in_for(pytestconfig)
    replies = str(pytestconfig.getoption("--model-replies"))
    speech = pytestconfig.getoption("--speech")
    running = _started(
        pytestconfig,
        lambda: start_fakes(
            known_ports=known_ports, stand_in=hosts, replies=replies, speech=speech
        ),
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def agents(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest, fakes: Fakes
) -> Iterator[Agents]:
    """Start the agent under test and, when an item needs them, the mutants."""
    pairs = [_pair_of(item) for item in request.session.items]
    mutants_wanted = any(pair and pair.agent != CLEAN for pair in pairs)
    clean_wanted = any(pair and pair.agent == CLEAN for pair in pairs)
    running = _started(
        pytestconfig,
        lambda: start_agents(
            fakes,
            agent=pytestconfig.getoption("--agent"),
            command=pytestconfig.getoption("--agent-command"),
            clean=clean_wanted or not mutants_wanted,
            mutants=mutants_wanted,
            keeping=_keeping(pytestconfig),
        ),
    )
    yield running
    pytestconfig.stash[_visits].add(visits_at(fakes.addresses))
    running.stop()


@pytest.fixture(scope="session")
def exchange(
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
    fakes: Fakes,
    agents: Agents,
) -> Iterator[Exchange]:
    """Dial every selected case at once; items wait for their own verdicts."""
    agent = pytestconfig.getoption("--agent")
    command = pytestconfig.getoption("--agent-command")
    keeping, hosts = _keeping(pytestconfig), _stood_in_for(pytestconfig)
    speech = pytestconfig.getoption("--speech")
    booths = booths_for(fakes, agent, command, keeping, hosts, speech)
    pytestconfig.stash[_called] = True
    reach = pytestconfig.stash[_reach]
    keeper = None
    if folder := pytestconfig.getoption("--evidence"):
        keeper = pytestconfig.stash[_keeper] = Keeper(Path(folder))
        whom, seed = _agent_of(pytestconfig), pytestconfig.stash[_seed]
        _started(pytestconfig, lambda: keeper.begin("conformance", whom, seed))
    limits = pytestconfig.stash[_limits]
    if limits.backoff is None:
        limits = msgspec.structs.replace(limits, backoff=agents.backoff)
        pytestconfig.stash[_limits] = limits
    running = Exchange(
        fakes.addresses.control,
        agents.addresses,
        strict=not (agent or command),
        numbering=Numbering(pytestconfig.stash[_seed]),
        reach=reach._replace(via={**reach.via, **agents.detours}),
        launchers=agents.launchers,
        without=pytestconfig.stash[_without],
        known_failing=pytestconfig.stash[_known_failing],
        booths=booths,
        keeper=keeper,
        speech=speech,
        limits=limits,
        profile=PROFILES[pytestconfig.getoption("--profile")],
    )
    running.outcomes = pytestconfig.stash[_outcomes]
    pytestconfig.stash[_exchange] = running
    pairs = (_pair_of(item) for item in request.session.items)
    running.dial(pair for pair in pairs if pair is not None)
    yield running
    running.close()
    if booths is not None:
        pytestconfig.stash[_visits].add(booths.visits.visits)
