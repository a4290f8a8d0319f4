"""Runs cases on one event loop in a thread of its own, several calls at a time.

A call lasts as long as a call lasts, so the cases that pytest selected are all dialled
at the start, at most ``LINES`` at once, and every pytest item waits for its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

import pytest

from conformance._case import SHOULD, Case, CaseFailed, Level
from conformance._figures import Figure
from conformance._limits import Limits
from conformance._line import Line, Numbering, Unsupported
from conformance._own_agent import Launch
from conformance._profiles import PROFILES, Profile
from conformance._report import Outcome, Status
from fakes.twilio.web.dial import Reach
from voiceutils.errors import DeadlineExceeded

__all__ = ["CLEAN", "Exchange", "Pair", "Verdict"]

T = TypeVar("T")

# Calls cost a few percent of a core each, fakes and agents included, so on two cores
# every frame is still on time. A case seldom lasts longer than 20 s.
LINES = 16
CASE_DEADLINE = 45.0
# A phone that is a frame late sees the agent's moments wrong, and an agent on the same
# busy machine is not itself either. What surprises on such a machine (our agent fails,
# a mutant passes) says nothing of the agent, so it is looked at again.
LATE = 0.020
RUNS = 3
CLEAN = "clean"


class Pair(NamedTuple):
    """A case and the agent that it is put to."""

    case: Case
    agent: str  # CLEAN, or the name of a mutant


class Verdict(NamedTuple):
    """How one case ended for one agent."""

    failure: Exception | None
    seconds: float
    lateness: float  # p99 of the frames sent, in seconds
    surprises: bool  # the agent under test failed, or a mutant passed
    figures: tuple[Figure, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it says something of the agent, and not of a busy machine."""
        return self.lateness <= LATE or not self.surprises


