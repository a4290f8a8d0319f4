"""The index of cases in ``conformance/README.md``, made from their docstrings.

``python -m conformance.index`` writes it; a test tells when it is stale.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

import conformance.agent
from conformance._case import CHAPTERS, Case, registered

__all__ = ["all_cases", "index", "page"]

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- index: begin (python -m conformance.index) -->"
END = "<!-- index: end -->"


def all_cases() -> list[Case]:
    """Import every chapter and return its cases in order."""
    for module in pkgutil.iter_modules(conformance.agent.__path__):
        if module.name.startswith("test_"):
            importlib.import_module(f"{conformance.agent.__name__}.{module.name}")
    return registered()


def index(cases: Iterable[Case]) -> str:
    """Return the cases as Markdown, one entry each."""
    lines: list[str] = []
    chapter = 0
    for case in cases:
        if case.chapter != chapter:
            chapter = case.chapter
            lines += [f"### {chapter} {CHAPTERS[chapter]}", ""]
        mutants = ", ".join(f"`{name}`" for name in case.mutants) or "none"
        lines += [
            f"**{case.number}** {case.level} · {case.title}",
            "",
            f"* Do: {case.do}",
            f"* Expect: {case.expect}",
            f"* Because: {case.because} ([source]({case.source}))",
            f"* Mutants that it fails: {mutants}",
        ]
        if case.needs:
            lines.append(f"* Needs: {', '.join(case.needs)}")
        lines.append("")
    return "\n".join(lines)


def page(current: str, cases: Iterable[Case]) -> str:
    """Return the README with its index renewed; the prose around it stays."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{index(cases)}\n{END}{after}"
