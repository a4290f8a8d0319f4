r"""Rules for the model's answers in a file of TOML.

::

    otherwise = "echo"                       # or "script", the default

    [[rules]]
    hears = ["parcel", "my order"]           # one of these words was said
    call = { tool = "find_parcel", arguments = { number = "{number}" } }

    [[rules]]
    result_of = "find_parcel"                # the tool has answered
    say = "Your parcel is here: {result}."

    [[rules]]
    pattern = 'table for (?P<people>\w+)'     # a regular expression, case ignored
    say = "One moment."
    call = [{ tool = "book_table", arguments = { people = "{people}" } }]

The first rule whose conditions all hold is followed; one without conditions holds
whatever the user says. A rule that calls a tool is passed over where the request does
not offer it. Arguments that are left out are made up to fit the tool's schema. A
mistake is one line: file, line, key, and what would be right.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fakes.llm.rules import Replies, Rule, ToolUse, places_in, plain_words
from fakes.toml_file import Mistake, read_toml, toml_text
from voiceutils.errors import SettingError

__all__ = ["parse_replies", "read_replies"]

_KEYS = ("otherwise", "rules")
_RULE_KEYS = ("hears", "pattern", "result_of", "say", "call")
_OTHERWISE = ("script", "echo")
_MOST_RULES = 200
_MOST_CALLS = 16
_LONGEST = 4000
_ALWAYS = {"said", "number"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_replies(wanted: str) -> Replies:
    """Return the answers that a person asks for.

    Args:
        wanted: ``script``, ``echo``, or the path of a file of rules.

    Raises:
        SettingError: neither, or the file has a mistake.
    """
    if wanted in _OTHERWISE:
        return Replies(otherwise=wanted)  # type: ignore[arg-type]
    if Path(wanted).suffix != ".toml":
        known = ", ".join(_OTHERWISE)
        raise SettingError(f"replies {wanted!r}: use one of {known}, or a .toml file")
    return parse_replies(toml_text(Path(wanted), "replies"), wanted)


def parse_replies(text: str, source: str) -> Replies:
    """Read rules from the text of their file, which ``source`` names.

    Raises:
        SettingError: ``SOURCE:LINE: KEY: what is wrong``.
    """
    return read_toml(text, source, "rules", _checked)


def _checked(told: dict[str, Any]) -> Replies:
    for key in told:
        if key not in _KEYS:
            raise Mistake(key, f"unknown; known are {', '.join(_KEYS)}")
    otherwise = told.get("otherwise", "script")
    if otherwise not in _OTHERWISE:
        raise Mistake("otherwise", f"is none of {', '.join(_OTHERWISE)}")
    rules = told.get("rules", [])
    if not isinstance(rules, list) or len(rules) > _MOST_RULES:
        raise Mistake("rules", f"is no list of at most {_MOST_RULES} rules")
    read = tuple(_rule(index, rule) for index, rule in enumerate(rules))
    _check_reach(rules, read)
    return Replies(rules=read, otherwise=otherwise)


def _check_reach(told: list[dict[str, Any]], rules: tuple[Rule, ...]) -> None:
    """Refuse a rule that stands after one that holds whatever the user says."""
    holds = None
    for index, rule in enumerate(rules):
        if rule.result_of:
            continue
        if holds is not None:
            text = f"never reached, since rule {holds + 1} has no condition"
            raise Mistake(next(iter(told[index])), text, index)
        if not (rule.hears or rule.pattern or rule.call):
            holds = index


def _rule(index: int, told: Any) -> Rule:
    if not isinstance(told, dict):
        raise Mistake("rules", "a rule is a table, such as { say = ... }", index)
    for key in told:
        if key not in _RULE_KEYS:
            raise Mistake(key, f"unknown; known are {', '.join(_RULE_KEYS)}", index)
    if "say" not in told and "call" not in told:
        text = "a rule says something or calls a tool: give say, call, or both"
        raise Mistake(next(iter(told), "rules"), text, index)
    pattern = _text(told, "pattern", index)
    rule = Rule(
        hears=_hears(told, index),
        pattern=pattern,
        result_of=_tool_name(told, "result_of", index),
        say=_text(told, "say", index),
        call=_calls(told, index),
    )
    _check_places(rule, _groups(pattern, index), index)
    return rule


def _text(told: dict[str, Any], key: str, index: int) -> str:
    text = told.get(key, "")
    if not isinstance(text, str) or len(text) > _LONGEST or (key in told and not text):
        raise Mistake(key, f"is no text of 1 to {_LONGEST} characters", index)
    return text


def _hears(told: dict[str, Any], index: int) -> tuple[str, ...]:
    if "hears" not in told:
        return ()
    given = told["hears"]
    listed = given if isinstance(given, list) else [given]
    words = [plain_words(one) if isinstance(one, str) else "" for one in listed]
    if not words or not all(words):
        raise Mistake("hears", "is neither words nor a list of words", index)
    return tuple(words)


def _tool_name(told: dict[str, Any], key: str, index: int) -> str:
    name = told.get(key, "")
    if key in told and not (isinstance(name, str) and _NAME.fullmatch(name)):
        text = "is no tool's name: 1 to 64 letters, digits, _ or -"
        raise Mistake(key, text, index)
    return str(name)


def _calls(told: dict[str, Any], index: int) -> tuple[ToolUse, ...]:
    if "call" not in told:
        return ()
    given = told["call"]
    listed = given if isinstance(given, list) else [given]
    if not 1 <= len(listed) <= _MOST_CALLS:
        raise Mistake("call", f"is no list of 1 to {_MOST_CALLS} calls", index)
    return tuple(_call(one, index) for one in listed)


def _call(told: Any, index: int) -> ToolUse:
    if isinstance(told, str):
        told = {"tool": told}
    if not isinstance(told, dict) or "tool" not in told:
        text = 'is neither a tool\'s name nor { tool = "...", arguments = {...} }'
        raise Mistake("call", text, index)
    for key in told:
        if key not in ("tool", "arguments"):
            raise Mistake(key, "unknown; known are tool, arguments", index)
    arguments = told.get("arguments")
    if "arguments" in told and not isinstance(arguments, dict):
        raise Mistake("arguments", "is no table", index)
    _check_json(arguments, index)
    return ToolUse(_tool_name(told, "tool", index), arguments)


def _check_json(value: Any, index: int) -> None:
    """Refuse what TOML knows and JSON does not: dates and times, not a number."""
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inside:
            _check_json(one, index)
    elif not isinstance(value, str | bool | int | float | None):
        raise Mistake("arguments", f"{value} has no form in JSON; use a text", index)
    elif isinstance(value, float) and not abs(value) < float("inf"):
        raise Mistake("arguments", f"{value} has no form in JSON", index)


def _groups(pattern: str, index: int) -> set[str]:
    try:
        return set(re.compile(pattern, re.IGNORECASE).groupindex)
    except (re.error, RecursionError, OverflowError) as error:
        text = f"is no regular expression: {error}"
        raise Mistake("pattern", text, index) from None


def _check_places(rule: Rule, groups: set[str], index: int) -> None:
    known = _ALWAYS | groups | ({"result"} if rule.result_of else set())
    for key, told in (
        ("say", [rule.say]),
        ("arguments", [use.arguments for use in rule.call]),
    ):
        for name in sorted(places_in(told) - known):
            listed = ", ".join(sorted(known))
            raise Mistake(key, f"{{{name}}} is unknown; known are {listed}", index)
