"""Which mutants there are."""

from __future__ import annotations

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
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", call_class.__name__).lower()
    address = re.search(r"https://\S+", inspect.getdoc(call_class) or "")
    if address is None:
        raise TypeError(f"mutant {name} must say where its bug was found (https://...)")
    _mutants[name] = Mutant(name, call_class, address.group().rstrip(".,)"))
    return call_class


def registered_mutants() -> dict[str, Mutant]:
    """Return all mutants by name."""
    import conformance.mutants.bugs  # noqa: F401, PLC0415 - registers on import

    return dict(sorted(_mutants.items()))
