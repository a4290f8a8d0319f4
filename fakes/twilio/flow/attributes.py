"""Reads the attributes of a verb; a bad value is a warning, and the default counts."""

from __future__ import annotations

from collections.abc import Callable

from fakes.twilio.flow.orders import Fields, Method
from fakes.twilio.flow.stage import GoTo, NextVerb, Outcome, Stage
from fakes.twilio.twiml import Element

__all__ = ["after", "choice", "flag", "method", "whole"]

_METHODS: dict[str, Method] = {"GET": "GET", "POST": "POST"}
_FLAGS = {"true": True, "false": False}


def whole(
    stage: Stage,
    element: Element,
    name: str,
    default: int,
    *,
    code: str,
    least: int = 0,
    most: int = 86_400,
) -> int:
    """Return an attribute that is a whole number; beyond a limit, the limit."""
    value = element.attributes.get(name)
    if value is None:
        return default
    digits = value.strip()
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 12:
        _odd(stage, element, name, code, f"taken for {default}")
        return default
    number = int(digits)
    if not least <= number <= most:
        number = min(max(number, least), most)
        _odd(stage, element, name, code, f"taken for {number}")
    return number


def flag(
    stage: Stage, element: Element, name: str, default: bool, *, code: str
) -> bool:
    """Return an attribute that is true or false."""
    value = element.attributes.get(name)
    if value is None:
        return default
    known = _FLAGS.get(value.strip().lower())
    if known is None:
        _odd(stage, element, name, code, f"taken for {str(default).lower()}")
        return default
    return known


def choice(
    stage: Stage,
    element: Element,
    name: str,
    default: str,
    *,
    among: tuple[str, ...],
    code: str,
) -> str:
    """Return an attribute that is one of a few words."""
    value = element.attributes.get(name, default).strip()
    if value in among:
        return value
    _odd(stage, element, name, code, f"taken for {default!r}")
    return default


def method(
    stage: Stage, element: Element, name: str = "method", *, code: str
) -> Method:
    """Return an attribute that is an HTTP method."""
    value = element.attributes.get(name, "POST")
    known = _METHODS.get(value.strip().upper())
    if known is None:
        _odd(stage, element, name, code, "taken for POST")
        return "POST"
    return known


def after(
    stage: Stage, element: Element, *, code: str, default: str | None = None
) -> Callable[[Fields], Outcome]:
    """Return what follows a verb that may have an ``action``.

    Args:
        stage: what the verb has to hand.
        element: the verb.
        code: of the warning about a bad method.
        default: where to go without an action; None is to the next verb.
    """
    chosen = method(stage, element, code=code)
    action = element.attributes.get("action") or default
    url = stage.page(action) if action is not None else None
    return lambda fields: GoTo(url, chosen, fields) if url else NextVerb()


def _odd(stage: Stage, element: Element, name: str, code: str, remedy: str) -> None:
    value = element.attributes.get(name, "")
    stage.warn(code, f"<{element.name} {name}={value[:40]!r}> {remedy}")
