"""One call as a page shows it: waveforms, words and pins on one axis of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.evidence.own_figures import Compared, OwnFigures, compare
from fakes.evidence.recordings import LONGEST, PEAKS_A_SECOND, show
from fakes.evidence.trace import CallKept

__all__ = ["LONGEST_TEXT", "CallShown", "Pin", "outcome_of", "pins_of", "show_call"]

_EVENTS = {
    "media": "first media comes",
    "mark": "mark asked for:",
    "played": "mark goes back:",
    "clear": "clear",
    "key": "key pressed:",
}
WIDTH, SIDE, LANE, ROW = 700, 60, 48, 13  # of the axis of time, and left of it
_KINDS = ("phone", "caller", "recogniser", "model", "voice", "agent", "finding")
_FLOOR = 24 + 2 * LANE + 20
HEIGHT = _FLOOR + 8 + ROW * len(_KINDS)
MOST_PINS = 120
LONGEST_TEXT = 240  # characters: a page must stay one, whatever was said


class Pin(NamedTuple):
    """Something that happened: seconds since the call was placed, whose, and what."""

    at: float
    kind: str
    text: str


class CallShown(NamedTuple):
    """One call, ready for the page.

    Attributes:
        starts: seconds since the call was placed at which the recording begins.
        cut: seconds after which it was cut; 0 if it was not.
        own: the agent's own figures beside the wire's.
    """

    kept: CallKept
    title: str
    picture: str
    pins: list[Pin]
    address: str
    starts: float
    cut: float = 0.0
    own: Sequence[Compared] = ()


def outcome_of(record: CallRecord) -> str:
    """Return how a call ended, in words."""
    cut = record.cause == ENDED_BY_TESTER
    return "cut short by the end of the run" if cut else record.outcome


def pins_of(kept: CallKept) -> list[Pin]:
    """Return what happened in a call, in order."""
    pins = sorted(_pins(kept))[:MOST_PINS]
    return [pin._replace(text=pin.text[:LONGEST_TEXT]) for pin in pins]


def show_call(
    kept: CallKept,
    folder: Path,
    longest: float = LONGEST,
    told: OwnFigures | None = None,
) -> CallShown:
    """Return a call for the page, with its recording where there is one.

    Args:
        kept: the call.
        folder: where its recording is.
        longest: seconds of that which fit into the page.
        told: what the agent says of it.
    """
    record = kept.record
    # No path out of the folder, whatever a trace says.
    shown = show(folder / Path(kept.audio).name, longest) if kept.audio else None
    seconds = max(record.duration, 0.1)
    # A recording begins with the answer and ends with the call.
    starts = max(0.0, record.duration - shown.whole) if shown else 0.0
    cut = shown.seconds if shown and shown.seconds < shown.whole else 0.0
    pins = pins_of(kept)
    gaps = [turn.gap for turn in record.turns if turn.gap is not None]
    worst = f"longest turn gap {max(gaps) * 1000:.0f} ms" if gaps else "no turn gap"
    label = f"{kept.label[:LONGEST_TEXT]}, " if kept.label else ""
    title = f"{label}call {record.call}: {outcome_of(record)}, {worst}, {seconds:.1f} s"
    caller = shown.caller if shown else []
    agent = shown.agent if shown else []
    picture = _picture(kept, seconds, pins, (caller, agent), starts)
    address = shown.address if shown else ""
    own = compare(record, kept.evidence, told) if kept.evidence and told else None
    return CallShown(kept, title, picture, pins, address, starts, cut, own or ())


def _pins(kept: CallKept) -> Iterator[Pin]:
    record, evidence = kept.record, kept.evidence
    placed = record.placed_at
    if record.answered_after is not None:
        yield Pin(record.answered_after, "phone", "answered")
        if record.greeting_after is not None:
            at = record.answered_after + record.greeting_after
            yield Pin(at, "agent", "greeting is heard")
    for turn in record.turns:
        if turn.spoke_from is not None:
            yield Pin(turn.spoke_from, "caller", f"says: {turn.said}")
        if turn.spoke_until is not None:
            yield Pin(turn.spoke_until, "caller", "has ended")
        if turn.reply_at is not None:
            yield Pin(turn.reply_at, "agent", f"reply is heard: {turn.heard}")
        if turn.media_at is not None:
            yield Pin(turn.media_at, "phone", f"reply to turn {turn.turn} has come")
    for event in record.events:
        words = _EVENTS.get(event.kind, event.kind)
        yield Pin(event.at, "phone", f"{words} {event.text}".rstrip())
    for finding in record.findings:
        yield Pin(
            max(finding.at - placed, 0.0), "finding", f"{finding.code} {finding.text}"
        )
    for one in evidence.heard.turns if evidence else ():
        if one.final_at is not None:
            yield Pin(one.final_at - placed, "recogniser", f"final: {one.transcript}")
    for fired in evidence.faults if evidence else ():
        if fired.happened_at is not None:
            text = f"fault: {fired.fault} on {fired.surface}"
            yield Pin(fired.happened_at - placed, _kind(fired.surface), text)
    for attempt in evidence.attempts if evidence else ():
        kind = _kind(attempt.surface)
        asked = f": {attempt.said}" if attempt.said else ""
        text = f"{attempt.surface} {attempt.outcome}{asked}"
        yield Pin(attempt.at - placed, kind, text)
        if attempt.first_answer_at is not None and attempt.surface == "chat":
            yield Pin(attempt.first_answer_at - placed, kind, "first token")
        if attempt.closed is not None and attempt.surface in ("listen", "flux"):
            code = attempt.close_code or ""
            yield Pin(
                attempt.closed - placed, kind, f"closed {code} by {attempt.closed_by}"
            )
    for made in evidence.utterances if evidence else ():
        if made.first_audio_at is not None:
            yield Pin(
                made.first_audio_at - placed, "voice", f"first audio: {made.text}"
            )
        if made.last_audio_at is not None:
            how = "cut off" if made.aborted else "last audio"
            yield Pin(made.last_audio_at - placed, "voice", f"{how}: {made.text}")


def _kind(surface: str) -> str:
    names = {"listen": "recogniser", "flux": "recogniser", "chat": "model"}
    return names.get(surface, "voice")


def _picture(
    kept: CallKept,
    seconds: float,
    pins: list[Pin],
    sides: tuple[list[float], list[float]],
    starts: float,
) -> str:
    scale = WIDTH / seconds
    parts = []
    for row, (name, peaks) in enumerate(zip(("caller", "agent"), sides, strict=True)):
        middle = 24 + LANE // 2 + row * (LANE + 16)
        parts.append(
            f'<line class="grid" x1="{SIDE}" x2="{SIDE + WIDTH}" '
            f'y1="{middle}" y2="{middle}"/>'
        )
        if peaks:
            parts.append(_wave(name, peaks, middle, scale, starts))
    for turn in kept.record.turns:
        if turn.spoke_until is None or turn.gap is None or turn.gap <= 0:
            continue
        x, width = SIDE + turn.spoke_until * scale, turn.gap * scale
        parts.append(
            f'<rect class="gap" x="{x:.1f}" y="24" width="{width:.1f}" '
            f'height="{2 * LANE + 16}"><title>turn {turn.turn}: gap of '
            f"{turn.gap * 1000:.0f} ms</title></rect>"
        )
    parts += [
        f'<text class="who" x="0" y="{_row(kind) + 4}">{kind}</text>'
        for kind in _KINDS
        if any(pin.kind == kind for pin in pins)
    ]
    for pin in pins:
        x = SIDE + min(max(pin.at, 0.0) * scale, WIDTH)
        y = _row(pin.kind)
        parts.append(
            f'<g class="pin {pin.kind}" data-at="{pin.at:.3f}" tabindex="0" '
            f'role="button" aria-label="{pin.at:.2f} s {escape(pin.text)}">'
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="{y}"/>'
            f'<circle cx="{x:.1f}" cy="{y}" r="4"/>'
            f"<title>{pin.at:.3f} s {escape(pin.kind)}: {escape(pin.text)}</title></g>"
        )
    parts += [
        f'<text x="{SIDE + second * scale:.1f}" y="14">{second} s</text>'
        for second in range(0, int(seconds) + 1, max(1, int(seconds / 12)))
    ]
    parts.append(
        f'<line class="playhead" x1="{SIDE}" x2="{SIDE}" y1="20" y2="{HEIGHT}"/>'
    )
    return (
        f'<svg class="call" viewBox="0 0 {SIDE + WIDTH + 8} {HEIGHT}" role="group" '
        f'data-scale="{scale:.6f}" data-left="{SIDE}" '
        f'aria-label="waveforms and events">{"".join(parts)}</svg>'
    )


def _row(kind: str) -> int:
    """Return how far down the pins of a kind stand."""
    return _FLOOR + 10 + ROW * _KINDS.index(kind)


def _wave(
    name: str, peaks: list[float], middle: int, scale: float, starts: float
) -> str:
    points = [
        (SIDE + scale * (starts + number / PEAKS_A_SECOND), peak * LANE * 0.55)
        for number, peak in enumerate(peaks)
    ]
    upper = " ".join(f"{x:.1f},{middle - height:.1f}" for x, height in points)
    lower = " ".join(f"{x:.1f},{middle + height:.1f}" for x, height in points[::-1])
    return f'<polygon class="wave {name}" points="{upper} {lower}"/>'
