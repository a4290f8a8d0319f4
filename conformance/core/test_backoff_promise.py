"""What is promised of a policy is what the policy does."""

from __future__ import annotations

import random
from statistics import fmean
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceutils import Backoff
from voiceutils.backoff import Jitter
from voiceutils.backoff_promise import (
    expected_attempts,
    main,
    mean_delay,
    mean_total,
    promise,
    total_bounds,
)

DRAWS = 20_000
ATTEMPTS = 6

policies = st.builds(
    Backoff,
    initial_delay=st.floats(0, 5),
    backoff_factor=st.floats(1, 4),
    max_delay=st.floats(0, 30),
    jitter=st.sampled_from(get_args(Jitter)),
)


def waits(backoff: Backoff, chance: random.Random, attempts: int) -> list[float]:
    """Return the delays of one run in which every attempt fails."""
    delays: list[float] = []
    for failed in range(attempts - 1):
        previous = delays[-1] if delays else None
        delays.append(backoff.delay(failed, chance.random(), previous))
    return delays


@given(policies, st.integers(1, 12), st.randoms(use_true_random=False))
def test_every_run_is_within_the_total(
    backoff: Backoff, attempts: int, chance: random.Random
) -> None:
    """No run waits less or more than promised."""
    least, most = total_bounds(backoff, attempts)
    assert least - 1e-9 <= sum(waits(backoff, chance, attempts)) <= most + 1e-9


@given(policies, st.integers(1, 12))
def test_the_longest_draws_reach_the_total(backoff: Backoff, attempts: int) -> None:
    """The upper bound is reached, not only kept."""
    delays: list[float] = []
    for failed in range(attempts - 1):
        delays.append(backoff.delay(failed, 1.0, delays[-1] if delays else None))
    assert sum(delays) == pytest.approx(total_bounds(backoff, attempts)[1])


@pytest.mark.parametrize("jitter", get_args(Jitter))
def test_mean_delays_are_those_of_many_runs(jitter: Jitter) -> None:
    """The mean of twenty thousand runs is the promised one, to two percent."""
    backoff = Backoff(0.5, 2, 6, jitter)
    chance = random.Random(1)
    runs = [waits(backoff, chance, ATTEMPTS) for _ in range(DRAWS)]
    for failed in range(ATTEMPTS - 1):
        seen = fmean(run[failed] for run in runs)
        assert mean_delay(backoff, failed) == pytest.approx(seen, rel=0.02)
    total = fmean(sum(run) for run in runs)
    assert mean_total(backoff, ATTEMPTS) == pytest.approx(total, rel=0.02)


@given(st.floats(0, 1), st.integers(1, 20))
def test_expected_attempts_add_up(success: float, attempts: int) -> None:
    """Attempt n is made when all before it failed."""
    chances = [(1 - success) ** n for n in range(attempts)]
    made = expected_attempts(success, attempts)
    assert made == pytest.approx(sum(chances), abs=1e-6)


def test_the_promise_can_be_read() -> None:
    """One line for each wait, with its bounds and the time used up by then."""
    text = promise(Backoff(1, 2, 10, "equal"), 4)
    assert "3      2.000     3.000     4.000    3.500 to 7.000" in text
    assert "50%" in text


def test_a_policy_that_cannot_work_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback for a typing mistake."""
    monkeypatch.setattr("sys.argv", ["backoff_promise", "--backoff-factor=0.5"])
    assert main() == 2
    assert "backoff_factor is 0.5" in capsys.readouterr().err
