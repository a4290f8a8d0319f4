"""Reads reports of ``--report FILE.json``, which may come from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from conformance._case import GRID_CHAPTER
from voiceutils.errors import SettingError

__all__ = ["Case", "Exit", "Report", "badge_of", "decode_report", "read_report"]

VERSION = 1
LARGEST = 64 << 20  # bytes


class _Figure(msgspec.Struct):
    name: str
    value: float
    unit: str


class Case(msgspec.Struct):
    """One case as it ended; see ``conformance/report.schema.json``."""

    number: str
    level: str
    title: str
    because: str
    source: str
    status: str
    seconds: float
    lateness: float
    expected: str = ""
    got: str = ""
    known: str = ""
    trace: list[str] = []
    figures: list[_Figure] = []

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts 2.10 after 2.9, and cells of the grid after their chapter."""
        if "/" in self.number:
            return GRID_CHAPTER, 1000
        return tuple(int(part) for part in self.number.split(".") if part.isdigit())


class Exit(msgspec.Struct):
    """The exit code and what it means."""

    code: int
    meaning: str


class Report(msgspec.Struct):
    """One run of the suite against one agent."""

    version: int
    agent: str
    seed: int
    exit: Exit
    counts: dict[str, int]
    cases: list[Case]
    profile: str = ""
    limits: dict[str, Any] = {}

    @property
    def held_to(self) -> str:
        """The limits in words."""
        seconds = {k: v for k, v in self.limits.items() if isinstance(v, int | float)}
        return ", ".join(f"{name} {value:g} s" for name, value in seconds.items())


def decode_report(content: bytes) -> Report:
    """Return the report of a JSON text; raises msgspec.DecodeError if it is none."""
    return msgspec.json.decode(content, type=Report)


def read_report(path: Path) -> Report:
    """Return a report.

    Raises:
        SettingError: it cannot be read, or is none; the message names the file.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise SettingError(f"{path} is larger than {LARGEST >> 20} MB")
        report = decode_report(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"{path} is no report: {error}") from error
    if report.version > VERSION:
        text = f"{path} has version {report.version}, this reads up to {VERSION}"
        raise SettingError(f"{text}; use a newer busyhour")
    return report


def badge_of(report: Report) -> dict[str, object]:
    """Return the badge, in the form that shields.io reads as an endpoint.

    https://shields.io/badges/endpoint-badge
    """
    counts = report.counts
    passed = counts.get("PASS", 0)
    judged = sum(counts.values()) - counts.get("UNSUPPORTED", 0) - counts.get("INFO", 0)
    colour = {0: "brightgreen", 7: "lightgrey"}.get(report.exit.code, "red")
    if report.exit.code == 0 and passed < judged:
        colour = "yellow"
    return {
        "schemaVersion": 1,
        "label": "busyhour",
        "message": f"{passed} of {judged} cases",
        "color": colour,
    }
