"""What both readers of requests refuse in the same words."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from fakes.llm.asked import Tool
from fakes.llm.errors import ModelError

__all__ = ["ToolName", "Wrong", "missing", "stated_choice", "unknown_value", "within"]

ToolName: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
CHOICES = ("none", "auto", "required")


class Wrong(Exception):  # noqa: N818 - the client's, not ours
    """A request that is refused with 400; ``error`` is the answer."""

    def __init__(self, text: str, param: str | None, code: str | None = None) -> None:
        self.error = ModelError(400, text, code=code, param=param)
        super().__init__(text)


def missing(place: str) -> Wrong:
    """Return the refusal of a request that lacks something."""
    text = f"Missing required parameter: '{place}'."
    return Wrong(text, place, "missing_required_parameter")


def unknown_value(place: str, value: object, known: tuple[str, ...]) -> Wrong:
    """Return the refusal of a value that is none of those that there are."""
    *most, last = (f"'{one}'" for one in known)
    text = f"Invalid value: '{value}'. Supported values are: {', '.join(most)}"
    return Wrong(f"{text}, and {last}.", place, "invalid_value")


def within(place: str, value: int | None, least: int, most: int) -> int | None:
    """Return a number that is in range, or none; raises Wrong."""
    if value is None or least <= value <= most:
        return value
    low = value < least
    side, limit = ("below minimum", least) if low else ("above maximum", most)
    text = (
        f"Invalid '{place}': integer {side} value. Expected a value "
        f"{'>=' if low else '<='} {limit}, but got {value} instead."
    )
    code = "integer_below_min_value" if low else "integer_above_max_value"
    raise Wrong(text, place, code)


def stated_choice(name: Any, tools: tuple[Tool, ...], *, by_name: bool) -> str:
    """Return which tool must be called, as :class:`Asked` has it; raises Wrong.

    Args:
        name: as the request has it; None is nothing said.
        tools: that are offered.
        by_name: whether it is a tool's name, and not a general rule.
    """
    if name is None and not by_name:
        return "auto"
    if by_name and name not in {tool.name for tool in tools}:
        text = f"Tool choice '{name}' not found in 'tools' parameter."
        raise Wrong(text, "tool_choice")
    if not by_name and name not in CHOICES:
        raise unknown_value("tool_choice", name, CHOICES)
    if not tools and name == "required":
        text = "Tool choice 'required' must be specified with 'tools' parameter."
        raise Wrong(text, "tool_choice")
    return str(name)
