"""Options and session fixtures: the fakes and the agents, each in its own process."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import random
from collections.abc import Iterator

import pytest

from conformance._case import Case
from conformance._exchange import CLEAN, Exchange, Pair
from conformance._line import Numbering
from conformance._processes import Agents, Fakes, start_agents, start_fakes
from fakes.twilio.detours import read_detours
from fakes.twilio.dial import Reach
from fakes.twilio.trust import trusting
from voiceutils.errors import SettingError

_SHOWN = ("pytest", "hypothesis", "websockets", "aiohttp", "deepgram-sdk", "openai")
_seed = pytest.StashKey[int]()
_reach = pytest.StashKey[Reach]()
_called = pytest.StashKey[bool]()


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
        "--case",
        metavar="N",
        help="run one case (5.2) or one chapter (5)",
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
    seed = config.getoption("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(10_000)
    config.stash[_seed] = seed
    authority = config.getoption("--authority")
    try:
        detours = read_detours(config.getoption("--connect"), allow_remote=True)
        if authority:
            trusting(authority)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_reach] = Reach(via=detours, authority=authority)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say at the end, too, what a run with calls depends on: -q hides the header."""
    if config.stash.get(_called, False) and config.get_verbosity() < 0:
        for line in pytest_report_header(config):
            terminalreporter.write_line(line)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print what a run depends on."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in _SHOWN
    )
    agent = (
        config.getoption("--agent")
        or config.getoption("--agent-command")
        or "the reference agent"
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        f"busyhour: seed {config.stash[_seed]} (replay with --seed), agent: {agent}",
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


@pytest.fixture(scope="session")
def fakes(pytestconfig: pytest.Config) -> Iterator[Fakes]:
    """Deepgram and the model on this machine."""
    known_ports = bool(pytestconfig.getoption("--agent"))
    running = start_fakes(known_ports=known_ports)
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
    running = start_agents(
        fakes,
        agent=pytestconfig.getoption("--agent"),
        command=pytestconfig.getoption("--agent-command"),
        clean=clean_wanted or not mutants_wanted,
        mutants=mutants_wanted,
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def exchange(
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
    fakes: Fakes,
    agents: Agents,
) -> Iterator[Exchange]:
    """Dial every selected case at once; items wait for their own verdicts."""
    foreign = pytestconfig.getoption("--agent") or pytestconfig.getoption(
        "--agent-command"
    )
    pytestconfig.stash[_called] = True
    running = Exchange(
        fakes.addresses.control,
        agents.addresses,
        strict=not foreign,
        numbering=Numbering(pytestconfig.stash[_seed]),
        reach=pytestconfig.stash[_reach],
    )
    pairs = (_pair_of(item) for item in request.session.items)
    running.dial(pair for pair in pairs if pair is not None)
    yield running
    running.close()
