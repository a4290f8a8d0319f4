"""Keys that the caller presses, put together to numbers; pure."""

from __future__ import annotations

__all__ = ["MOST_KEYS", "Keypad"]

MOST_KEYS = 40  # the longest account number has 34


class Keypad:
    """Collects one number after another; ``#`` ends one, and so does a pause."""

    def __init__(self) -> None:
        self._keys = ""

    def press(self, key: str) -> bool:
        """Take a key; tell whether it ends the number."""
        if key != "#" and len(self._keys) < MOST_KEYS:
            self._keys += key
        return key == "#"

    def take(self) -> str:
        """Return the number and forget it; empty when there is none."""
        keys, self._keys = self._keys, ""
        return keys
