"""What the model answers: rules that a person wrote, the script, or an echo.

A rule has conditions, all of which must hold, and what is answered then. The first
rule that holds wins. A rule that calls a tool holds only where that tool was offered.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

import msgspec

from fakes.llm.asked import Asked
from fakes.llm.replies import echo_of, reply_for
from fakes.speech import numbers_in

__all__ = ["Action", "Replies", "Rule", "ToolUse", "plain_words"]

LONGEST_SAID = 4000  # characters that a pattern is held against
_PLACE = re.compile(r"\{(\w+)\}")


class ToolUse(msgspec.Struct, frozen=True):
    """A call of a tool; arguments of None are made up to fit the tool's schema."""

    tool: str
    arguments: dict[str, Any] | None = None


class Action(NamedTuple):
    """What the model does: says something, calls tools, or both in that order."""

    say: str = ""
    calls: tuple[ToolUse, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; see :mod:`fakes.llm.rules_file` for what a person writes.

    Attributes:
        hears: words of which one must have been said, each as :func:`plain_words`.
        pattern: a regular expression found in what was said, case ignored.
        result_of: the tool whose result has just come.
        say: may have ``{said}``, ``{number}``, ``{result}`` and the pattern's groups.
        call: the same goes for texts in the arguments.
    """

    hears: tuple[str, ...] = ()
    pattern: str = ""
    result_of: str = ""
    say: str = ""
    call: tuple[ToolUse, ...] = ()

    def meets(self, asked: Asked) -> Action | None:
        """Return what is answered, or None when a condition does not hold."""
        if bool(self.result_of) != bool(asked.results):
            return None
        if self.result_of and self.result_of not in {r.tool for r in asked.results}:
            return None
        offered = {tool.name for tool in asked.choosable}
        if any(use.tool not in offered for use in self.call):
            return None
        said = plain_words(asked.said)
        if self.hears and not any(f" {words} " in f" {said} " for words in self.hears):
            return None
        values = _values(asked)
        if self.pattern:
            found = re.search(self.pattern, asked.said[:LONGEST_SAID], re.IGNORECASE)
            if found is None:
                return None
            values |= {name: text or "" for name, text in found.groupdict().items()}
        calls = (ToolUse(use.tool, filled(use.arguments, values)) for use in self.call)
        return Action(filled(self.say, values), tuple(calls))


class Replies(msgspec.Struct, frozen=True, kw_only=True):
    """How the model finds its answers.

    Attributes:
        rules: in order; the first that holds wins.
        otherwise: where none holds, ``script`` answers what it knows and repeats the
            rest, ``echo`` repeats everything.
    """

    rules: tuple[Rule, ...] = ()
    otherwise: Literal["script", "echo"] = "script"

    def to(self, asked: Asked) -> Action:
        """Return what is answered, before the request's own limits."""
        for rule in self.rules:
            action = rule.meets(asked)
            if action is not None:
                return action
        if asked.results:
            return Action(f"The answer is: {_result(asked)}.")
        find = echo_of if self.otherwise == "echo" else reply_for
        return Action(find(asked.said))


def plain_words(text: str) -> str:
    """Return a text without case, punctuation and further spaces."""
    kept = (letter if letter.isalnum() else " " for letter in text.casefold())
    return " ".join("".join(kept).split())


def filled(told: Any, values: dict[str, str]) -> Any:
    """Return a text, or every text inside, with ``{name}`` replaced."""
    if isinstance(told, str):
        return _PLACE.sub(lambda at: values.get(at[1], at[0]), told)
    if isinstance(told, dict):
        return {key: filled(value, values) for key, value in told.items()}
    if isinstance(told, list):
        return [filled(value, values) for value in told]
    return told


def places_in(told: Any) -> set[str]:
    """Return the names that :func:`filled` would replace."""
    if isinstance(told, str):
        return set(_PLACE.findall(told))
    inside = told.values() if isinstance(told, dict) else told
    if not isinstance(told, dict | list):
        return set()
    return {name for value in inside for name in places_in(value)}


def _values(asked: Asked) -> dict[str, str]:
    numbers = numbers_in(asked.said)
    return {
        "said": asked.said,
        "number": str(numbers[0]) if numbers else "",
        "result": _result(asked),
    }


def _result(asked: Asked) -> str:
    """Return what the tools told, as it may be spoken: values rather than JSON."""
    told = (_spoken(result.text) for result in asked.results)
    return ", ".join(filter(None, told)).rstrip(".?!")


def _spoken(text: str) -> str:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = text
    if isinstance(content, dict):
        flat = [v for v in content.values() if isinstance(v, str | int | float)]
        return ", ".join(map(str, flat))
    return " ".join((content if isinstance(content, str) else text).split())
