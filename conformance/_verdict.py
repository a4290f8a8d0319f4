"""How a case ended for an agent, and what pytest and the reports are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from conformance._case import SHOULD, Case, CaseFailed, Level, Unsupported
from conformance._figures import Figure
from conformance._profiles import PROFILES, Profile
from conformance._report import Outcome, Status
from voiceutils.errors import DeadlineExceeded

__all__ = ["CLEAN", "LATE", "RUNS", "Judge", "Pair", "Verdict"]

# A phone that is a frame late sees the agent's moments wrong, and an agent that is not
# let run is not itself. What surprises on such a machine says nothing of the agent, so
# it is looked at again, each time beside half as many other calls, until it is alone.
LATE = 0.020
RUNS = 5
CLEAN = "clean"


class Pair(NamedTuple):
    """A case and the agent that it is put to."""

    case: Case
    agent: str  # CLEAN, or the name of a mutant


class Verdict(NamedTuple):
    """How one case ended for one agent.

    Attributes:
        lateness: p99 of the frames sent, in seconds, or how long agent or fakes waited
            in vain for a processor, if that is more.
        surprises: whether it could be the machine's doing: our own agent failed, a
            mutant passed, or anything at all of an agent of which nothing is known.
        trace: both legs of the calls.
    """

    failure: Exception | None
    seconds: float
    lateness: float
    surprises: bool
    figures: tuple[Figure, ...] = ()
    trace: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it says something of the agent, and not of a busy machine."""
        return self.lateness <= LATE or not self.surprises

    def check_valid(self, case: Case) -> None:
        """Fail the item of a case when nothing can be said of the agent."""
        if not self.is_valid:
            pytest.fail(
                f"INVALID case {case.number}: frames left late (p99), or agent or fakes"
                f" were not let run, by {self.lateness:.3f} s, limit {LATE:g} s, in"
                " every run; the machine is too busy to judge by",
                pytrace=False,
            )


class Judge:
    """Turns verdicts on the agent under test into statuses and pytest's outcomes.

    Attributes:
        strict: a missed SHOULD fails, as it does for our own agent.
        profile: raises levels, and demands features.
        outcomes: of the cases judged so far, for the report.

    Args:
        strict: see above.
        known_failing: reasons by number of cases that the agent is known to fail.
        profile: see above.
        outcomes: where those of this session are gathered.
    """

    def __init__(
        self,
        *,
        strict: bool,
        known_failing: Mapping[str, str] | None = None,
        profile: Profile = PROFILES["core"],
        outcomes: list[Outcome] | None = None,
    ) -> None:
        self.strict = strict
        self.profile = profile
        self.outcomes = [] if outcomes is None else outcomes
        self._known_failing = dict(known_failing or {})

    def judge(self, case: Case, verdict: Verdict) -> None:
        """Enter a verdict, and pass, skip or fail the item of the case."""
        status = self.status(case, verdict)
        self.outcomes.append(
            Outcome.of(
                case,
                status,
                verdict.failure,
                verdict.seconds,
                verdict.lateness,
                verdict.figures,
                self._known_failing.get(case.number, ""),
                verdict.trace,
            )
        )
        failure = verdict.failure
        if status is Status.INVALID:
            verdict.check_valid(case)
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

    def status(self, case: Case, verdict: Verdict) -> Status:
        """Return what a verdict is called; ``case`` at the level of the profile."""
        status = self._plain_status(case, verdict)
        if case.number not in self._known_failing:
            return status
        if status in (Status.FAIL, Status.NON_STRICT):
            return Status.KNOWN_FAILING
        return Status.UNEXPECTED_PASS if status is Status.PASS else status

    def _plain_status(self, case: Case, verdict: Verdict) -> Status:
        failure = verdict.failure
        if not verdict.is_valid:
            return Status.INVALID
        if isinstance(failure, Unsupported):
            return Status.UNSUPPORTED
        if failure is None:
            return Status.INFO if case.level is Level.INFO else Status.PASS
        if not isinstance(failure, CaseFailed | DeadlineExceeded):
            return Status.ERROR
        if case.level is Level.INFO:
            return Status.INFO
        if case.level is SHOULD and not self.strict:
            return Status.NON_STRICT
        return Status.FAIL
