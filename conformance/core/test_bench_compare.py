"""Benchmarks compared on a machine that changes its speed as it likes."""

from __future__ import annotations

import argparse
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench._paired import FEWEST_PAIRS, RELATIVE_FLOOR, Change, change
from conformance.bench._revision import revision
from conformance.bench.compare import markdown, run_round, table
from voiceutils.errors import SettingError

ROUNDS = 12
TIME = 200e-9
SEEDS = range(40)


def rounds(seed: int, slower: float) -> Change:
    """Return the verdict on a machine of two speeds, with noise on each reading.

    The fastest time of a run is taken over many calls, so what remains is mostly the
    machine's state, and a few percent.
    """
    chance = random.Random(seed)

    def times(cost: float) -> list[float]:
        return [
            cost * (1.6 if chance.random() < 0.25 else 1) * (1 + chance.expovariate(50))
            for _ in range(ROUNDS)
        ]

    return change("add", times(TIME), times(TIME * slower), seed=seed)


def test_equal_revisions_raise_no_alarm() -> None:
    """Nothing is called slower or faster on forty noisy days."""
    verdicts = [rounds(seed, 1.0).verdict for seed in SEEDS]
    assert not {"slower", "faster"} & set(verdicts)


def test_a_slowdown_beyond_the_floor_is_caught_when_the_machine_is_steady() -> None:
    """Ten percent, with two percent of noise: always."""
    chance = random.Random(3)
    base = [TIME * (1 + chance.expovariate(50)) for _ in range(ROUNDS)]
    head = [1.10 * TIME * (1 + chance.expovariate(50)) for _ in range(ROUNDS)]
    seen = change("add", base, head)
    assert seen.verdict == "slower"
    assert seen.low <= 1.10 <= seen.high
    assert change("add", head, base).verdict == "faster"


def test_a_slowdown_is_never_called_the_contrary() -> None:
    """Whatever the noise does, half as slow again is not the same and not faster."""
    verdicts = {rounds(seed, 1.5).verdict for seed in SEEDS}
    assert verdicts <= {"slower", "unsure"}


@given(
    st.lists(st.floats(1e-9, 1e-3), min_size=ROUNDS, max_size=ROUNDS),
    st.floats(1 - RELATIVE_FLOOR / 2, 1 + RELATIVE_FLOOR / 2),
)
def test_less_than_the_floor_is_no_change(times: list[float], factor: float) -> None:
    """However certain: two percent are not worth a word."""
    seen = change("add", times, [time * factor for time in times])
    assert seen.verdict in ("same", "unsure")


def test_few_rounds_convict_nobody() -> None:
    """Fewer pairs than needed cannot be certain."""
    few = FEWEST_PAIRS - 1
    assert change("add", [1e-6] * few, [2e-6] * few).verdict == "unsure"


def test_the_fewest_rounds_suffice_when_they_agree() -> None:
    """All of them slower: 2 of the 1024 ways to swap them, whatever lots are drawn."""
    for seed in SEEDS:
        base, head = [1e-6] * FEWEST_PAIRS, [1.2e-6] * FEWEST_PAIRS
        seen = change("add", base, head, seed=seed)
        assert (seen.verdict, seen.chance) == ("slower", 2 / 1024)


def test_nanoseconds_are_not_worth_a_word() -> None:
    """Double of almost nothing is still almost nothing."""
    seen = change("empty", [1e-9] * ROUNDS, [2e-9] * ROUNDS)
    assert seen.verdict == "same"


def test_what_changed_is_said_first() -> None:
    """The terminal and the page name the slow one, its times and the sum."""
    slow = change("conformance/bench/b.py::slow", [1e-6] * ROUNDS, [2e-6] * ROUNDS)
    same = change("conformance/bench/b.py::same", [1e-6] * ROUNDS, [1e-6] * ROUNDS)
    lines = table([same, slow]).splitlines()
    assert lines[1].split()[:5] == ["b.py::slow", "1", "us", "2", "us"]
    assert lines[-1] == "1 slower, 0 faster, 1 same, 0 unsure"
    page = markdown([same, slow])
    assert page.index("b.py::slow") < page.index("<details>") < page.index("::same")


def test_an_unknown_revision_is_said_in_one_line() -> None:
    """No traceback for a typing mistake."""
    with pytest.raises(SettingError, match="no-such-branch"):
        revision("no-such-branch")


def test_a_round_without_end_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What to do about it stands in the message."""

    def never(command: list[str], timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(SettingError, match=r"more than 600 s.*-k"):
        run_round(
            revision("."),
            tmp_path / "round.json",
            argparse.Namespace(select="", max_time=0.1),
        )


def test_a_selection_of_nothing_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rather than pytest's own words for it."""

    def nothing(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, pytest.ExitCode.NO_TESTS_COLLECTED)

    monkeypatch.setattr(subprocess, "run", nothing)
    with pytest.raises(SettingError, match="no benchmark like 'soup'"):
        run_round(
            revision("."),
            tmp_path / "round.json",
            argparse.Namespace(select="soup", max_time=0.1),
        )
