"""One step of a written conversation: which keys it may have, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from fakes.speech.voices import VOICES
from fakes.toml_file import Mistake
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    HangUp,
    HangUpHow,
    Pause,
    Press,
    Say,
    Sound,
    Voice,
)
from fakes.twilio.caller.sounds import NOISES, SOUNDS

__all__ = ["LEVELS", "LONGEST_SOUND", "read_step"]

_LONGEST_TEXT = 500
_LONGEST_WAIT = 600.0
LONGEST_SOUND = 60.0
"""Seconds."""

LEVELS = {
    "snr": (0.0, 60.0),
    "gain": (-30.0, 30.0),
    "echo": (-60.0, 0.0),
    "delay": (0.0, 1.0),
}
"""Least and most of each level around a caller; decibels, and seconds of delay."""

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
    listen = told.get("listen", False)
    if not isinstance(listen, bool):
        raise Mistake("listen", "is neither true nor false", index)
    if listen and reply:
        raise Mistake(
            "listen", "needs reply = false: a reply is heard out anyway", index
        )
    after = _seconds(told, "barge_in_after", index)
    return tuple(
        Say(text, barge_in_after=after, reply=reply, listen=listen) for text in texts
    )


def _sound(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    name = _one_of(told, "sound", (*SOUNDS, "keys"), index)
    keys = ""
    if name == "keys":
        (step,) = _press({"press": told.get("keys", "")}, index, "keys")
        assert isinstance(step, Press)
        keys = step.digits
    elif "keys" in told:
        raise Mistake("keys", 'only sound = "keys" has them', index)
    seconds = _seconds(told, "seconds", index)
    if seconds is not None and not 0 < seconds <= LONGEST_SOUND:
        raise Mistake("seconds", f"is not above 0 and up to {LONGEST_SOUND:g}", index)
    return (Sound(name, seconds, keys, _seconds(told, "barge_in_after", index)),)


def _around(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    place = told["around"]
    if not isinstance(place, dict):
        raise Mistake("around", "is no table, such as { noise = ... }", index)
    for key in place:
        if key not in ("noise", *LEVELS):
            known = ", ".join(("noise", *LEVELS))
            raise Mistake(key, f"unknown; known of around: {known}", index)
    if "snr" in place and "noise" not in place:
        raise Mistake("snr", "needs a noise", index)
    if "delay" in place and "echo" not in place:
        raise Mistake("delay", "needs an echo", index)
    noise = _one_of(place, "noise", NOISES, index) if "noise" in place else ""
    levels = {
        key: _between(place, key, *limits, index)
        for key, limits in LEVELS.items()
        if key in place
    }
    return (Around(noise, **levels),)


def _voice(told: dict[str, Any], index: int) -> tuple[ConversationStep, ...]:
    _one_of(told, "voice", VOICES, index)
    return (Voice(told["voice"]),)


def _one_of(told: dict[str, Any], key: str, known: tuple[str, ...], index: int) -> str:
    value = told[key]
    if not isinstance(value, str) or value not in known:
        raise Mistake(key, f"is none of {', '.join(known)}", index)
    return value


def _between(
    told: dict[str, Any], key: str, least: float, most: float, index: int
) -> float:
    value = told[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mistake(key, "is no number", index)
    if not least <= value <= most:
        raise Mistake(key, f"{value:g} is not between {least:g} and {most:g}", index)
    return float(value)


def _press(
    told: dict[str, Any], index: int, key: str = "press"
) -> tuple[ConversationStep, ...]:
    keys = told["press"]
    if not isinstance(keys, str) or not keys or not set(keys) <= _KEYPAD:
        raise Mistake(key, "is no text of the keys 0-9, * and #", index)
    if len(keys) > _MOST_KEYS:
        raise Mistake(key, f"more than {_MOST_KEYS} keys", index)
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
    return _between(told, key, 0, _LONGEST_WAIT, index)


_Read = Callable[[dict[str, Any], int], tuple[ConversationStep, ...]]
_ACTIONS: dict[str, tuple[_Read, tuple[str, ...]]] = {
    "await": (_await, ("within",)),
    "say": (_say, ("barge_in_after", "reply", "listen")),
    "sound": (_sound, ("seconds", "keys", "barge_in_after")),
    "around": (_around, ()),
    "voice": (_voice, ()),
    "press": (_press, ()),
    "pause": (_pause, ()),
    "hang_up": (_hang_up, ()),
}
