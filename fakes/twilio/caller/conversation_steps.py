"""One step of a written conversation: which keys it may have, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from fakes.toml_file import Mistake
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    HangUp,
    HangUpHow,
    Pause,
    Press,
    Say,
)

__all__ = ["read_step"]

_LONGEST_TEXT = 500
_LONGEST_WAIT = 600.0
_KEYPAD = frozenset("0123456789*#")
_MOST_KEYS = 60


def read_step(index: int, told: Any) -> tuple[ConversationStep, ...]:
    """Return the variants of one step; raises Mistake."""
    if not isinstance(told, dict):
        raise Mistake("steps", "a step is a table, such as { say = ... }", index)
    actions = [key for key in told if key in _ACTIONS]
    if len(actions) != 1:
        named = " and ".join(actions) or "none"
        key = actions[1] if actions else next(iter(told), "steps")
        text = f"a step has one of {', '.join(_ACTIONS)}; this one has {named}"
        raise Mistake(key, text, index)
    action = actions[0]
    read, further = _ACTIONS[action]
    for key in told:
        if key != action and key not in further:
            known = f"known beside {action}: {', '.join(further) or 'none'}"
            raise Mistake(key, f"unknown; {known}", index)
    return read(told, index)


def _await(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    within = _seconds(told, "within", index)
    match told["await"]:
        case "greeting":
            return (AwaitGreeting(within),)
        case "hang_up":
            return (AwaitHangUp() if within is None else AwaitHangUp(within),)
    raise Mistake("await", 'is neither "greeting" nor "hang_up"', index)


def _say(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    texts = told["say"] if isinstance(told["say"], list) else [told["say"]]
    if not texts:
        raise Mistake("say", "is an empty list", index)
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise Mistake("say", "is no text, or an empty one", index)
        if len(text) > _LONGEST_TEXT:
            raise Mistake("say", f"is longer than {_LONGEST_TEXT} characters", index)
    reply = told.get("reply", True)
    if not isinstance(reply, bool):
        raise Mistake("reply", "is neither true nor false", index)
    after = _seconds(told, "barge_in_after", index)
    return tuple(Say(text, barge_in_after=after, reply=reply) for text in texts)


def _press(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    keys = told["press"]
    if not isinstance(keys, str) or not keys or not set(keys) <= _KEYPAD:
        raise Mistake("press", "is no text of the keys 0-9, * and #", index)
    if len(keys) > _MOST_KEYS:
        raise Mistake("press", f"more than {_MOST_KEYS} keys", index)
    return (Press(keys),)


def _pause(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    seconds = _seconds(told, "pause", index)
    assert seconds is not None
    return (Pause(seconds),)


def _hang_up(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    how = told["hang_up"]
    if how not in get_args(HangUpHow):
        raise Mistake("hang_up", f"is none of {', '.join(get_args(HangUpHow))}", index)
    return (HangUp(how),)


def _seconds(told: dict[str, Any], key: str, index: int) -> float | None:
    if key not in told:
        return None
    value = told[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mistake(key, "is no number of seconds", index)
    if not 0 <= value <= _LONGEST_WAIT:
        raise Mistake(key, f"{value:g} is not between 0 and {_LONGEST_WAIT:g}", index)
    return float(value)


_Read = Callable[[dict[str, Any], int], tuple[ConversationStep, ...]]
_ACTIONS: dict[str, tuple[_Read, tuple[str, ...]]] = {
    "await": (_await, ("within",)),
    "say": (_say, ("barge_in_after", "reply")),
    "press": (_press, ()),
    "pause": (_pause, ()),
    "hang_up": (_hang_up, ()),
}
