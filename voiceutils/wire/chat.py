"""Chat completions with ``stream: true``: the request and its server-sent events.

The form is that of https://platform.openai.com/docs/api-reference/chat/streaming,
which most model hosts speak. Each event is ``data: <chunk>`` and an empty line; the
last one is ``data: [DONE]``.
"""

from __future__ import annotations

import msgspec

from voiceutils.errors import WireError
from voiceutils.wire._codec import UNREADABLE, encode

__all__ = [
    "DONE",
    "Choice",
    "Chunk",
    "Delta",
    "Message",
    "Request",
    "decode_event",
    "decode_request",
    "encode_event",
]

DONE = "data: [DONE]\n\n"


class Message(msgspec.Struct, frozen=True):
    """One line of the conversation; ``content`` may be parts in others' requests."""

    role: str
    content: str | list[dict[str, object]] | None = None

    @property
    def text(self) -> str:
        """The content as plain text."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked; fields that are not listed here are ignored."""

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    user: str | None = None


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk adds; role comes with the first one."""

    role: str | None = None
    content: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """In practice one a chunk; none in a usage report."""

    index: int
    delta: Delta
    finish_reason: str | None = None


class Chunk(msgspec.Struct, frozen=True):
    """One event of the stream."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    object: str = "chat.completion.chunk"

    @property
    def text(self) -> str:
        """What this chunk adds to the reply."""
        return (self.choices[0].delta.content or "") if self.choices else ""


_request = msgspec.json.Decoder(Request)
_chunk = msgspec.json.Decoder(Chunk)


def decode_request(body: bytes) -> Request:
    """Return a request; raises WireError when it does not fit."""
    try:
        return _request.decode(body)
    except UNREADABLE as error:
        raise WireError(f"bad chat request ({error})", body) from error


def encode_event(chunk: Chunk) -> str:
    """Return a chunk as one server-sent event."""
    return f"data: {encode(chunk)}\n\n"


def decode_event(line: str) -> Chunk | None:
    """Return the chunk of one line of the stream.

    None for ``[DONE]``, comments and empty lines; raises WireError for anything that
    claims to be a chunk and is not.
    """
    if not line.startswith("data:"):
        return None
    data = line[len("data:") :].strip()
    if data == "[DONE]":
        return None
    try:
        return _chunk.decode(data)
    except UNREADABLE as error:
        raise WireError(f"bad chat chunk ({error})", data) from error
