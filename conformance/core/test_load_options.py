"""The load test's options: read as typed, refused with a way out."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest

from loadtests._addresses import on_this_machine
from loadtests._options import (
    COMMAND_LINE_ONLY,
    LoadOptions,
    add_options,
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
        ("--fakes", "http://127.0.0.1:8413"),
        ("--fakes", "http://10.0.0.2:8413", "--agent", "http://127.0.0.1/voice"),
        ("--fakes", "10.0.0.2:8413", "--agent", "http://127.0.0.1/", "--allow-remote"),
        ("--model-replies", "parrot"),
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


def test_nothing_said_is_phones_that_call_again() -> None:
    """The closed model, with the pause that it always had, and no profile."""
    traffic = options().traffic

    assert not traffic.is_open
    assert (traffic.think, traffic.profile, traffic.holding) == ((0.2, 0.2), "", None)
    assert traffic.mix.written == ()
    assert traffic.mix.barges_in(3)
    assert not traffic.mix.barges_in(2)


def test_erlangs_are_rate_times_holding_time() -> None:
    """Ten erlangs of 20 s are a call every two seconds, and the other way round."""
    offered = options("--erlangs", "10", "--holding-time", "20").traffic
    rated = options("--calls-per-second", "0.5", "--holding-time", "20").traffic

    assert offered.rate == 0.5
    assert rated.erlangs == 10.0


def test_a_mix_knows_whether_anybody_interrupts() -> None:
    """The usual conversation may be one of several, with a weight of its own."""
    assert options("--conversations", "barges_in").traffic.mix.barges_in(1)
    assert not options("--conversations", "abandons").traffic.mix.barges_in(3)
    mix = options("--conversations", "usual=4,abandons=2").traffic.mix
    assert [(w.name, w.weight) for w in mix.written] == [("usual", 4), ("abandons", 2)]
    assert mix.barges_in(3)


@pytest.mark.parametrize(
    "words",
    [
        ("--erlangs", "10"),
        ("--erlangs", "10", "--calls-per-second", "1", "--holding-time", "9"),
        ("--calls-per-second", "0"),
        ("--holding-time", "0.5"),
        ("--late-by", "0"),
        ("--think-time", "fast"),
        ("--think-time", "5-2"),
        ("--find-capacity", "--load-profile", "soak"),
        ("--find-capacity", "--erlangs", "3", "--holding-time", "9"),
        ("--find-capacity", "--max-calls", "0"),
        ("--find-capacity", "--need-calls", "500"),
        ("--step-time", "1"),
        ("--conversations", "usual=x"),
    ],
)
def test_traffic_that_cannot_be_is_refused(words: tuple[str, ...]) -> None:
    """Before anything is started; the message names the option."""
    with pytest.raises(SettingError, match="--"):
        options(*words)


def test_the_web_page_names_no_files() -> None:
    """Neither to read nor to write, and no search."""
    assert {
        "conversations",
        "curve",
        "find_capacity",
        "record_calls",
        "results",
    } <= set(COMMAND_LINE_ONLY)


def test_no_option_is_one_of_locusts_own() -> None:
    """Locust has a --profile, too; a second one would end it with a traceback."""
    from importlib.metadata import distribution

    located = distribution("locust").locate_file("locust/argument_parser.py")
    text = Path(str(located)).read_text(encoding="utf-8")
    taken = set(re.findall(r'^\s+"(--[a-z0-9-]+)"', text, re.MULTILINE))
    parser = ArgumentParser()
    add_options(parser)

    ours = {flag for action in parser._actions for flag in action.option_strings}

    assert "--users" in taken
    assert "--profile" in taken
    assert not (ours - {"-h", "--help"}) & taken
