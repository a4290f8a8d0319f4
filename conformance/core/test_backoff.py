"""The schedule of waits against exact arithmetic, and that there is only one."""

from __future__ import annotations

import ast
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import voiceutils
from voiceutils import Backoff
from voiceutils.backoff import Jitter

JITTERS = get_args(Jitter)

backoffs = st.builds(
    Backoff,
    initial_delay=st.floats(0, 1e6),
    backoff_factor=st.floats(1, 1e3),
    max_delay=st.floats(0, 1e6),
    jitter=st.sampled_from(JITTERS),
)
attempts = st.one_of(st.integers(0, 2000), st.integers(0, 10**6))
draws = st.floats(0, 1)


def exact(initial: float, factor: float, times: int, most: float) -> float:
    """Return min(initial * factor ** times, most), computed without overflow."""
    with localcontext(prec=60, Emax=10**12, Emin=-(10**12)):
        grown = Decimal(initial) * Decimal(factor) ** times
        return float(min(grown, Decimal(most)))


@given(st.floats(1e-9, 1e6), st.floats(1, 1e3), st.floats(0, 1e6), attempts)
@example(1.0, 2.0, 10.0, 1024)
@example(1.0, 1.5, 10.0, 1751)
@example(1.0, 2.0, 10.0, 10**6)
@settings(max_examples=300)
def test_schedule_is_the_formula(
    initial: float, factor: float, most: float, attempt: int
) -> None:
    """Equal to exact arithmetic at any attempt, up to the millionth and beyond."""
    delay = Backoff(initial, factor, most).delay(attempt)
    assert delay == pytest.approx(exact(initial, factor, attempt, most), rel=1e-9)


@given(backoffs, attempts, draws, st.none() | st.floats(0, 1e6))
@settings(max_examples=300)
def test_delay_lies_within_its_bounds(
    backoff: Backoff, attempt: int, draw: float, previous: float | None
) -> None:
    """0 <= low <= delay <= high <= max_delay, whatever was drawn."""
    low, high = backoff.bounds(attempt)
    delay = backoff.delay(attempt, draw, previous)
    assert 0 <= low <= delay <= high <= backoff.max_delay


@given(backoffs, attempts)
def test_bounds_are_those_that_jitter_is_known_for(
    backoff: Backoff, attempt: int
) -> None:
    """None: the schedule. Full: from 0. Equal: from half. The last: from initial."""
    low, high = backoff.bounds(attempt)
    most = backoff.max_delay
    if backoff.jitter == "decorrelated":
        assert low == min(backoff.initial_delay, most)
        assert high == pytest.approx(
            exact(backoff.initial_delay, 3, attempt + 1, most), rel=1e-9
        )
        return
    schedule = exact(backoff.initial_delay, backoff.backoff_factor, attempt, most)
    assert high == pytest.approx(schedule, rel=1e-9)
    assert low == {"none": high, "full": 0, "equal": high / 2}[backoff.jitter]


@pytest.mark.parametrize("jitter", [j for j in JITTERS if j != "none"])
def test_jitter_fills_its_range(jitter: Jitter) -> None:
    """Ten thousand draws reach both ends of the range and its middle."""
    random = Random(5)
    backoff = Backoff(1, 2, 100, jitter)
    low, high = backoff.bounds(3)
    delays = [backoff.delay(3, random.random()) for _ in range(10_000)]
    width = high - low
    assert width > 0
    assert min(delays) < low + 0.01 * width
    assert max(delays) > high - 0.01 * width
    assert sum(delays) / len(delays) == pytest.approx((low + high) / 2, rel=0.03)


def test_decorrelated_delay_follows_the_one_before() -> None:
    """At most three times the delay before, not three times the longest possible."""
    backoff = Backoff(1, 2, 1000, "decorrelated")
    assert backoff.delay(5, 1.0, previous=1.5) == 4.5
    assert backoff.delay(5, 0.0, previous=1.5) == 1
    assert backoff.delay(5, 1.0) == 3**6
    assert backoff.delay(5, 0.5, previous=0.1) == 1  # never below the initial delay


@pytest.mark.parametrize("jitter", JITTERS)
@pytest.mark.parametrize("factor", [1, 1.5, 2, 1e300])
@pytest.mark.parametrize("initial", [0, 1e-300, 1, 1e300])
@pytest.mark.parametrize("most", [0, 10, 1.7e308])
def test_no_setting_overflows(
    jitter: Jitter, factor: float, initial: float, most: float
) -> None:
    """The extremes of every setting stay finite at every attempt."""
    backoff = Backoff(initial, factor, most, jitter)
    for attempt in (0, 1, 1023, 1024, 1751, 10**6, 10**9):
        assert 0 <= backoff.delay(attempt, 0.5) <= backoff.delay(attempt) <= most
        if initial == 0:
            assert backoff.delay(attempt) == 0


