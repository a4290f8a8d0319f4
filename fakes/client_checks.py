"""What can be told of a client from one connection alone; no socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from fakes.client_findings import Limits
from fakes.conduct import FASTEST, LONGEST_FRAME, SHORTEST_FRAME
from fakes.ledger_entries import Attempt

__all__ = ["FAREWELLS", "OF_ONE_CONNECTION"]

_TIMED = ("listen", "agent")
FAREWELLS = {
    "listen": ("CloseStream", "empty audio"),
    "flux": ("CloseStream", "empty audio"),
    "speak": ("Close",),
    "speak_flux": ("Close",),
}

# The code of a finding, when it happened, and what did.
Seen: TypeAlias = Iterator[tuple[str, float, str]]


def _silence(attempt: Attempt, limits: Limits) -> Seen:
    if attempt.surface not in _TIMED:
        return
    conduct = attempt.conduct
    longest, since = conduct.silence, conduct.silence_from
    last = attempt.opened if conduct.last_at is None else conduct.last_at
    if attempt.closed is not None and last is not None:
        final = attempt.closed - last
        if final > longest:
            longest, since = final, last
    # The service closes at the limit, so a client that was closed shows just that.
    if since is not None and longest >= limits.silence:
        what = f"nothing was sent for {longest:.1f} s"
        yield "keepalive_missing", since, what


def _odd(attempt: Attempt, _: Limits) -> Seen:
    keep_alives = attempt.conduct.keep_alives
    if attempt.surface == "flux" and keep_alives:
        what = f"{keep_alives} KeepAlive"
        yield "keepalive_on_flux", attempt.opened or attempt.at, what
    for note in attempt.notes:
        # Other notes are about messages, which the checks below see for themselves.
        if note.startswith(("query:", "callback:")):
            yield "odd_request", attempt.at, note


def _misplaced(attempt: Attempt, _: Limits) -> Seen:
    conduct = attempt.conduct
    if conduct.binary_control_at is not None:
        yield (
            "control_in_binary",
            conduct.binary_control_at,
            f"{conduct.binary_controls} commands came as binary messages",
        )
    if conduct.empty_audio_at is not None:
        yield (
            "empty_audio",
            conduct.empty_audio_at,
            f"{conduct.empty_audio} binary messages without a byte",
        )


def _frames(attempt: Attempt, limits: Limits) -> Seen:
    conduct, rate = attempt.conduct, attempt.bytes_a_second
    allowed = max(1.0, limits.odd_frames * conduct.audio_messages)
    at = attempt.opened or attempt.at
    count = conduct.audio_messages
    if conduct.short_messages > allowed:
        least = (
            f"below {SHORTEST_FRAME * 1000:.0f} ms ({SHORTEST_FRAME * rate:.0f} bytes)"
        )
        yield "frames_too_short", at, f"{conduct.short_messages} of {count} {least}"
    if conduct.long_messages > allowed:
        longest = attempt.longest_message / rate * 1000
        most = f"above {LONGEST_FRAME * 1000:.0f} ms, the longest {longest:.0f} ms"
        yield "frames_too_long", at, f"{conduct.long_messages} of {count} {most}"


def _pace(attempt: Attempt, limits: Limits) -> Seen:
    conduct = attempt.conduct
    if conduct.most_ahead > limits.ahead and conduct.most_ahead_at is not None:
        much = f"{conduct.most_ahead:.1f} s of audio"
        what = f"{much} more than {FASTEST:g} times real time allows"
        yield "faster_than_real_time", conduct.most_ahead_at, what


def _farewell(attempt: Attempt, _: Limits) -> Seen:
    expected = FAREWELLS.get(attempt.surface)
    left = attempt.closed is not None and attempt.closed_by == "client"
    if expected is None or not left or attempt.aborted:
        return
    conduct, at = attempt.conduct, attempt.closed or attempt.at
    if conduct.farewell not in expected:
        how = (
            "dropped the connection"
            if attempt.close_code == 1006
            else f"closed with {attempt.close_code}"
        )
        yield "no_farewell", at, f"{how} without {expected[0]}"


def _unflushed(attempt: Attempt, _: Limits) -> Seen:
    conduct = attempt.conduct
    if (
        conduct.unspoken
        and attempt.closed is not None
        and attempt.closed_by == "client"
    ):
        text = f"{conduct.unspoken} characters were sent and never flushed"
        yield "text_never_flushed", attempt.closed, text


OF_ONE_CONNECTION: tuple[Callable[[Attempt, Limits], Seen], ...] = (
    _silence,
    _odd,
    _misplaced,
    _frames,
    _pace,
    _farewell,
    _unflushed,
)
