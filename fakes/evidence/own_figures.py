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
from fakes.evidence.call_evidence import CallEvidence
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

    None when there are not as many sets as answered turns: which set is whose can then
    only be guessed.
    """
    turns = [turn for turn in record.turns if turn.gap is not None and turn.gap >= 0]
    if len(turns) != len(told.turns):
        return None
    found: list[Compared] = []
    for turn, own in zip(turns, told.turns, strict=True):
        _, _, asked, token, wanted, audio, _ = moments_of(turn, record, evidence)
        found += _pair(
            turn.turn, "first token", own.llm_time_to_first_token_ms, asked, token
        )
        found += _pair(
            turn.turn, "first audio", own.tts_time_to_first_byte_ms, wanted, audio
        )
    return found


def _pair(
    turn: int, name: str, said: float | None, begin: float | None, end: float | None
) -> Iterable[Compared]:
    if said is not None and begin is not None and end is not None:
        yield Compared(turn, name, said / 1000, end - begin)
