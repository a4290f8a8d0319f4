"""Which mutants there are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from starlette.types import ASGIApp

import conformance.mutants
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings

__all__ = ["Mutant", "mutant", "registered_mutants"]

C = TypeVar("C", bound=type[AgentCall])


# From the mutant's settings and its application to the application as it is served.
Wrapper = Callable[[AgentSettings, ASGIApp], ASGIApp]


class Mutant(NamedTuple):
    """One bug: its name in addresses and reports, and the agent that has it."""

    name: str
    call_class: type[AgentCall]
    source: str
    wrapper: Wrapper | None = None


_mutants: dict[str, Mutant] = {}


def mutant(call_class: C) -> C:
    """Register a mutant under its class name in snake case.

    A static method ``served(settings, app)`` of the class stands between the network
    and the agent's application, for bugs outside of calls.

    Raises:
        TypeError: no docstring, or none that gives the public address of the bug.
    """
    name = _snake_case(call_class.__name__)
    address = re.search(r"https://\S+", inspect.getdoc(call_class) or "")
    if address is None:
        raise TypeError(f"mutant {name} must say where its bug was found (https://...)")
    wrapper = getattr(call_class, "served", None)
    source = address.group().rstrip(".,)")
    _mutants[name] = Mutant(name, call_class, source, wrapper)
    return call_class


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z]|(?<!\d)\d)", "_", name).lower()


def registered_mutants() -> dict[str, Mutant]:
    """Return all mutants by name."""
    for module in pkgutil.iter_modules(conformance.mutants.__path__):
        if not module.name.startswith(("_", "test_")):
            importlib.import_module(f"conformance.mutants.{module.name}")

    return dict(sorted(_mutants.items()))
