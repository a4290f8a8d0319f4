"""When a case is put once more: with an exchange of which nothing but that is real."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from conformance._acquaintance import Acquaintance
from conformance._booths import Booth
from conformance._case import CaseFailed, Unsupported
from conformance._exchange import LINES, Exchange
from conformance._index import all_cases
from conformance._line import Numbering
from conformance._verdict import CLEAN, LATE, RUNS, Judge, Pair, Verdict

NOBODY = "http://127.0.0.1:1"
PAIR = Pair(all_cases()[0]._replace(needs=(), calls=1), CLEAN)
FAILED = CaseFailed("1.1", "a greeting", "silence")


class _Machine(Exchange):
    """Each case that is put to the agent fails, so much late; the last ones for ever.

    Attributes:
        at_once: how many lines there were, each time.
    """

    def __init__(self, lateness: Sequence[float], *, alone: bool = False) -> None:
        self.at_once: list[int] = []
        self._late = [*lateness]
        super().__init__(
            NOBODY,
            {CLEAN: NOBODY},
            judge=Judge(strict=True),
            numbering=Numbering(1),
            without=frozenset({"concurrent-calls"} if alone else ()),
        )

    async def _put(
        self, pair: Pair, known: Acquaintance, booth: Booth | None = None
    ) -> Verdict:
        self.at_once.append(self._lines.limit)
        late = self._late.pop(0) if len(self._late) > 1 else self._late[0]
        return Verdict(FAILED, 0.0, late, surprises=self._surprises(pair, FAILED))


@contextmanager
def _put(lateness: Sequence[float], *, alone: bool = False) -> Iterator[list[int]]:
    machine = _Machine(lateness, alone=alone)
    try:
        machine.dial([PAIR])
        machine.awaited(PAIR)
        yield machine.at_once
    finally:
        machine.close()


def test_a_failure_of_an_agent_that_was_let_run_is_put_once() -> None:
    """It is the agent's own."""
    with _put([LATE]) as at_once:
        assert at_once == [LINES]


def test_a_late_failure_is_put_again_beside_half_as_many_calls() -> None:
    """Until it comes out on time."""
    with _put([1.0, 1.0, 0.0]) as at_once:
        assert at_once == [LINES, LINES // 2, LINES // 4]


def test_a_machine_that_is_late_for_ever_ends_the_runs() -> None:
    """The verdict says so; there is no more than that to be had."""
    with _put([1.0]) as at_once:
        assert len(at_once) == RUNS


def test_a_case_that_is_late_although_alone_is_not_put_again() -> None:
    """Nothing is left that could be taken away."""
    with _put([1.0], alone=True) as at_once:
        assert at_once == [1]


@pytest.mark.parametrize(
    ("strict", "failure", "surprises"),
    [
        (True, None, False),
        (True, FAILED, True),
        (True, Unsupported("never met"), True),
        (False, None, True),
        (False, FAILED, True),
        (False, Unsupported("needs a keypad"), False),
    ],
)
def test_what_the_machine_may_have_done_surprises(
    strict: bool, failure: Exception | None, surprises: bool
) -> None:
    """Of our own agent a pass is expected; of another one nothing is."""
    exchange = _Machine([0.0])
    exchange._judge.strict = strict
    try:
        assert exchange._surprises(PAIR, failure) is surprises
    finally:
        exchange.close()
