"""The load test's options: read as typed, refused with a way out."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from loadtests._options import (
    COMMAND_LINE_ONLY,
    LoadOptions,
    add_options,
    on_this_machine,
    read_options,
)
from voiceutils.budget import DEFAULT_BUDGETS, Budget
from voiceutils.errors import SettingError


def options(*words: str) -> LoadOptions:
    """What ``words`` on the command line mean."""
    parser = ArgumentParser()
    add_options(parser)
    return read_options(parser.parse_args(words), DEFAULT_BUDGETS)


def test_nothing_needs_to_be_said() -> None:
    """The defaults: own agent, three turns, a fifth of the calls refused at first."""
    found = options()

    assert (found.agent, found.turns, found.fault_share) == ("", 3, 0.2)
    assert set(found.budgets) == set(DEFAULT_BUDGETS)


def test_a_budget_replaces_the_default_of_its_kind() -> None:
    """Milliseconds on the command line, seconds in the budget."""
    found = options("--turn-gap-limit", "900", "--barge-in-limit", "250")

    assert Budget("turn_gap", 95.0, 0.9) in found.budgets
    assert Budget("barge_in", 95.0, 0.25) in found.budgets
    assert len(found.budgets) == len(DEFAULT_BUDGETS)


def test_an_agent_elsewhere_needs_a_word_and_is_told_why() -> None:
    """A simulated call books real tables."""
    with pytest.raises(SettingError, match="real side effects"):
        options("--agent", "wss://agent.example.com/media")

    agent = options("--agent", "wss://agent.example.com/media", "--allow-remote").agent

    assert agent == "wss://agent.example.com/media"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("agent.localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.7", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_this_machine_is_only_what_cannot_be_another(host: str, here: bool) -> None:
    """Names are not looked up: what they mean may change."""
    assert on_this_machine(host) == here


@pytest.mark.parametrize(
    "words",
    [
        ("--agent", "127.0.0.1:8080"),
        ("--agent", "ftp://127.0.0.1/x"),
        ("--agent", "http:///voice"),
        ("--agent", "http://127.0.0.1:99999/voice"),
        ("--agent", "http://127.0.0.1/", "--agent-command", "x"),
        ("--turns", "0"),
        ("--model-delay", "-1"),
        ("--model-delay", "nan"),
        ("--fault-share", "1.1"),
        ("--drop-every", "1"),
        ("--max-failed", "101"),
        ("--turn-gap-limit", "0"),
        ("--backoff", "fast"),
    ],
)
def test_what_cannot_work_is_refused(words: tuple[str, ...]) -> None:
    """Before anything is started; the message names the option."""
    with pytest.raises(SettingError, match=r"--|budget"):
        options(*words)


def test_the_web_page_shows_no_way_to_run_a_command() -> None:
    """Whoever can reach the page must not choose commands or agents."""
    parser = ArgumentParser()
    add_options(parser)

    shown = {a.dest for a in parser._actions if getattr(a, "include_in_web_ui", False)}

    assert "turns" in shown
    assert not shown & {"agent", "agent_command", "allow_remote"}


def test_a_budget_may_come_as_text_from_the_web_page() -> None:
    """An option without a value has no type there."""
    parser = ArgumentParser()
    add_options(parser)
    parsed = parser.parse_args([])
    parsed.greeting_limit = "700"

    assert Budget("greeting", 95.0, 0.7) in read_options(parsed, ()).budgets
    parsed.greeting_limit = "soon"
    with pytest.raises(SettingError, match="no number"):
        read_options(parsed, ())


def test_an_agent_under_its_public_name_may_be_on_this_machine() -> None:
    """A detour for its host makes it one, and is no option of the web page."""
    agent = ("--agent", "https://agent.example/voice")
    found = options(*agent, "--connect", "agent.example=127.0.0.1:8443")

    assert found.connect == {"agent.example": "127.0.0.1:8443"}
    assert {"connect", "authority"} <= set(COMMAND_LINE_ONLY)


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (("--connect", "agent.example"), "HOST=IP:PORT"),
        (("--connect", "agent.example=127.0.0.1"), "HOST=IP:PORT"),
        (("--connect", "agent.example=127.0.0.1:x"), "HOST=IP:PORT"),
        (("--connect", "h=10.0.0.7:80"), "outside this machine"),
        (("--authority", "/nowhere.pem"), "no certificate of an authority"),
    ],
)
def test_a_detour_that_leads_nowhere_is_refused(
    words: tuple[str, str], trouble: str
) -> None:
    """Before any call is placed."""
    with pytest.raises(SettingError, match=trouble):
        options(*words)
