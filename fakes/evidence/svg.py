"""Pieces of SVG that all charts are made of; all text in them is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import log10

__all__ = ["BOTTOM", "LEFT", "RIGHT", "TOP", "WIDTH", "line", "svg", "text", "ticks"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 58, 16, 14, 40


def ticks(most: float, count: int = 5) -> list[float]:
    """Return round numbers from 0 up to ``most``, about ``count`` of them."""
    if most <= 0:
        return [0.0]
    raw = most / count
    size = 10 ** int(log10(raw) // 1)
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw)
    return [step * n for n in range(int(most / step + 1e-9) + 1)]


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a line; ``kind`` is its class."""
    ends = f'x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" {ends}/>'


def text(
    x: float, y: float, words: str, anchor: str, kind: str = "", more: str = ""
) -> str:
    """Return words that start, end or have their middle at a point."""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>'
        f"{escape(words)}</text>"
    )


def svg(parts: Iterable[str], height: int, name: str) -> str:
    """Return a picture with a name for those who do not see it."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(name)}">{"".join(parts)}</svg>'
    )
