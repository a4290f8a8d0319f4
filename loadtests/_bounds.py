"""Holds a number to what an option can take."""

from __future__ import annotations

from voiceutils.errors import SettingError

__all__ = ["within"]


def within(flag: str, value: float, least: float, most: float) -> None:
    """Refuse a value out of bounds, not-a-number too; the message names ``flag``."""
    if not least <= value <= most:
        raise SettingError(f"{flag} {value:g} is not between {least:g} and {most:g}")
