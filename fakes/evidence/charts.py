"""Charts as SVG with axes, units and titles; pure, and all text escaped.

Colours are classes, so that the page decides them for light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil
from typing import NamedTuple

from fakes.evidence.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, line, svg, text, ticks

__all__ = ["Dot", "Series", "bars", "dots", "lines"]


class Dot(NamedTuple):
    """A point; ``kind`` is the class of its colour."""

    x: float
    y: float
    kind: str = ""
    title: str = ""


class Series(NamedTuple):
    """One line of a chart; where ``y`` is None it is interrupted."""

    name: str
    kind: str
    points: Sequence[tuple[float, float | None]]


def dots(
    points: Sequence[Dot],
    *,
    name: str,
    x_title: str,
    y_title: str,
    limits: Iterable[tuple[float, str]] = (),
    height: int = 240,
    joined: bool = False,
) -> str:
    """Return points over an axis of time, with limits as dashed lines.

    Joined points are the corners of a line, and not drawn themselves.
    """
    lines = list(limits)
    most_x = max((dot.x for dot in points), default=1.0) or 1.0
    most_y = 1.08 * max([dot.y for dot in points] + [y for y, _ in lines], default=1.0)
    frame = _Frame(most_x, most_y or 1.0, height)
    parts = [*frame.axes(x_title, y_title)]
    parts += _floors(lines, frame)
    if joined:
        corners = " ".join(f"{frame.x(p.x):.1f},{frame.y(p.y):.1f}" for p in points)
        parts.append(f'<polyline class="line" points="{corners}"/>')
        return svg(parts, height, name)
    parts += [
        f'<circle class="dot {escape(dot.kind)}" cx="{frame.x(dot.x):.1f}" '
        f'cy="{frame.y(dot.y):.1f}" r="3"><title>{escape(dot.title)}</title></circle>'
        for dot in points
    ]
    return svg(parts, height, name)


def lines(
    series: Sequence[Series],
    *,
    name: str,
    x_title: str,
    y_title: str,
    limits: Iterable[tuple[float, str]] = (),
    height: int = 180,
) -> str:
    """Return one line for each series over an axis of time, named in a legend."""
    held = list(limits)
    known = [y for one in series for _, y in one.points if y is not None]
    most_x = max((x for one in series for x, _ in one.points), default=1.0)
    frame = _Frame(
        most_x, 1.25 * max([*known, *(y for y, _ in held)], default=1.0), height
    )
    parts = [*frame.axes(x_title, y_title)]
    parts += _floors(held, frame)
    for number, one in enumerate(series):
        parts += [
            f'<polyline class="line {escape(one.kind)}" points="{corners}"/>'
            for corners in _runs(one.points, frame)
        ]
        x = LEFT + 8 + 150 * number
        parts.append(line(f"line {escape(one.kind)}", x, TOP + 2, x + 16, TOP + 2))
        parts.append(text(x + 21, TOP + 6, one.name, "start"))
    return svg(parts, height, name)


def _floors(limits: Iterable[tuple[float, str]], frame: _Frame) -> Iterable[str]:
    """Yield limits as dashed lines; their names side by side, for they may be near."""
    for number, (limit, words) in enumerate(limits):
        y = frame.y(limit)
        yield line("limit", LEFT, y, WIDTH - RIGHT, y)
        yield text(WIDTH - RIGHT - 140 * number, y - 4, words, "end", "limit")


def _runs(points: Sequence[tuple[float, float | None]], frame: _Frame) -> Iterable[str]:
    run: list[str] = []
    for x, y in points:
        if y is not None:
            run.append(f"{frame.x(x):.1f},{frame.y(y):.1f}")
        elif run:
            yield " ".join(run)
            run = []
    if run:
        yield " ".join(run)


def bars(
    counts: Sequence[tuple[float, float, int]],
    *,
    name: str,
    x_title: str,
    y_title: str,
    limits: Iterable[tuple[float, str]] = (),
    height: int = 200,
) -> str:
    """Return a histogram of (from, to, count)."""
    lines = list(limits)
    most_x = max([to for _, to, _ in counts] + [x for x, _ in lines], default=1.0)
    frame = _Frame(most_x * 1.02, max((n for *_, n in counts), default=1) * 1.1, height)
    parts = [*frame.axes(x_title, y_title)]
    for begin, end, count in counts:
        x, y = frame.x(begin), frame.y(count)
        width = max(1.0, frame.x(end) - x - 0.5)
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{frame.floor - y:.1f}"><title>{begin:.0f} to {end:.0f}: {count}'
            "</title></rect>"
        )
    for number, (limit, words) in enumerate(lines):
        x = frame.x(limit)
        parts.append(line("limit", x, TOP, x, frame.floor))
        parts.append(text(x - 4, TOP + 10 + 13 * number, words, "end", "limit"))
    return svg(parts, height, name)


class _Frame:
    def __init__(self, most_x: float, most_y: float, height: int) -> None:
        self._most_x, self._most_y = most_x or 1.0, most_y or 1.0
        self.floor = height - BOTTOM

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(value / self._most_x, 1.0)

    def y(self, value: float) -> float:
        return self.floor - (self.floor - TOP) * min(value / self._most_y, 1.0)

    def axes(self, x_title: str, y_title: str) -> list[str]:
        parts = []
        for tick in ticks(self._most_y, 4):
            y = self.y(tick)
            parts.append(line("grid", LEFT, y, WIDTH - RIGHT, y))
            parts.append(text(LEFT - 6, y + 4, f"{tick:g}", "end"))
        parts += [
            text(self.x(tick), self.floor + 16, f"{tick:g}", "middle")
            for tick in ticks(self._most_x, 8)
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(text(middle, self.floor + 34, x_title, "middle"))
        turned = f'transform="rotate(-90 12 {self.floor / 2:.0f})"'
        parts.append(text(12, ceil(self.floor / 2), y_title, "middle", more=turned))
        return parts
