"""What the turn machine has done: its commands to whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Answer",
    "Cancel",
    "Clear",
    "Command",
    "Finalize",
    "HangUp",
    "Say",
]


@dataclass(frozen=True)
class Answer:
    """Ask the model; ``Turns.messages()`` is what to ask."""

    turn: int


@dataclass(frozen=True)
class Say:
    """Speak a fixed text."""

    turn: int
    text: str


@dataclass(frozen=True)
class Cancel:
    """Stop making this turn: model, speech and what waits to be sent."""

    turn: int


@dataclass(frozen=True)
class Clear:
    """Tell Twilio to drop what it has not played."""


@dataclass(frozen=True)
class Finalize:
    """Ask the recogniser for what it has."""


@dataclass(frozen=True)
class HangUp:
    """Close the media socket."""


Command: TypeAlias = Answer | Say | Cancel | Clear | Finalize | HangUp
