"""How figures are written in the table."""

from __future__ import annotations

__all__ = ["milliseconds", "number"]


def number(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}".replace(",", " ")


def milliseconds(seconds: float | None) -> str:
    """Seconds as milliseconds with one decimal; a dash for what was not measured."""
    return "-" if seconds is None else f"{seconds * 1000:.1f}"
