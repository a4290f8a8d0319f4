"""What the engine is told and what it reports: one JSON object a line, both ways."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from fakes.call_record import CallRecord
from fakes.twilio.phone import CallOrder
from voiceutils.errors import WireError

__all__ = [
    "AskHealth",
    "AskLines",
    "Command",
    "Dial",
    "Finished",
    "HangUp",
    "HangUpAll",
    "Health",
    "LinesNow",
    "Note",
    "Quit",
    "Ready",
    "Report",
    "decode_command",
    "decode_report",
    "encode_line",
]


class _Line(msgspec.Struct, frozen=True, tag_field="type"):
    pass


class Dial(_Line, frozen=True, tag="dial"):
    """Place a call; ``id`` comes back with its record."""

    id: int
    order: CallOrder


class HangUp(_Line, frozen=True, tag="hang_up"):
    """End one call, also one not yet dialled; it is reported as usual."""

    id: int


class AskHealth(_Line, frozen=True, tag="ask_health"):
    """Report the :class:`Health` of the engine."""


class AskLines(_Line, frozen=True, tag="ask_lines"):
    """Report the :class:`LinesNow` of the engine."""


class HangUpAll(_Line, frozen=True, tag="hang_up_all"):
    """End every call, those not yet dialled too; each is reported."""


class Quit(_Line, frozen=True, tag="quit"):
    """Hang up all calls, report them, and exit; so does the end of the input."""


class Ready(_Line, frozen=True, tag="ready"):
    """First line: commands are being read."""

    pid: int


class Finished(_Line, frozen=True, tag="finished"):
    """A call is over."""

    id: int
    record: CallRecord


class Note(_Line, frozen=True, tag="note"):
    """Something a person should read, such as a command that made no sense."""

    text: str


class Health(_Line, frozen=True, tag="health"):
    """How well the engine keeps its own time; of all calls since it began.

    Attributes:
        lateness: of every frame of a talking stream against its ideal moment; counts
            of a :class:`voiceutils.budget.LatencyHistogram`.
        frames: media messages on talking streams.
        owed: how many of them came so late that the next was due, too.
        stalls: how often the event loop was busy for more than 20 ms.
        worst_stall: the longest of these, in seconds.
        cpu_seconds: of processor time, since the process began.
        calls_up: how many calls are under way.
        waiting: how many are yet to be dialled.
        compiled: whether its hot path is :mod:`compiled <fakes.engine.compiled>`.
    """

    lateness: dict[str, int]
    frames: int
    owed: int
    stalls: int
    worst_stall: float
    cpu_seconds: float
    calls_up: int
    waiting: int
    compiled: bool = False


class LinesNow(_Line, frozen=True, tag="lines", omit_defaults=True):
    """What is happening on the lines, at this moment.

    Attributes:
        doing: how many callers do what; :data:`fakes.twilio.caller.caller.DOING` or
            ``connecting``.
        longest_wait: seconds for which the most patient of them waits already.
        gaps: turn gaps of turns answered since this was asked last, in seconds; a
            turn that the agent talked over has a negative one.
    """

    doing: dict[str, int] = {}
    longest_wait: float = 0.0
    gaps: list[float] = []


Command: TypeAlias = AskHealth | AskLines | Dial | HangUp | HangUpAll | Quit
Report: TypeAlias = Ready | Finished | Health | LinesNow | Note

_encoder = msgspec.json.Encoder()
_command: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_report: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode_line(message: Command | Report) -> bytes:
    """Return a message as one line, line feed included."""
    return _encoder.encode(message) + b"\n"


def decode_command(line: str | bytes) -> Command:
    """Return a command; raises WireError for anything else."""
    try:
        return _command.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not an engine command ({error})", line) from error


def decode_report(line: str | bytes) -> Report:
    """Return a report; raises WireError for anything else."""
    try:
        return _report.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not an engine report ({error})", line) from error
