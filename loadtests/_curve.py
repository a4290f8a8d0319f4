"""The capacity as a table of text and as a picture (SVG, written by hand)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil

from loadtests._capacity import CapacityStep, Search
from loadtests._cells import milliseconds
from voiceutils.budget import Budget

__all__ = ["draw_curve", "render_steps"]

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
COLOURS = {"OK": "#2a7d4f", "MISSED": "#b3362b", "INVALID": "#8a8a8a"}
MARKS = 5


def render_steps(search: Search) -> str:
    """One line a step, in the order of the phones; the knee is marked."""
    head = (
        f"{'calls':>7}  {'':<8}{'gap p50':>8}{'gap p95':>9}{'n':>6}{'dry':>7}"
        f"{'late p99':>10}  {'cores: generator':<17}{'fakes':>6}{'agent':>6}"
    )
    lines = [head]
    for step in sorted(search.steps, key=lambda step: step.phones):
        knee = "> " if step.word == "OK" and step.phones == search.knee else "  "
        lines.append(
            f"{knee}{step.phones:>5}  {step.word:<8}{_whole(step.gap_p50):>8}"
            f"{_whole(step.gap_p95):>9}{step.turns:>6}{100 * step.underruns:>6.1f}%"
            f"{milliseconds(step.lateness_p99):>10}  {_generator(step):<17}"
            f"{step.fakes:>6.2f}{step.agent:>6.2f}"
        )
    lines.append("milliseconds; dry: utterances with a hole; > marks the knee")
    return "\n".join(lines)


def _whole(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f}"


def _generator(step: CapacityStep) -> str:
    whole = step.generator + step.fakes + step.agent
    share = f" ({100 * step.generator / whole:.0f} %)" if whole else ""
    return f"{step.generator:.2f}{share}"


def draw_curve(search: Search, budgets: Sequence[Budget]) -> str:
    """The p95 of the turn gap over the calls, its budget, and the knee, as SVG."""
    measured = [step for step in search.steps if step.gap_p95 is not None]
    measured.sort(key=lambda step: step.phones)
    limits = [
        budget.limit_seconds
        for budget in budgets
        if (budget.name, budget.percentile) == ("turn_gap", 95.0)
    ]
    tallest = max([step.gap_p95 or 0.0 for step in measured] + limits, default=1.0)
    axes = _Axes(max([step.phones for step in search.steps], default=1), tallest * 1.1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'{head} font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 24, escape(search.finding), 'font-size="15"'),
        *axes.drawn(),
    ]
    for limit in limits:
        y = axes.y(limit)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, COLOURS["MISSED"], dashed=True))
        text = f"budget {limit * 1000:.0f} ms"
        parts.append(_text(WIDTH - RIGHT, y - 5, text, 'text-anchor="end"'))
    if search.knee:
        x = axes.x(search.knee)
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM, COLOURS["OK"], dashed=True))
        parts.append(_text(x + 5, TOP + 12, f"knee: {search.knee} calls"))
    believed = [step for step in measured if step.word != "INVALID"]
    points = " ".join(
        f"{axes.x(step.phones):.1f},{axes.y(step.gap_p95 or 0.0):.1f}"
        for step in believed
    )
    parts.append(f'<polyline points="{points}" fill="none" stroke="#444"/>')
    parts += [_dot(axes, step) for step in measured]
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axes:
    def __init__(self, phones: int, seconds: float) -> None:
        self._phones = max(phones, 1)
        self._seconds = seconds or 1.0

    def x(self, phones: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * phones / self._phones

    def y(self, seconds: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / self._seconds

    def drawn(self) -> list[str]:
        floor = HEIGHT - BOTTOM
        parts = [
            _line(LEFT, floor, WIDTH - RIGHT, floor, "#444"),
            _line(LEFT, TOP, LEFT, floor, "#444"),
            _text(LEFT, HEIGHT - 12, "calls at once"),
            _text(8, TOP - 10, "turn gap p95, ms"),
        ]
        every = max(1, ceil(self._phones / MARKS))
        for phones in range(0, self._phones + 1, every):
            middle = 'text-anchor="middle"'
            parts.append(_text(self.x(phones), floor + 18, str(phones), middle))
        for mark in range(MARKS + 1):
            seconds = self._seconds * mark / MARKS
            y = self.y(seconds)
            text = f"{seconds * 1000:.0f}"
            parts.append(_text(LEFT - 6, y + 4, text, 'text-anchor="end"'))
        return parts


def _dot(axes: _Axes, step: CapacityStep) -> str:
    x, y = axes.x(step.phones), axes.y(step.gap_p95 or 0.0)
    title = escape(f"{step.phones} calls {step.word}: {'; '.join(step.reasons)}")
    colour = COLOURS.get(step.word, "black")
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}">'
        f"<title>{title}</title></circle>"
    )


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{text}</text>'


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False
) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}"{dash}/>'
    )
