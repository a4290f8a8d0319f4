"""The parameters of a query, read one by one; what is odd about them is noted.

A wrong value is refused, as the service does; what the service or its clients take
lightly (case of booleans, repeated keys, unknown names) is taken, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from fakes.deepgram.errors import Refusal

__all__ = ["INVALID_QUERY", "Pairs", "Parameters", "Refused", "boolean", "refuse"]

Pairs: TypeAlias = Sequence[tuple[str, str]]

INVALID_QUERY = Refusal(400, "Bad Request", "Invalid query string.")
# Names that may stand in a query more than once.
_LISTS = frozenset(
    ("extra", "tag", "keyterm", "keywords", "search", "replace", "redact",
     "language_hint", "custom_topic", "custom_intent", "detect_language")
)  # fmt: skip


class Refused(Exception):  # noqa: N818 - reads as a statement where raised
    """A query that is not taken; never leaves the parsers."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


def refuse(status: int, code: str, message: str) -> NoReturn:
    """Refuse with these words."""
    raise Refused(Refusal(status, code, message))


def boolean(text: str | None) -> bool | None:
    """Return a flag, False when it is not given; None when it is neither.

    Only ``true`` and ``false`` count: Python's ``False`` is refused, which has bitten
    clients (https://github.com/livekit/agents/pull/2237).
    """
    return {None: False, "true": True, "false": False}.get(text)


class Parameters:
    """Reads one query.

    Args:
        pairs: in order, decoded.
        strict_booleans: whether ``True`` is refused rather than noted.
        note: takes what is odd but no reason to refuse.
    """

    def __init__(
        self,
        pairs: Pairs,
        *,
        strict_booleans: bool = False,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._given = dict(reversed(pairs))  # the first of a repeated key
        self._pairs = pairs
        self._strict = strict_booleans
        self.note = note or (lambda _: None)
        names = [name for name, _ in pairs]
        for name in self._given:
            if names.count(name) > 1 and name not in _LISTS:
                self.note(f"query: {name} is given more than once; the first counts")

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str, default: str = "") -> str:
        """Return the first value."""
        return self._given.get(name, default)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeatable parameter, in order."""
        return tuple(value for key, value in self._pairs if key == name)

    def flag(self, name: str) -> bool:
        """Return a boolean; refuses what is none."""
        text = self._given.get(name)
        value = boolean(text)
        if value is None and text is not None and not self._strict:
            value = boolean(text.lower())
            if value is not None:
                self.note(f"query: {name}={text} should be {text.lower()}")
        if value is None:
            raise Refused(INVALID_QUERY)
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number, None when not given; refuses one out of range."""
        text = self._given.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Refused(INVALID_QUERY)
        return int(text)

    def one_of(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        """Return one of the allowed words; refuses others."""
        text = self._given.get(name, default)
        if name in self._given and text not in allowed:
            raise Refused(INVALID_QUERY)
        return text

    def note_unknown(self, known: frozenset[str]) -> None:
        """Note the names that the service does not know and so ignores."""
        for name in self._given:
            if name not in known:
                self.note(f"query: {name} is unknown and ignored")
