"""The list of cases that an agent is known to fail: ``--known-failing FILE``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from voiceutils.errors import SettingError

__all__ = ["read_known_failing"]


def read_known_failing(path: Path, numbers: Collection[str]) -> dict[str, str]:
    """Return the reasons by case number.

    A line is a number and, after a space, the reason; ``#`` begins a comment.

    Args:
        path: the file.
        numbers: of the cases there are.

    Raises:
        SettingError: a line makes no sense; the message names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"--known-failing {path}: {error}") from error
    reasons: dict[str, str] = {}
    for place, line in enumerate(lines, 1):
        number, _, reason = line.partition("#")[0].strip().partition(" ")
        if not number:
            continue
        where = f"{path}:{place}"
        if number not in numbers:
            raise SettingError(f"{where}: there is no case {number[:40]!r}")
        if number in reasons:
            raise SettingError(f"{where}: case {number} stands there twice")
        if not reason.strip():
            raise SettingError(f"{where}: say why case {number} is known to fail")
        reasons[number] = reason.strip()
    return reasons
