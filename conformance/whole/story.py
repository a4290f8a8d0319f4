"""A whole call as data: what the caller does, and what befalls the providers.

Its file is a conversation as :mod:`fakes.twilio.caller.conversation_file` reads it,
with a few keys more::

    about = "the caller hears old audio after it began to speak"
    agent = "mutant sends_no_clear"
    call = 4729
    seed = 7
    impairment = "mobile"
    shows = ["talked-over"]
    steps = [
      { await = "greeting" },
      { say = "Hello." },
    ]
    [faults]
    listen = [{ type = "Nothing" }, { type = "Refuse", status = 503 }]

The n-th attempt of the call on a surface meets the n-th fault.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fakes.fault_rules import Rule, check_rule
from fakes.faults import Fault
from fakes.twilio.caller.conversation_file import parse_conversation
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
from fakes.twilio.media.impairments import profile
from voiceutils.errors import SettingError

__all__ = ["REFERENCE", "Story", "parse_story", "read_story", "written"]

REFERENCE = "reference"
_FURTHER = ("agent", "call", "seed", "impairment", "shows", "faults")


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        steps: what the caller does.
        faults: for each surface what its attempts meet, in order.
        agent: ``reference``, ``mutant NAME``, or in words whoever it was.
        call: the caller's number.
        seed: decides what is left to chance: jitter of the path, the stream's sid.
        impairment: name of the path's profile; empty for a perfect one.
        shows: codes of the complaints that the call gave when it was saved.
        about: what happened, in one line.
    """

    steps: tuple[ConversationStep, ...]
    faults: Mapping[str, tuple[Fault, ...]] = msgspec.field(default_factory=dict)
    agent: str = REFERENCE
    call: int = 4729
    seed: int = 0
    impairment: str = ""
    shows: tuple[str, ...] = ()
    about: str = ""

    @property
    def hangs_up(self) -> HangUpHow:
        """How the caller leaves."""
        last = self.steps[-1] if self.steps else None
        return last.how if isinstance(last, HangUp) else "stop"

    @property
    def size(self) -> int:
        """How many things happen in it; a smaller story is easier to read."""
        faults = sum(len(dealt) for dealt in self.faults.values())
        return len(self.steps) + faults + bool(self.impairment)


def read_story(path: Path) -> Story:
    """Read a file; raises SettingError with file, line and key of a mistake."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise SettingError(f"story {path}: {why}") from None
    return parse_story(text, str(path))


def parse_story(text: str, source: str = "story") -> Story:
    """Read a story from the text of its file; raises SettingError likewise."""
    conversation = parse_conversation(text, source, further=_FURTHER)
    told = tomllib.loads(text)
    try:
        story = Story(
            steps=conversation.script(_number(told, "call", 4729)),
            faults=_faults(told.get("faults", {})),
            agent=_text(told, "agent", REFERENCE),
            call=_number(told, "call", 4729),
            seed=_number(told, "seed", 0),
            impairment=_text(told, "impairment", ""),
            shows=tuple(msgspec.convert(told.get("shows", []), list[str])),
            about=conversation.about,
        )
        if story.impairment:
            profile(story.impairment)
    except (SettingError, msgspec.ValidationError) as error:
        raise SettingError(f"{source}: {error}") from None
    return story


def _number(told: Mapping[str, Any], key: str, default: int) -> int:
    value = told.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**24:
        raise SettingError(f"{key}: is no whole number from 0 to {2**24 - 1}")
    return value


def _text(told: Mapping[str, Any], key: str, default: str) -> str:
    value = told.get(key, default)
    if not isinstance(value, str):
        raise SettingError(f"{key}: is no text")
    return value


def _faults(told: Any) -> dict[str, tuple[Fault, ...]]:
    if not isinstance(told, dict):
        raise SettingError("faults: is no table of lists, one for each surface")
    faults: dict[str, tuple[Fault, ...]] = {}
    for surface, dealt in told.items():
        rule = Rule(surface=surface, faults=msgspec.convert(dealt, tuple[Fault, ...]))
        faults[surface] = check_rule(rule).faults
    return faults


# --- writing ----------------------------------------------------------------------


def written(story: Story) -> str:
    """Return the text of the story's file; :func:`parse_story` reads it back."""
    lines = [f"about = {_value(story.about)}"] if story.about else []
    lines += [f"agent = {_value(story.agent)}", f"call = {story.call}"]
    lines.append(f"seed = {story.seed}")
    if story.impairment:
        lines.append(f"impairment = {_value(story.impairment)}")
    if story.shows:
        lines.append(f"shows = {_value(list(story.shows))}")
    lines.append("steps = [")
    lines += [f"  {_value(_step(step))}," for step in story.steps]
    lines.append("]")
    if story.faults:
        lines += ["", "[faults]"]
    for surface, dealt in story.faults.items():
        lines.append(f"{surface} = {_value([_fault(fault) for fault in dealt])}")
    return "\n".join(lines) + "\n"


def _step(step: ConversationStep) -> dict[str, Any]:
    match step:
        case AwaitGreeting(within=within):
            return _given({"await": "greeting", "within": within})
        case Say(text=text, barge_in_after=after, reply=reply):
            told = {"say": text, "barge_in_after": after}
            return _given(told | ({} if reply else {"reply": False}))
        case Press(digits=digits):
            return {"press": digits}
        case Pause(seconds=seconds):
            return {"pause": seconds}
        case AwaitHangUp(within=within):
            return {"await": "hang_up", "within": within}
        case HangUp(how=how):
            return {"hang_up": how}


def _fault(fault: Fault) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(fault)
    usual: dict[str, Any] = {}
    for field in msgspec.structs.fields(type(fault)):
        usual[field.name] = field.default
    changed = {k: v for k, v in told.items() if k == "type" or v != usual.get(k)}
    return _given(changed)


def _given(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not None}


def _value(value: Any) -> str:
    """Return a value in TOML; its basic strings are those of JSON for our texts."""
    if isinstance(value, dict):
        pairs = (f"{key} = {_value(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else repr(value)
