"""Hooks and session fixtures: the fakes and the agents, each in its own process."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import hypothesis
import msgspec
import pytest

from conformance._exchange import Exchange
from conformance._line import Numbering
from conformance._options import Asked, add_options, read_options
from conformance._processes import (
    Agents,
    Fakes,
    booths_for,
    start_agents,
    start_fakes,
)
from conformance._report import Outcome, exit_code, report, run_results, summary
from conformance._selection import pair_of, select
from conformance._verdict import CLEAN, Judge
from conformance.matrix.page import render_matrix
from conformance.matrix.reports import decode_report
from fakes.evidence.keeper import Keeper
from fakes.processes import visits_at
from fakes.stand_in.visits import VisitBook, What, account_of
from voiceutils.errors import VoiceError

T = TypeVar("T")

# How long an example takes says something of the machine, nothing of what is tested.
hypothesis.settings.register_profile("busyhour", deadline=None)
hypothesis.settings.load_profile("busyhour")

_SHOWN = ("pytest", "hypothesis", "websockets", "aiohttp", "deepgram-sdk", "openai")
_asked = pytest.StashKey[Asked]()
_called = pytest.StashKey[bool]()
_exchange = pytest.StashKey[Exchange]()
_keeper = pytest.StashKey[Keeper]()
_not_started = pytest.StashKey[bool]()
_outcomes = pytest.StashKey[list[Outcome]]()
_visits = pytest.StashKey[VisitBook]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the agent to test and the cases to run."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot work before anything starts."""
    asked = config.stash[_asked] = read_options(config)
    config.option.seed = asked.seed
    config.stash[_outcomes] = []
    config.stash[_visits] = VisitBook()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector pass over what stays: looking at it holds up every call."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Keep and order what was asked for."""
    select(config, items)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how the cases ended, and what a run with calls depends on."""
    if outcomes := config.stash[_outcomes]:
        terminalreporter.section("how the agent did")
        exchange = config.stash.get(_exchange, None)
        told = exchange.told() if exchange is not None else []
        for line in [*told, *summary(outcomes)]:
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
    asked = stash[_asked]
    told = report(
        outcomes,
        code=code,
        agent=asked.whom,
        seed=asked.seed,
        profile=asked.profile.name,
        limits=asked.limits,
    )
    content = json.dumps(told, indent=1)
    if path := session.config.getoption("--report"):
        Path(path).write_text(content + "\n", "utf-8")
    if path := session.config.getoption("--html"):
        page = render_matrix([decode_report(content.encode())])
        Path(path).write_text(page, "utf-8")
    if (keeper := stash.get(_keeper, None)) is not None:
        keeper.end(run_results(outcomes, code), {})


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print what a run depends on."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in _SHOWN
    )
    asked = config.stash[_asked]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        f"busyhour: seed {asked.seed} (replay with --seed), agent: {asked.whom}",
        f"busyhour: profile {asked.profile.name}, held to {asked.limits}",
        f"busyhour: {python}, {os.cpu_count()} processors, {versions}",
    ]


def _started(config: pytest.Config, start: Callable[[], T]) -> T:
    """Start something; fail every item if it cannot be, for a red JUnit report."""
    try:
        return start()
    except VoiceError as error:
        problem = str(error)
    config.stash[_not_started] = True
    pytest.fail(f"could not start: {problem}", pytrace=False)


@pytest.fixture(scope="session")
def fakes(pytestconfig: pytest.Config) -> Iterator[Fakes]:
    """Deepgram and the model on this machine."""
    asked = pytestconfig.stash[_asked]
    running = _started(
        pytestconfig,
        lambda: start_fakes(
            known_ports=bool(asked.agent),
            stand_in=asked.stand_in,
            replies=asked.replies,
            speech=asked.speech,
        ),
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def agents(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest, fakes: Fakes
) -> Iterator[Agents]:
    """Start the agent under test and, when an item needs them, the mutants."""
    asked = pytestconfig.stash[_asked]
    pairs = [pair_of(item) for item in request.session.items]
    mutants_wanted = any(pair and pair.agent != CLEAN for pair in pairs)
    clean_wanted = any(pair and pair.agent == CLEAN for pair in pairs)
    running = _started(
        pytestconfig,
        lambda: start_agents(
            fakes,
            agent=asked.agent,
            command=asked.command,
            clean=clean_wanted or not mutants_wanted,
            mutants=mutants_wanted,
            keeping=asked.keeping,
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
    stash = pytestconfig.stash
    asked = stash[_asked]
    if asked.limits.backoff is None:
        limits = msgspec.structs.replace(asked.limits, backoff=agents.backoff)
        asked = stash[_asked] = asked._replace(limits=limits)
    stash[_called] = True
    keeper = _begun(pytestconfig, asked)
    booths = booths_for(
        fakes,
        asked.agent,
        asked.command,
        asked.keeping,
        asked.stand_in,
        asked.speech,
    )
    running = stash[_exchange] = Exchange(
        fakes.addresses.control,
        agents.addresses,
        judge=Judge(
            strict=not (asked.agent or asked.command),
            known_failing=asked.known_failing,
            profile=asked.profile,
            outcomes=stash[_outcomes],
        ),
        numbering=Numbering(asked.seed),
        reach=asked.reach._replace(via={**asked.reach.via, **agents.detours}),
        launchers=agents.launchers,
        without=asked.without,
        booths=booths,
        keeper=keeper,
        speech=asked.speech,
        limits=asked.limits,
        death=agents.death,
    )
    pairs = (pair_of(item) for item in request.session.items)
    running.dial(pair for pair in pairs if pair is not None)
    yield running
    running.close()
    if booths is not None:
        stash[_visits].add(booths.visits.visits)


def _begun(config: pytest.Config, asked: Asked) -> Keeper | None:
    """Return what keeps the calls as evidence, if somebody wants any."""
    if asked.evidence is None:
        return None
    keeper = config.stash[_keeper] = Keeper(asked.evidence)
    _started(config, lambda: keeper.begin("conformance", asked.whom, asked.seed))
    return keeper
