"""How voiceutils writes its log lines: one logger, ASCII, pictures only on request.

Log parsers and terminals may choke on anything else, so the emoji are off until
``log_style.emoji = True``; the setting holds for the whole process.
"""

from __future__ import annotations

import logging

__all__ = ["emoji", "logger", "plain", "sign"]

logger = logging.getLogger("voiceutils")

emoji = False

_PICTURES = {
    "done": "\N{WHITE HEAVY CHECK MARK}",
    "again": "\N{WARNING SIGN}",
    "failed": "\N{CROSS MARK}",
    "model": "\N{HIGH VOLTAGE SIGN}",
    "speech": "\N{MUSICAL NOTE}",
    "total": "\N{BAR CHART}",
}


def sign(meaning: str) -> str:
    """Return the picture for a kind of line with its space, or nothing by default."""
    return f"{_PICTURES[meaning]} " if emoji else ""


def plain(value: object) -> str:
    """Return the text of a value as one line of printable ASCII.

    Others' error texts end up in the log; none of them may break the line.
    """
    text = str(value).encode("ascii", "backslashreplace").decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
