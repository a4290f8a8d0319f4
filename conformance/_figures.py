"""What a case has measured, for the report."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Figure"]


class Figure(NamedTuple):
    """One measured value."""

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.name} {self.value:.3g} {self.unit}"
