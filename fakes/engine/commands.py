"""What the engine is told and what it reports: one JSON object a line, both ways."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from fakes.call_record import CallRecord
from fakes.twilio.phone import CallOrder
from voiceutils.errors import WireError

__all__ = [
    "Command",
    "Dial",
    "Finished",
    "HangUpAll",
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


Command: TypeAlias = Dial | HangUpAll | Quit
Report: TypeAlias = Ready | Finished | Note

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
