"""Which mutants there are."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import NamedTuple, TypeVar

from voiceutils.agent.call import AgentCall

__all__ = ["Mutant", "mutant", "registered_mutants"]

C = TypeVar("C", bound=type[AgentCall])


class Mutant(NamedTuple):
    """One bug: its name in addresses and reports, and the agent that has it."""

    name: str
    call_class: type[AgentCall]
    source: str


_mutants: dict[str, Mutant] = {}


def mutant(call_class: C) -> C:
    """Register a mutant under its class name in snake case.

    Raises:
        TypeError: no docstring, or none that gives the public address of the bug.
    """
    name = _snake_case(call_class.__name__)
    address = re.search(r"https://\S+", inspect.getdoc(call_class) or "")
    if address is None:
        raise TypeError(f"mutant {name} must say where its bug was found (https://...)")
    _mutants[name] = Mutant(name, call_class, address.group().rstrip(".,)"))
    return call_class


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z]|(?<!\d)\d)", "_", name).lower()


def registered_mutants() -> dict[str, Mutant]:
    """Return all mutants by name."""
    for module in ("barge_in", "hearing", "providers", "speaking", "turns"):
        importlib.import_module(f"conformance.mutants.{module}")

    return dict(sorted(_mutants.items()))
