"""The comparison as Markdown, and what is promised of it."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["COMPILED", "calls_a_core", "judged", "table", "title"]

Figures: TypeAlias = dict[str, float]

BARE_SHARE = 0.65  # of what C does
FULL_SHARE = 0.5
USERS = 8.0  # times what a gevent user does
LATE_MS = 5.0
OWED = 1.0  # percent of the frames: with more, so many calls are not held
GROWTH = 1.3  # CPU of a call among many, by that of a call among few
CALL_BYTES = 40_000
SET_UP_SECONDS = 5.0

COMPILED = "compiled "  # what the names of our compiled senders begin with
_NAMES = {
    "C": "C, epoll, frames built before",
    "bare": "ours, frames only",
    "full": "ours, whole callers",
    "gevent": "gevent + websocket-client",
    "few": "ours, whole callers",
    "many": "ours, whole callers",
    "most": "ours, whole callers",
}


def title(name: str) -> str:
    """Return what a sender is called in the table."""
    plain = name.removeprefix(COMPILED)
    return _NAMES[plain] + (", compiled" if plain != name else "")


def calls_a_core(figures: Figures) -> float:
    """Return how many calls one core carries at this price; 0.0 when not measured."""
    return 1e6 / figures["us"] if figures.get("us") else 0.0


def table(found: dict[str, Figures]) -> str:
    """Return the medians, a line for each sender."""
    rows = [
        "| sender | calls | CPU us a call-second | calls a core | late p50 / p99 ms |",
        "|---|---|---|---|---|",
    ]
    for name, figures in found.items():
        if not figures:
            rows.append(f"| {title(name)} | not measured | | | |")
            continue
        late = " / ".join(f"{1000 * figures.get(key, 0):.2f}" for key in ("p50", "p99"))
        rows.append(
            f"| {title(name)} | {figures['calls']:.0f} | {figures['us']:.0f} "
            f"| {calls_a_core(figures):.0f} | {late} |"
        )
    return "\n".join(rows)


def judged(found: dict[str, Figures]) -> tuple[list[str], bool]:
    """Return each promise as a line, and whether all are kept.

    Those of ours are judged by the compiled ones, if they were measured.
    """
    kind = COMPILED if f"{COMPILED}full" in found else ""
    whole, few, many = (found.get(kind + name, {}) for name in ("full", "few", "many"))
    limit, bare = (calls_a_core(found.get(name, {})) for name in ("C", f"{kind}bare"))
    set_up = found.get(f"{kind}most", {}).get("set_up")
    users, full = calls_a_core(found.get("gevent", {})), calls_a_core(whole)
    checks: list[tuple[str, float | None, float, bool]] = [
        ("bare, of C", _ratio(bare, limit), BARE_SHARE, True),
        ("whole, of C", _ratio(full, limit), FULL_SHARE, True),
        ("whole, times a gevent user", _ratio(full, users), USERS, True),
        ("whole, late p99 ms", _ms(whole), LATE_MS, False),
        ("percent of frames owed, of 800", _owed(many), OWED, False),
        (
            "CPU a call, 800 by 100",
            _ratio(many.get("us", 0.0), few.get("us", 0.0)),
            GROWTH,
            False,
        ),
        ("bytes for each call more, 100 to 800", _slope(few, many), CALL_BYTES, False),
        ("s to set up 1000 calls", set_up, SET_UP_SECONDS, False),
    ]
    lines, met = (
        [f"Ours are judged {kind or 'as pure Python'}".rstrip() + ":", ""],
        True,
    )
    for name, value, bar, at_least in checks:
        sign = ">=" if at_least else "<="
        if value is None:
            lines.append(f"- {name}: not measured ({sign} {bar:g})")
            met = False
            continue
        kept = value >= bar if at_least else value <= bar
        met = met and kept
        lines.append(
            f"- {name}: {value:.4g} ({sign} {bar:g}) {'kept' if kept else 'MISSED'}"
        )
    return lines, met


def _ratio(value: float, by: float) -> float | None:
    return value / by if value and by else None


def _owed(figures: Figures) -> float | None:
    """Return the percentage of frames that came when the next one was due, too."""
    frames = figures.get("frames")
    return 100 * figures["owed"] / frames if frames and "owed" in figures else None


def _slope(few: Figures, many: Figures) -> float | None:
    """Return the bytes that a call takes, without what the first one brings along."""
    if "bytes_a_call" not in few or "bytes_a_call" not in many:
        return None
    more = many["calls"] - few["calls"]
    gained = [x["calls"] * x["bytes_a_call"] for x in (few, many)]
    return (gained[1] - gained[0]) / more if more else None


def _ms(figures: Figures) -> float | None:
    return 1000 * figures["p99"] if "p99" in figures else None
