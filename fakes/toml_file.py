"""A person's file of TOML: read whole, its mistakes told with file, line and key.

A file has keys of its own and one list of tables, such as a conversation's steps.
TOML readers do not tell on which line a key stands; :class:`Lines` does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from voiceutils.errors import SettingError

__all__ = ["Lines", "Mistake", "read_toml", "toml_text"]

LARGEST_FILE = 1 << 16  # bytes

T = TypeVar("T")

# A comment, a string of any of the four kinds, a bracket or a line's end.
_TOKEN = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'|[\[\]{}\n]",
    re.DOTALL,
)


class Mistake(Exception):  # noqa: N818 - a person's, not a program's
    """What is wrong with one key of a file.

    Attributes:
        item: in which table of the list, from 0; None for the file itself.
    """

    def __init__(self, key: str, text: str, item: int | None = None) -> None:
        super().__init__(key, text, item)
        self.key = key
        self.text = text
        self.item = item


def toml_text(path: Path, what: str) -> str:
    """Return what a file says; raises SettingError, which calls it ``what``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingError(f"{what} {path}: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise SettingError(f"{what} {path}: longer than {LARGEST_FILE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingError(f"{path}:{line}: not UTF-8") from None


def read_toml(
    text: str, source: str, items: str, check: Callable[[dict[str, Any]], T]
) -> T:
    """Return what ``check`` makes of a file.

    Args:
        text: the whole file.
        source: names it in messages.
        items: the key of its list of tables, in the plural.
        check: may raise Mistake.

    Raises:
        SettingError: ``SOURCE:LINE: KEY: what is wrong``.
    """
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line, said = _place_of(str(error), text)
        raise SettingError(f"{source}:{line}: not TOML: {said}") from None
    try:
        return check(told)
    except Mistake as mistake:
        line = Lines(text, items).of(mistake.item, mistake.key)
        where = f"{source}:{line}: "
        if mistake.item is not None:
            where += f"{items.removesuffix('s')} {mistake.item + 1}: "
        raise SettingError(f"{where}{mistake.key}: {mistake.text}") from None


def _place_of(said: str, text: str) -> tuple[int, str]:
    """Split ``... (at line 3, column 5)`` into line and words."""
    words, _, place = said.partition(" (at ")
    number = place.removeprefix("line ").split(",")[0]
    if number.isdigit():
        return int(number), words
    return max(1, text.count("\n")), words


class Lines:
    """The lines of a file that has been read without error.

    Args:
        text: the whole file.
        items: the key of its list of tables, which may be in either of TOML's forms.
    """

    def __init__(self, text: str, items: str) -> None:
        self._text = text
        self._name = items
        header = re.compile(rf"^[ \t]*\[\[[ \t]*{items}[ \t]*\]\]", re.MULTILINE)
        self._items = [found.start() for found in header.finditer(text)]
        opened = re.search(rf"^[ \t]*{items}[ \t]*=[ \t]*\[", text, re.MULTILINE)
        if not self._items and opened:
            self._items = _items(text, opened.end())

    def of(self, item: int | None, key: str) -> int:
        """Return the line of a key, from 1: in that table, or outside of all."""
        if item is None:
            begin, end = 0, len(self._text)
        elif item < len(self._items):
            begin = self._items[item]
            further = self._items[item + 1 : item + 2]
            end = further[0] if further else len(self._text)
        else:
            return self._line(self._position(self._name, 0, len(self._text)) or 0)
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
