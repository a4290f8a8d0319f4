"""Charts made of rows on one axis of time: turns in their parts, attempts in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from fakes.evidence.svg import BOTTOM, TOP, WIDTH, line, svg, text, ticks

__all__ = ["Lane", "Mark", "Span", "Track", "stacked", "tracks"]


class Lane(NamedTuple):
    """One stacked bar: pieces of a length with class and title each."""

    label: str
    pieces: Sequence[tuple[float, str, str]]
    note: str = ""


class Mark(NamedTuple):
    """A moment on a track."""

    x: float
    kind: str
    title: str


class Span(NamedTuple):
    """A stretch of a track in which something may happen."""

    begin: float
    end: float
    title: str


class Track(NamedTuple):
    """Moments in a row, over the stretches in which they were due."""

    label: str
    marks: Sequence[Mark]
    spans: Sequence[Span]
    note: str = ""


def stacked(lanes: Sequence[Lane], *, name: str, x_title: str) -> str:
    """Return bars of pieces, one lane under the other, on one axis."""
    left, thick, gap = 150, 22, 12
    longest = (
        max((sum(p[0] for p in lane.pieces) for lane in lanes), default=1.0) or 1.0
    )
    height = TOP + len(lanes) * (thick + gap) + BOTTOM
    scale = (WIDTH - left - 120) / longest
    parts = [*_axis(ticks(longest), left, scale, height, x_title)]
    for row, lane in enumerate(lanes):
        y = TOP + row * (thick + gap)
        parts.append(text(left - 8, y + 15, lane.label, "end"))
        x = float(left)
        for length, kind, title in lane.pieces:
            width = length * scale
            parts.append(
                f'<rect class="part {escape(kind)}" x="{x:.1f}" y="{y}" '
                f'width="{max(width, 0.0):.1f}" height="{thick}">'
                f"<title>{escape(title)}</title></rect>"
            )
            x += width
        parts.append(text(x + 6, y + 15, lane.note, "start"))
    return svg(parts, height, name)


def tracks(found: Sequence[Track], *, name: str, x_title: str) -> str:
    """Return tracks one under the other, on one axis of time."""
    left, thick, gap = 90, 14, 8
    ends = [mark.x for track in found for mark in track.marks]
    ends += [span.end for track in found for span in track.spans]
    scale = (WIDTH - left - 120) / (max(ends, default=1.0) or 1.0)
    height = TOP + len(found) * (thick + gap) + BOTTOM
    shown = ticks(max(ends, default=1.0), 8)
    parts = [*_axis(shown, left, scale, height, x_title)]
    for row, track in enumerate(found):
        y = TOP + row * (thick + gap)
        parts.append(text(left - 8, y + 11, track.label, "end"))
        parts += [
            f'<rect class="span" x="{left + span.begin * scale:.1f}" y="{y}" '
            f'width="{max((span.end - span.begin) * scale, 2.0):.1f}" '
            f'height="{thick}"><title>{escape(span.title)}</title></rect>'
            for span in track.spans
        ]
        parts += [
            f'<circle class="mark {escape(mark.kind)}" r="4" cy="{y + thick / 2}" '
            f'cx="{left + mark.x * scale:.1f}"><title>{escape(mark.title)}</title>'
            "</circle>"
            for mark in track.marks
        ]
        last = max((mark.x for mark in track.marks), default=0.0)
        parts.append(text(left + last * scale + 12, y + 11, track.note, "start"))
    return svg(parts, height, name)


def _axis(
    shown: Iterable[float], left: int, scale: float, height: int, title: str
) -> Iterator[str]:
    """Yield grid lines with their numbers, and what they count."""
    floor = height - BOTTOM
    for tick in shown:
        x = left + tick * scale
        yield line("grid", x, TOP, x, floor)
        yield text(x, floor + 16, f"{tick:g}", "middle")
    yield text(left, height - 4, title, "start")