def test_delay_of_an_integer_factor_is_not_a_giant_integer() -> None:
    """2 ** 10**9 as an int would take 125 MB."""
    assert Backoff(1, 2, 10).backoff_factor.__class__ is float
    assert Backoff(1, 2, 10).delay(10**9) == 10


@given(backoffs.filter(lambda b: b.jitter != "decorrelated"), st.integers(0, 3000))
def test_delays_never_shrink(backoff: Backoff, attempt: int) -> None:
    """The same draw gives no shorter delay at the next attempt."""
    assert backoff.delay(attempt, 0.7) <= backoff.delay(attempt + 1, 0.7)


def test_attempts_are_counted_from_zero() -> None:
    """There is no attempt before the first."""
    with pytest.raises(ValueError, match="from 0"):
        Backoff().delay(-1)


def test_two_hundred_calls_do_not_come_back_together() -> None:
    """With full jitter, no 10 ms of the first second see more than 5 % of the calls."""
    backoff = Backoff(1, 2, 10, "full")
    random = Random(3)
    returns = sorted(backoff.delay(0, random.random()) for _ in range(200))
    fullest = max(
        sum(1 for at in returns if start <= at < start + 0.01) for start in returns
    )
    assert fullest <= 10


# --- no second retry loop ----------------------------------------------------------

OWNERS = {"_attempts.py", "backoff.py", "backoff_promise.py", "retry.py"}


def retry_loops(source: str) -> list[str]:
    """Return what in a source text looks like a retry loop or a backoff formula.

    A loop that both survives an exception and sleeps is one, whatever its names; so is
    a power or a product with a delay, factor or backoff in it.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For | ast.While | ast.AsyncFor):
            inside = list(ast.walk(node))
            if any(map(survives, inside)) and any(map(sleeps, inside)):
                found.append(f"line {node.lineno}: sleeps in a loop over failures")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Mult):
            names = {name.lower() for name in names_in(node)}
            if any(
                word in name
                for name in names
                for word in ("backoff", "factor", "delay")
            ):
                found.append(f"line {node.lineno}: computes a delay")
    return found


def survives(node: ast.AST) -> bool:
    """Tell whether a handler lets the loop go on."""
    return isinstance(node, ast.ExceptHandler) and not isinstance(
        node.body[-1], ast.Raise | ast.Return | ast.Break
    )


def sleeps(node: ast.AST) -> bool:
    """Tell whether a call is a sleep, whoever's."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = (
        called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    )
    return name == "sleep"


def names_in(node: ast.AST) -> set[str]:
    """Return the variables and attributes of an expression."""
    inside = list(ast.walk(node))
    return {n.id for n in inside if isinstance(n, ast.Name)} | {
        n.attr for n in inside if isinstance(n, ast.Attribute)
    }


def test_nobody_else_retries_or_computes_a_backoff() -> None:
    """All of voiceutils goes through retry.py: one definition of when to try again."""
    root = Path(voiceutils.__path__[0])
    sources = sorted(root.rglob("*.py"))
    assert {path.name for path in sources} >= OWNERS
    found = {
        str(path.relative_to(root)): loops
        for path in sources
        if path.name not in OWNERS
        and (loops := retry_loops(path.read_text(encoding="utf-8")))
    }
    assert found == {}


SECOND_LOOPS = [
    """
async def connect(self, max_retries=3, backoff_factor=1.5):
    last_error = None
    for attempt in range(max_retries):
        try:
            await self._attempt_connection()
            return
        except Exception as e:
            last_error = e
            if attempt < max_retries - 1:
                delay = backoff_factor ** attempt
                await asyncio.sleep(delay)
""",
    "wait = self.settings.initial_delay * 2 ** n",
    """
while True:
    try:
        link = connect()
    except OSError:
        time.sleep(pause)
""",
    """
while not connected:
    try:
        link = connect()
    except OSError:
        failures += 1
    sleep(3)
""",
]


@pytest.mark.parametrize("source", SECOND_LOOPS)
def test_a_second_retry_loop_would_be_found(source: str) -> None:
    """The scan knows the usual shapes."""
    assert retry_loops(source)


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    await sleep(4)\n    send()",
        "for m in link:\n    try:\n        use(m)\n    except E:\n        n += 1",
        "size = frames * width",
    ],
)
def test_other_loops_are_left_alone(source: str) -> None:
    """Sleeping in a loop is no retry, and neither is reading past an error."""
    assert retry_loops(source) == []
