"""Conversations as data: who says what, and when, in a file of TOML.

One file is one conversation::

    about = "Books a table, and changes its mind"
    weight = 2
    steps = [
      { await = "greeting" },
      { say = "I would like to book a table for two." },
      { say = ["No, wait.", "Sorry, for three."], barge_in_after = 0.6 },
      { say = "Mm-hmm.", barge_in_after = 1.0, reply = false, listen = true },
      { around = { noise = "babble", snr = 12, gain = -6, echo = -35, delay = 0.2 } },
      { sound = "cough", barge_in_after = 0.5 },
      { voice = "low" },
      { press = "1234#" },
      { pause = 2.5 },
      { say = "Goodbye.", reply = false },
      { hang_up = "reset" },
    ]

``{number}`` in a text becomes the caller's own number in words; of several texts each
call says one. What the steps do is told by :mod:`fakes.twilio.caller.script`. A mistake
is one line: file, line, key, and what would be right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fakes.speech import Speaker, number_words, speak
from fakes.toml_file import Mistake, read_toml, toml_text
from fakes.twilio.caller.conversation_steps import read_step
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    Say,
    Sound,
    takes_time,
)
from voiceutils.errors import SettingError

__all__ = [
    "WrittenConversation",
    "draw",
    "library",
    "parse_conversation",
    "read_conversation",
    "read_conversations",
]

_LIBRARY = Path(__file__).with_name("conversations")
_STEPS = 200
_KEYS = ("about", "weight", "deadline", "steps")
_NUMBER = "{number}"
_LONGEST_NUMBER = 2**24 - 1


class WrittenConversation(msgspec.Struct, frozen=True):
    """One conversation as its file tells it; travels to workers as JSON.

    Attributes:
        name: the file's name without ending.
        about: what happens, in one line.
        steps: for each step the variants of which a call takes one.
        weight: how often it is had, relative to others; 0 is never.
        deadline: seconds that a call of it may take; None leaves that to the tester.
    """

    name: str
    about: str
    steps: tuple[tuple[ConversationStep, ...], ...]
    weight: float = 1.0
    deadline: float | None = None

    def script(self, call: int, seed: int = 0) -> tuple[ConversationStep, ...]:
        """Return what the caller with this number does; the same for the same seed."""
        chance = random.Random(f"steps:{seed}:{call}")
        taken = (chance.choice(variants) for variants in self.steps)
        return tuple(_with_number(step, call) for step in taken)

    @property
    def barges_in(self) -> bool:
        """Whether the caller may interrupt the agent."""
        steps = (step for variants in self.steps for step in variants)
        return any(
            isinstance(step, Say)
            and step.barge_in_after is not None
            and not step.listen
            for step in steps
        )


def draw(
    mix: Sequence[WrittenConversation], call: int, seed: int = 0
) -> WrittenConversation:
    """Return which conversation a call has, by weight; the same for the same seed."""
    chance = random.Random(f"mix:{seed}:{call}")
    return chance.choices(mix, [written.weight for written in mix])[0]


def library() -> list[WrittenConversation]:
    """Return the conversations that come with the fakes, by name."""
    return [read_conversation(path) for path in sorted(_LIBRARY.glob("*.toml"))]


def read_conversations(wanted: str) -> tuple[WrittenConversation, ...]:
    """Read what a person asks for: ``NAME_OR_FILE[=WEIGHT],...``.

    Args:
        wanted: names of the library, paths of files, or of folders with files; a
            weight after ``=`` takes the place of the file's own.

    Raises:
        SettingError: one is unknown or has a mistake.
    """
    mix: list[WrittenConversation] = []
    for part in filter(None, map(str.strip, wanted.split(","))):
        name, equals, number = part.rpartition("=")
        if not equals:
            mix += _found(part)
            continue
        weight = _weight(part, number)
        for written in _found(name.strip()):
            mix.append(msgspec.structs.replace(written, weight=weight))
    if not mix or not any(written.weight for written in mix):
        raise SettingError(f"conversations {wanted!r}: none has a weight above 0")
    return tuple(mix)


def _weight(part: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 1e6:
        raise SettingError(f"conversation {part!r}: the weight is no number from 0 on")
    return weight


def _found(name: str) -> list[WrittenConversation]:
    path = Path(name)
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise SettingError(f"conversations {name}: no .toml file is in that folder")
        return [read_conversation(file) for file in files]
    if path.suffix == ".toml":
        return [read_conversation(path)]
    shelf = _LIBRARY / f"{name}.toml"
    if name.isidentifier() and shelf.is_file():
        return [read_conversation(shelf)]
    known = ", ".join(sorted(file.stem for file in _LIBRARY.glob("*.toml")))
    raise SettingError(f"conversation {name!r}: no file and none of {known}")


def read_conversation(path: Path) -> WrittenConversation:
    """Read one file; raises SettingError with file, line and key of a mistake."""
    return parse_conversation(toml_text(path, "conversation"), str(path))


def parse_conversation(text: str, source: str) -> WrittenConversation:
    """Read a conversation from the text of its file, which ``source`` names.

    Raises:
        SettingError: ``SOURCE:LINE: KEY: what is wrong``.
    """
    name = Path(source).stem
    return read_toml(text, source, "steps", lambda told: _checked(told, name))


def _checked(told: dict[str, Any], name: str) -> WrittenConversation:
    for key in told:
        if key not in _KEYS:
            raise Mistake(key, f"unknown; known are {', '.join(_KEYS)}")
    about = told.get("about", "")
    if not isinstance(about, str) or "\n" in about:
        raise Mistake("about", "is no text of one line")
    weight = _number(told, "weight", 1.0, 0, 1e6)
    deadline = _number(told, "deadline", None, 1, 3600)
    steps = told.get("steps")
    if not isinstance(steps, list) or not 1 <= len(steps) <= _STEPS:
        raise Mistake("steps", f"is no list of 1 to {_STEPS} steps")
    read = tuple(read_step(index, step) for index, step in enumerate(steps))
    _check_order(steps, read)
    for index, variants in enumerate(read):
        _check_speech(index, variants)
    return WrittenConversation(name, about, read, weight or 0.0, deadline)


def _number(
    told: dict[str, Any], key: str, default: float | None, least: float, most: float
) -> float | None:
    value = told.get(key, default)
    if value is None or key not in told:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mistake(key, "is no number")
    if not least <= value <= most:
        raise Mistake(key, f"{value:g} is not between {least:g} and {most:g}")
    return float(value)


def _check_order(
    told: list[dict[str, Any]], steps: Sequence[tuple[ConversationStep, ...]]
) -> None:
    """Refuse what could never happen where it stands."""
    for index, (step, *_) in enumerate(steps[:-1]):
        if "hang_up" in told[index] or isinstance(step, AwaitHangUp):
            key = "hang_up" if "hang_up" in told[index] else "await"
            raise Mistake(key, "nothing can follow the end of the call", index)
    for index, (step, *_) in enumerate(steps):
        if not isinstance(step, Say | Sound) or step.barge_in_after is None:
            continue
        told_before = (variants[0] for variants in reversed(steps[:index]))
        before = next(filter(takes_time, told_before), None)
        hears = (
            isinstance(before, AwaitGreeting)
            or (isinstance(before, Say) and (before.reply or before.listen))
            or (isinstance(before, Sound) and before.barge_in_after is not None)
        )
        if not hears:
            text = "needs a step before it that hears the agent speak"
            raise Mistake("barge_in_after", text, index)


def _check_speech(index: int, variants: Sequence[ConversationStep]) -> None:
    for step in variants:
        if isinstance(step, Say):
            said = step.text.replace(_NUMBER, number_words(_LONGEST_NUMBER))
            try:
                speak(said, speaker=Speaker.CALLER, call=0)
            except SettingError as error:
                raise Mistake("say", str(error), index) from None


def _with_number(step: ConversationStep, call: int) -> ConversationStep:
    if isinstance(step, Say) and _NUMBER in step.text:
        text = step.text.replace(_NUMBER, number_words(call))
        return msgspec.structs.replace(step, text=text)
    return step
