"""Charts as SVG with axes, units and titles; pure, and all text escaped.

Colours are classes, so that the page decides them for light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil, log10
from typing import NamedTuple

__all__ = ["Dot", "Lane", "Series", "bars", "dots", "lines", "stacked", "ticks"]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 58, 16, 14, 40


class Dot(NamedTuple):
    """A point; ``kind`` is the class of its colour."""

    x: float
    y: float
    kind: str = ""
    title: str = ""


class Lane(NamedTuple):
    """One stacked bar: pieces of a length with class and title each."""

    label: str
    pieces: Sequence[tuple[float, str, str]]
    note: str = ""


class Series(NamedTuple):
    """One line of a chart; where ``y`` is None it is interrupted."""

    name: str
    kind: str
    points: Sequence[tuple[float, float | None]]


def ticks(most: float, count: int = 5) -> list[float]:
    """Return round numbers from 0 up to ``most``, about ``count`` of them."""
    if most <= 0:
        return [0.0]
    raw = most / count
    size = 10 ** int(log10(raw) // 1)
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw)
    return [step * n for n in range(int(most / step + 1e-9) + 1)]


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
    for limit, text in lines:
        y = frame.y(limit)
        parts.append(_line("limit", LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(WIDTH - RIGHT, y - 4, text, "end", "limit"))
    if joined:
        corners = " ".join(f"{frame.x(p.x):.1f},{frame.y(p.y):.1f}" for p in points)
        parts.append(f'<polyline class="line" points="{corners}"/>')
        return _svg(parts, height, name)
    parts += [
        f'<circle class="dot {escape(dot.kind)}" cx="{frame.x(dot.x):.1f}" '
        f'cy="{frame.y(dot.y):.1f}" r="3"><title>{escape(dot.title)}</title></circle>'
        for dot in points
    ]
    return _svg(parts, height, name)


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
    for limit, text in held:
        y = frame.y(limit)
        parts.append(_line("limit", LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(WIDTH - RIGHT, y - 4, text, "end", "limit"))
    for number, one in enumerate(series):
        parts += [
            f'<polyline class="line {escape(one.kind)}" points="{corners}"/>'
            for corners in _runs(one.points, frame)
        ]
        x = LEFT + 8 + 150 * number
        parts.append(_line(f"line {escape(one.kind)}", x, TOP + 2, x + 16, TOP + 2))
        parts.append(_text(x + 21, TOP + 6, one.name, "start"))
    return _svg(parts, height, name)


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
    for limit, text in lines:
        x = frame.x(limit)
        parts.append(_line("limit", x, TOP, x, frame.floor))
        parts.append(_text(x - 4, TOP + 10, text, "end", "limit"))
    return _svg(parts, height, name)


def stacked(lanes: Sequence[Lane], *, name: str, x_title: str) -> str:
    """Return bars of pieces, one lane under the other, on one axis."""
    left, thick, gap = 150, 22, 12
    longest = (
        max((sum(p[0] for p in lane.pieces) for lane in lanes), default=1.0) or 1.0
    )
    height = TOP + len(lanes) * (thick + gap) + BOTTOM
    scale = (WIDTH - left - 120) / longest
    floor = height - BOTTOM
    parts = []
    for tick in ticks(longest):
        x = left + tick * scale
        parts.append(_line("grid", x, TOP, x, floor))
        parts.append(_text(x, floor + 16, f"{tick:g}", "middle"))
    parts.append(_text(left, height - 4, x_title, "start"))
    for row, lane in enumerate(lanes):
        y = TOP + row * (thick + gap)
        parts.append(_text(left - 8, y + 15, lane.label, "end"))
        x = float(left)
        for length, kind, title in lane.pieces:
            width = length * scale
            parts.append(
                f'<rect class="part {escape(kind)}" x="{x:.1f}" y="{y}" '
                f'width="{max(width, 0.0):.1f}" height="{thick}">'
                f"<title>{escape(title)}</title></rect>"
            )
            x += width
        parts.append(_text(x + 6, y + 15, lane.note, "start"))
    return _svg(parts, height, name)


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
            parts.append(_line("grid", LEFT, y, WIDTH - RIGHT, y))
            parts.append(_text(LEFT - 6, y + 4, f"{tick:g}", "end"))
        parts += [
            _text(self.x(tick), self.floor + 16, f"{tick:g}", "middle")
            for tick in ticks(self._most_x, 8)
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(_text(middle, self.floor + 34, x_title, "middle"))
        turned = f'transform="rotate(-90 12 {self.floor / 2:.0f})"'
        parts.append(_text(12, ceil(self.floor / 2), y_title, "middle", more=turned))
        return parts


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" {ends}/>'


def _text(
    x: float, y: float, text: str, anchor: str, kind: str = "", more: str = ""
) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>'
        f"{escape(text)}</text>"
    )


def _svg(parts: Iterable[str], height: int, name: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(name)}">{"".join(parts)}</svg>'
    )