class Exchange:
    """All lines of a test session.

    Args:
        control: address of the fakes' control interface.
        agents: addresses by name; CLEAN is the agent under test.
        strict: a missed SHOULD fails, as it does for our own agent.
        numbering: where calls take their numbers from.
        reach: detours and authority, for an agent under its public name.
        launchers: how to start another process of an agent, by name.
        without: features that the agent under test is declared to lack.
        known_failing: reasons by number of cases that it is known to fail.
        limits: what the agent is held to.
        profile: raises levels, and demands features.

    Attributes:
        outcomes: of the cases judged so far, for the report.
    """

    def __init__(
        self,
        control: str,
        agents: dict[str, str],
        *,
        strict: bool,
        numbering: Numbering,
        reach: Reach | None = None,
        launchers: Mapping[str, Launch] | None = None,
        without: frozenset[str] = frozenset(),
        known_failing: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        profile: Profile = PROFILES["core"],
    ) -> None:
        self._limits = limits or Limits()
        self._profile = profile
        self._known_failing = dict(known_failing or {})
        self.outcomes: list[Outcome] = []
        self._launchers = dict(launchers or {})
        self._without = without - set(profile.demanded)
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        self._control = control
        self._agents = agents
        self._strict = strict
        self._numbering = numbering
        self._reach = reach or Reach()
        self._futures: dict[tuple[str, str], Future[Verdict]] = {}
        self._loop = asyncio.new_event_loop()
        at_once = 1 if "concurrent-calls" in self._without else LINES
        self._lines = asyncio.Semaphore(at_once)
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="exchange", daemon=True
        )
        self._thread.start()

    def dial(self, pairs: Iterable[Pair]) -> None:
        """Start the given pairs; returns at once."""
        for pair in pairs:
            key = (pair.case.number, pair.agent)
            if key not in self._futures:
                self._futures[key] = self.submit(self._run(pair))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run anything else on the exchange's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def verdict(self, pair: Pair) -> Verdict:
        """Wait for the verdict of a pair, dialling it when nobody has.

        A surprise while the phone itself was late is INVALID.
        """
        self.dial([pair])
        verdict = self._awaited(pair)
        if not verdict.is_valid:
            pytest.fail(
                f"INVALID case {pair.case.number}: frames left {verdict.lateness:.3f} s"
                f" late (p99) in each of {RUNS} runs, limit {LATE:g} s; the machine is"
                " too busy to judge by",
                pytrace=False,
            )
        return verdict

    def judge(self, case: Case) -> None:
        """Turn the verdict on the agent under test into a pytest outcome."""
        case = self._profile.applied(case)
        pair = Pair(case, CLEAN)
        self.dial([pair])
        verdict = self._awaited(pair)
        status = self._status(case, verdict)
        self.outcomes.append(
            Outcome.of(
                case,
                status,
                verdict.failure,
                verdict.seconds,
                verdict.lateness,
                verdict.figures,
                self._known_failing.get(case.number, ""),
            )
        )
        failure = verdict.failure
        if status is Status.INVALID:
            self.verdict(pair)  # says so, and fails
        elif status is Status.UNSUPPORTED:
            pytest.skip(f"UNSUPPORTED {failure}")
        elif status in (Status.NON_STRICT, Status.KNOWN_FAILING):
            pytest.xfail(f"{status}\n{failure}")
        elif status is Status.UNEXPECTED_PASS:
            pytest.fail(
                f"{status} case {case.number} is listed as known to fail and passed:"
                " take it off the list",
                pytrace=False,
            )
        elif status is Status.FAIL and isinstance(failure, CaseFailed):
            pytest.fail(str(failure), pytrace=False)
        elif status in (Status.FAIL, Status.ERROR):
            assert failure is not None
            raise failure

    def _status(self, case: Case, verdict: Verdict) -> Status:
        status = self._plain_status(case, verdict)
        if case.number not in self._known_failing:
            return status
        if status in (Status.FAIL, Status.NON_STRICT):
            return Status.KNOWN_FAILING
        return Status.UNEXPECTED_PASS if status is Status.PASS else status

    def _plain_status(self, case: Case, verdict: Verdict) -> Status:
        failure = verdict.failure
        if failure is None:
            return Status.INFO if case.level is Level.INFO else Status.PASS
        if isinstance(failure, Unsupported):
            return Status.UNSUPPORTED
        if not verdict.is_valid:
            return Status.INVALID
        if not isinstance(failure, CaseFailed | DeadlineExceeded):
            return Status.ERROR
        if case.level is Level.INFO:
            return Status.INFO
        if case.level is SHOULD and not self._strict:
            return Status.NON_STRICT
        return Status.FAIL

    def _awaited(self, pair: Pair) -> Verdict:
        return self._futures[pair.case.number, pair.agent].result(timeout=600)

    def close(self) -> None:
        """End all calls and the loop."""
        self.submit(self._cancel_all()).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _cancel_all(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, pair: Pair) -> Verdict:
        lacking = sorted(self._without.intersection(pair.case.needs))
        if lacking and pair.agent == CLEAN:
            declared = Unsupported(f"declared with --without {','.join(lacking)}")
            return Verdict(declared, 0.0, 0.0, surprises=False)
        async with self._lines:
            verdict = await self._put(pair)
            for _ in range(RUNS - 1):
                if verdict.is_valid:
                    break
                verdict = await self._put(pair)
        self.verdicts[pair.case.number, pair.agent] = verdict
        return verdict

    async def _put(self, pair: Pair) -> Verdict:
        """Put a case to an agent, once."""
        case, address = pair.case, self._agents[pair.agent]
        began = time.monotonic()
        failure: Exception | None = None
        control, numbering, reach = self._control, self._numbering, self._reach
        launch = self._launchers.get(pair.agent)
        async with Line(
            case.number, address, control, numbering, reach=reach, launch=launch
        ) as line:
            line.limits = self._limits
            if pair.agent == CLEAN:
                line.greets = "greeting" not in self._without
                line.without = self._without
            try:
                async with asyncio.timeout(CASE_DEADLINE):
                    await case.body(line)
                    await line.check_faults_met()
            except TimeoutError:
                failure = DeadlineExceeded(f"case {case.number} to end", CASE_DEADLINE)
            except Exception as error:
                failure = error
        late = line.lateness.percentile(99) or 0.0
        surprises = (failure is None) == (pair.agent != CLEAN)
        if isinstance(failure, Unsupported):
            surprises = False
        figures = tuple(line.figures)
        return Verdict(failure, time.monotonic() - began, late, surprises, figures)
