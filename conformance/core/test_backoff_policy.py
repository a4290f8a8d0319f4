"""A declared policy, as an option and as an agent's line of JSON."""

from __future__ import annotations

import pytest

from fakes.backoff.policy import Policy, declared_policy, parse_policy
from voiceutils.errors import SettingError


def test_a_policy_reads_as_it_is_written() -> None:
    """The option names every part of the policy."""
    text = "initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5,healthy=2"

    assert parse_policy(text) == Policy(0.25, 1.5, 5.0, "equal", 5, 2.0)


@pytest.mark.parametrize(
    "text",
    [
        "fast",
        "initial=x,factor=1,max=1,attempts=2",
        "initial=1,factor=2,max=3,attempts=2,jitter=some",
        "initial=1,factor=2,max=3",
        "initial=1,initial=2,factor=2,max=3,attempts=2",
        "initial=nan,factor=2,max=3,attempts=2",
        "initial=1,factor=0.5,max=3,attempts=2",
    ],
)
def test_a_policy_that_does_not_read_is_a_setting_error(text: str) -> None:
    """The message shows what was given."""
    with pytest.raises(SettingError, match="--backoff"):
        parse_policy(text)


def test_an_agent_that_declares_nonsense_has_declared_nothing() -> None:
    """General bounds apply to it then."""
    declared = {"initial": 0.25, "factor": 1.5, "max_delay": 5, "attempts": 5}

    assert declared_policy(declared) == Policy(0.25, 1.5, 5.0, "none", 5)
    assert declared_policy(declared | {"factor": 0}) is None
    assert declared_policy("fast") is None
    assert declared_policy(None) is None


def test_a_large_retry_does_not_overflow() -> None:
    """2.0 ** 1024 is more than a float holds."""
    assert Policy(1.0, 2.0, 9.0).bounds(5000, None) == (9.0, 9.0)
