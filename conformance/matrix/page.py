"""The matrix as one HTML file: cases down, agents across, each cell opens."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment
from markupsafe import Markup

from conformance._case import CHAPTERS
from conformance.matrix.reports import Case, Report

__all__ = ["render_matrix"]

# Not by colour alone.
SIGNS = {
    "PASS": "+",
    "FAIL": "x",
    "UNEXPECTED-PASS": "!",
    "ERROR": "E",
    "INVALID": "?",
    "KNOWN-FAILING": "k",
    "NON-STRICT": "~",
    "UNSUPPORTED": "-",
    "INFO": "i",
}


def render_matrix(reports: Sequence[Report]) -> str:
    """Return the page.

    Args:
        reports: one for each agent, in the order of their columns.
    """
    pages = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = pages.from_string(_text("conformance.matrix", "matrix.html.j2"))
    style = _text("fakes.evidence", "page.css")
    style += _text("conformance.matrix", "matrix.css")
    return template.render(
        style=Markup(style),
        reports=reports,
        signs=SIGNS,
        groups=_groups(reports),
        web=_is_web,
    )


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _is_web(address: str) -> bool:
    """Tell whether an address may be a link: a report may hold anything."""
    return urlsplit(address).scheme == "https"


def _groups(
    reports: Sequence[Report],
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return rows by chapter; an agent without the case has None in its cell."""
    known: dict[str, Case] = {}
    cells: list[dict[str, Case]] = []
    for report in reports:
        cells.append({case.number: case for case in report.cases})
        for case in report.cases:
            known.setdefault(case.number, case)
    grouped: dict[str, list[dict[str, Any]]] = {}
    for case in sorted(known.values(), key=lambda case: case.order):
        chapter = case.order[0] if case.order else 0
        title = f"{chapter} {CHAPTERS.get(chapter, '')}".strip()
        row = {"case": case, "cells": [of.get(case.number) for of in cells]}
        grouped.setdefault(title, []).append(row)
    return list(grouped.items())
