"""An agent whose process one case ends: the others are not judged by its corpse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from conformance._acquaintance import USUAL, Acquaintance
from conformance._booths import Booth, Booths
from conformance._case import CaseFailed
from conformance._exchange import Exchange
from conformance._index import all_cases
from conformance._line import Line, Numbering
from conformance._lines import Lines
from conformance._verdict import CLEAN, Judge, Pair

NOBODY = "http://127.0.0.1:1"


class _OneBooth:
    shared = False
    taken = 0

    @asynccontextmanager
    async def take(self, lines: Lines, count: int) -> AsyncIterator[Booth]:
        self.taken += 1
        yield Booth(NOBODY, NOBODY)

    def close(self) -> None:
        return


class _Met(Exchange):
    """Knows the agent already."""

    async def _known(self, pair: Pair) -> Acquaintance:
        return USUAL


@pytest.fixture
def booths() -> _OneBooth:
    """The booths of the session."""
    return _OneBooth()


@pytest.fixture
def died() -> list[str]:
    """What the agent's end is called, once it has come."""
    return []


@pytest.fixture
def exchange(booths: _OneBooth, died: list[str]) -> Iterator[Exchange]:
    """An exchange of which only the bookkeeping is used."""
    running = _Met(
        NOBODY,
        {CLEAN: NOBODY},
        judge=Judge(strict=False),
        numbering=Numbering(1),
        booths=cast("Booths", booths),
        death=lambda: "".join(died),
    )
    yield running
    running.close()


def test_who_fails_beside_a_dying_agent_is_put_to_another_one(
    exchange: Exchange, booths: _OneBooth, died: list[str]
) -> None:
    """There he passes; who comes later is not put to the dead one at all."""

    async def fails_beside_others(line: Line) -> None:
        await asyncio.sleep(0)
        if line.company is None:
            died.append("ended, status 1")
            raise CaseFailed("1.1", "a greeting", "silence")

    first, second = all_cases()[:2]
    for case in (first, second):
        pair = Pair(case._replace(body=fails_beside_others), CLEAN)
        assert exchange.verdict(pair).failure is None
    assert booths.taken == 2
    assert died == ["ended, status 1"]
    assert any("ended, status 1" in line for line in exchange.told())


def test_a_failure_of_an_agent_that_lives_is_its_own(exchange: Exchange) -> None:
    """And is not tried again elsewhere."""

    async def fails(line: Line) -> None:
        raise CaseFailed("1.1", "a greeting", "silence")

    pair = Pair(all_cases()[0]._replace(body=fails), CLEAN)
    assert isinstance(exchange.verdict(pair).failure, CaseFailed)
