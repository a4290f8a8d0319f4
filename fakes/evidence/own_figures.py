"""What an agent says of its own speed, beside what passed on the wires.

An agent that measures itself answers ``GET /metrics`` beside its voice webhook with
``{"calls": [{"call_sid": "CA...", "turns": [{"llm_time_to_first_token_ms": 210.0,
"tts_time_to_first_byte_ms": 95.0}]}]}``, one set for each turn that was answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec

from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import MODEL, CallEvidence
from fakes.evidence.waterfall import moments_of
from voiceutils.errors import WireError

__all__ = [
    "MATTERS",
    "NAMES",
    "Compared",
    "OwnFigures",
    "TurnTold",
    "compare",
    "metrics_url",
    "read_metrics",
]

MATTERS = 0.1
"""Seconds by which a figure may differ from the wire's: what the way to a provider and
back, and a busy machine, add."""

NAMES = {"first token": "model", "first audio": "voice"}
"""What is compared, by the name of the part of the turn gap, and whose time it is."""

_MOST_CALLS, _MOST_TURNS, _LONGEST_SID = 2000, 200, 64


class TurnTold(msgspec.Struct):
    """One turn as the agent measured it, in milliseconds; None is not told."""

    llm_time_to_first_token_ms: float | None = None
    tts_time_to_first_byte_ms: float | None = None


class OwnFigures(msgspec.Struct, tag_field="type", tag="own", kw_only=True):
    """What an agent says of one call; an entry of a trace. Since version 2."""

    call_sid: str
    turns: list[TurnTold] = []


class Compared(NamedTuple):
    """One figure of one turn, in seconds.

    Attributes:
        name: a key of :data:`NAMES`.
        said: by the agent.
        wire: what the provider saw.
    """

    turn: int
    name: str
    said: float
    wire: float

    @property
    def matters(self) -> bool:
        """Whether a reader would change the wrong thing."""
        return abs(self.said - self.wire) > MATTERS

    def __str__(self) -> str:
        said, wire = self.said * 1000, self.wire * 1000
        text = f"{self.name}: the agent says {said:.0f} ms, the wire {wire:.0f} ms"
        return text + (", which matters" if self.matters else "")


class _CallTold(msgspec.Struct):
    call_sid: str = ""
    turns: list[TurnTold] = []


class _Told(msgspec.Struct):
    calls: list[_CallTold] = []


def metrics_url(agent: str) -> str:
    """Return where an agent tells of itself; "" for one known by its socket only."""
    parts = urlsplit(agent)
    if parts.scheme not in ("http", "https"):
        return ""
    path = parts.path.rpartition("/")[0] + "/metrics"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def read_metrics(body: bytes) -> list[OwnFigures]:
    """Return what an agent says, call by call.

    Raises:
        WireError: it has not the form above.
    """
    try:
        told = msgspec.json.decode(body, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not an agent's metrics ({error})", repr(body[:80])) from error
    return [
        OwnFigures(
            call_sid=call.call_sid[:_LONGEST_SID], turns=call.turns[:_MOST_TURNS]
        )
        for call in told.calls[-_MOST_CALLS:]
        if call.call_sid
    ]


def compare(
    record: CallRecord, evidence: CallEvidence, told: OwnFigures
) -> list[Compared] | None:
    """Return each figure beside the wire's, in order of the turns.

    A set belongs to an answered turn or, where these are not as many (a reply may be
    cut short before it is heard), to a request to the model. None when the sets are as
    many as neither: which is whose could then only be guessed.
    """
    turns = [turn for turn in record.turns if turn.gap is not None and turn.gap >= 0]
    if len(turns) == len(told.turns):
        seen = [(turn.turn, moments_of(turn, record, evidence)[2:6]) for turn in turns]
    else:
        seen = list(enumerate(_by_request(evidence), 1))
    if len(seen) != len(told.turns):
        return None
    found: list[Compared] = []
    for (turn, (asked, token, wanted, audio)), own in zip(
        seen, told.turns, strict=True
    ):
        found += _pair(
            turn, "first token", own.llm_time_to_first_token_ms, asked, token
        )
        found += _pair(
            turn, "first audio", own.tts_time_to_first_byte_ms, wanted, audio
        )
    return found


def _by_request(evidence: CallEvidence) -> list[list[float | None]]:
    """Return for each request to the model when it was asked, answered and spoken."""
    asked = sorted(
        (one for one in evidence.attempts if one.surface == MODEL and one.reply),
        key=lambda one: one.at,
    )
    ends = [one.at for one in asked[1:]] + [float("inf")]
    spoken = sorted(evidence.utterances, key=lambda made: made.requested_at)
    found: list[list[float | None]] = []
    for one, end in zip(asked, ends, strict=True):
        first = next((m for m in spoken if one.at <= m.requested_at < end), None)
        audio = [first.requested_at, first.first_audio_at] if first else [None, None]
        found.append([one.at, one.first_answer_at, *audio])
    return found


def _pair(
    turn: int, name: str, said: float | None, begin: float | None, end: float | None
) -> Iterable[Compared]:
    if said is not None and begin is not None and end is not None:
        yield Compared(turn, name, said / 1000, end - begin)
