"""A budgets file is taken as it is written, or its mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import conformance
from conformance._budgets import read_budgets
from conformance._limits import Limits
from fakes.backoff.policy import Policy
from voiceutils.errors import SettingError


def read(tmp_path: Path, text: str) -> Limits:
    """Read a file with this text."""
    file = tmp_path / "budgets.toml"
    file.write_text(text, "utf-8")
    return read_budgets(file)


def test_what_is_left_out_keeps_its_usual_value(tmp_path: Path) -> None:
    """An empty file changes nothing."""
    assert read(tmp_path, "") == Limits()
    assert read(tmp_path, "[seconds]\nsilence = 6\n") == Limits(silence=6.0)


def test_a_backoff_policy_is_declared(tmp_path: Path) -> None:
    """In the words of the option."""
    text = "[backoff]\ninitial = 0.5\nfactor = 2\nmax = 8\nattempts = 4\n"

    limits = read(tmp_path, text + 'jitter = "full"\nhealthy = 2\n')

    assert limits.backoff == Policy(0.5, 2.0, 8.0, "full", 4, 2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[seconds]\nsilence = 6\ngreting = 1\n", ":3: [seconds] greting: there are"),
        ("[seconds]\n\nsilence = -1\n", ":3: [seconds] silence: -1 is no number"),
        ("[seconds]\nsilence = true\n", ":2: [seconds] silence: True is no number"),
        ("[seconds]\nsilence = nan\n", ":2: [seconds] silence: nan is no number"),
        ("[second]\nsilence = 1\n", ":1: second: there are the tables"),
        ("silence = 1\n", ":1: silence: there are the tables"),
        ("[backoff]\ninitial = 1\nfast = 2\n", ":3: [backoff] fast: there are"),
        ("[seconds]\nsilence = 1\n[backoff]\nfactor = 2\n", ":3: backoff: initial"),
        (
            "[backoff]\ninitial = 1\nmax = 2\nattempts = 2\nfactor = 0.5\n",
            ":5: [backoff] factor: backoff factor is 0.5",
        ),
        ("[seconds\n", "line 1"),
    ],
)
def test_a_mistake_is_named_with_line_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    """So that it is found where it stands."""
    with pytest.raises(SettingError) as error:
        read(tmp_path, text)

    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the option that named it."""
    with pytest.raises(SettingError, match=r"--budgets .*none\.toml"):
        read_budgets(tmp_path / "none.toml")


def test_the_example_of_the_readme_is_what_holds_anyway(tmp_path: Path) -> None:
    """It shows the usual limits, and the reference agent's policy."""
    readme = Path(conformance.__file__).with_name("README.md").read_text("utf-8")
    example = readme.partition("```toml\n")[2].partition("```")[0]

    limits = read(tmp_path, example)

    assert limits.backoff == Policy(0.25, 1.5, 5.0, "equal", 5, 2.0)
    assert msgspec.structs.replace(limits, backoff=None) == Limits()
