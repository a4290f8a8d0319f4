"""On which line of a conversation's file a key stands; TOML readers do not tell."""

from __future__ import annotations

import re

__all__ = ["Lines"]

# A comment, a string of any of the four kinds, a bracket or a line's end.
_TOKEN = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'|[\[\]{}\n]",
    re.DOTALL,
)
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*steps[ \t]*\]\]", re.MULTILINE)
_LIST = re.compile(r"^[ \t]*steps[ \t]*=[ \t]*\[", re.MULTILINE)


class Lines:
    """The lines of a file that has been read without error.

    Args:
        text: the whole file; its steps are a list of tables in either of TOML's forms.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._steps = [found.start() for found in _HEADER.finditer(text)]
        if not self._steps and (opened := _LIST.search(text)):
            self._steps = _items(text, opened.end())

    def of(self, step: int | None, key: str) -> int:
        """Return the line of a key, from 1: in that step, or outside of all."""
        if step is None:
            begin, end = 0, len(self._text)
        elif step < len(self._steps):
            begin = self._steps[step]
            further = self._steps[step + 1 : step + 2]
            end = further[0] if further else len(self._text)
        else:
            return self._line(self._position("steps", 0, len(self._text)) or 0)
        found = self._position(key, begin, end)
        return self._line(begin if found is None else found)

    def _position(self, key: str, begin: int, end: int) -> int | None:
        quoted = re.escape(key)
        pattern = re.compile(rf"(?:^|[{{,\s])[\"']?({quoted})[\"']?[ \t]*=")
        found = pattern.search(self._text, begin, end)
        return None if found is None else found.start(1)

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


def _items(text: str, begin: int) -> list[int]:
    """Return where each item of the list begins whose bracket ends at ``begin``."""
    items: list[int] = []
    depth = 1
    for token in _TOKEN.finditer(text, begin):
        kind = token[0][0]
        if depth == 1 and kind in "{\"'[":
            items.append(token.start())
        depth += (kind in "{[") - (kind in "}]")
        if depth == 0:
            break
    return items
