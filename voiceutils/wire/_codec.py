"""How typed messages become text and back; the same for every wire."""

from __future__ import annotations

import struct
from typing import Any, Generic, TypeVar

import msgspec

from voiceutils.errors import WireError

T = TypeVar("T")

# All that the decoder raises for input: bad syntax or values, bad UTF-8 or lone
# surrogates, nesting without end.
UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)

_encoder = msgspec.json.Encoder()


class Unknown(msgspec.Struct, frozen=True):
    """A well-formed message of a kind that this version does not know."""

    kind: str
    raw: str


def encode(message: msgspec.Struct) -> str:
    """Return a message as compact JSON text, keys in the order of the wire."""
    return _encoder.encode(message).decode()


class Codec(Generic[T]):
    """Decodes one direction of one wire: a union of structs told apart by a tag.

    Args:
        union: the ``A | B | ...`` of tagged structs.
        tag_field: the key whose value names the kind of a message.
    """

    def __init__(self, union: Any, tag_field: str) -> None:
        self._decoder = msgspec.json.Decoder(union)
        self._tag_field = tag_field
        self._kinds = {member.__struct_config__.tag for member in union.__args__}

    def decode(self, text: str | bytes) -> T | Unknown:
        """Return the message.

        Raises:
            WireError: not a JSON object, no tag, or a known kind with bad fields.
        """
        try:
            message: T = self._decoder.decode(text)
        except msgspec.ValidationError as error:
            return self._unknown_or_raise(text, error)
        except UNREADABLE as error:
            raise WireError(f"not JSON ({error})", text) from error
        return message

    def _unknown_or_raise(self, text: str | bytes, error: Exception) -> Unknown:
        # The typed decoder stops at the tag, so the rest may still be anything.
        try:
            loose = msgspec.json.decode(text)
        except UNREADABLE as problem:
            raise WireError(f"not JSON ({problem})", text) from problem
        kind = loose.get(self._tag_field) if isinstance(loose, dict) else None
        if isinstance(kind, str) and kind not in self._kinds:
            raw = text if isinstance(text, str) else text.decode()
            return Unknown(kind, raw)
        raise WireError(f"bad message ({error})", text) from error


def f32(value: float) -> float:
    """Return the value as a service that computes in 32-bit floats prints it.

    Deepgram's times show it: 6.3499994, not 6.35. The result is the double whose
    shortest decimal is the shortest decimal of the nearest 32-bit float.
    """
    packed = struct.pack("f", value)
    (nearest,) = struct.unpack("f", packed)
    for digits in range(6, 9):
        short = float(f"{nearest:.{digits}g}")
        if struct.pack("f", short) == packed:
            return short
    return float(f"{nearest:.9g}")
