"""What picows leaves to its listeners: reserved bits, fragments, text, close codes.

A breach of RFC 6455 is raised as :class:`picows.WSProtocolError`; picows then closes
with the code that it carries.
"""

from __future__ import annotations

from typing import SupportsInt, cast

from picows import WSFrame, WSMsgType, WSProtocolError

__all__ = ["Fragments", "check_reserved_bits", "number_of", "text_of"]

_PROTOCOL_ERROR, _BAD_TEXT, _TOO_BIG = 1002, 1007, 1009


def check_reserved_bits(frame: WSFrame) -> None:
    """Refuse a frame of an extension: none is ever negotiated here."""
    if frame.rsv1 or frame.rsv2 or frame.rsv3:
        raise WSProtocolError(_PROTOCOL_ERROR, "Reserved bits are set")


def text_of(payload: bytes) -> str:
    """Return the text of a whole message."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise WSProtocolError(_BAD_TEXT, "The text is not UTF-8") from error


def number_of(code: object) -> int:
    """Return a close code: an int or an IntEnum, whatever is declared."""
    return int(cast(SupportsInt, code))


class Fragments:
    """Puts a message together; true while one has begun and not ended.

    Args:
        largest: bytes of the longest message taken.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._parts: list[bytes] = []
        self._type = WSMsgType.TEXT

    def __bool__(self) -> bool:
        """Whether the rest of a message is awaited."""
        return bool(self._parts)

    def join(self, frame: WSFrame) -> bytes | str | None:
        """Take a frame of text, of bytes or of continuation; return a whole message."""
        kind = frame.msg_type
        if (kind == WSMsgType.CONTINUATION) != bool(self._parts):
            raise WSProtocolError(_PROTOCOL_ERROR, "Fragments out of order")
        if kind != WSMsgType.CONTINUATION:
            self._type = kind
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > self._largest:
            raise WSProtocolError(_TOO_BIG, "The message is too long")
        if not frame.fin:
            return None
        whole, self._parts = b"".join(self._parts), []
        return whole if self._type == WSMsgType.BINARY else text_of(whole)
