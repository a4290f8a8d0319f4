"""Answers to questions for names (DNS): known hosts are here, no others exist."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

__all__ = ["Answer", "answer_to"]

_HEAD = struct.Struct(">HHHHHH")
_RESPONSE = 0x8580  # an answer, authoritative, recursion available
_RECURSION_WANTED = 0x0100
_NO_SUCH_NAME, _NOT_IMPLEMENTED = 3, 4
_ADDRESS, _INTERNET = 1, 1
_TTL = 5
_POINTER_TO_QUESTION = 0xC00C


class Answer(NamedTuple):
    """What to send, and what was asked.

    Attributes:
        packet: the answer.
        name: in lower case, without the last dot.
        kind: the record asked for: 1 is A, 28 is AAAA.
        known: whether there is such a host.
    """

    packet: bytes
    name: str
    kind: int
    known: bool


def answer_to(
    packet: bytes, is_known: Callable[[str], bool], address: str
) -> Answer | None:
    """Answer one question.

    Args:
        packet: as it came, of a client that may send anything.
        is_known: whether a host is here.
        address: where it is.

    Returns:
        None for what is no question.
    """
    if len(packet) < _HEAD.size:
        return None
    number, flags, questions, *_ = _HEAD.unpack_from(packet)
    if flags & 0x8000 or questions != 1:
        return None
    labels: list[bytes] = []
    at = _HEAD.size
    while at < len(packet) and (size := packet[at]):
        if size > 63 or at + size >= len(packet):
            return None
        labels.append(packet[at + 1 : at + 1 + size])
        at += 1 + size
    end = at + 5
    if end > len(packet):
        return None
    kind, family = struct.unpack_from(">HH", packet, at + 1)
    name = b".".join(labels).decode("latin-1").lower()
    known = is_known(name)
    record = b""
    code = 0 if known else _NO_SUCH_NAME
    if flags >> 11 & 0xF:
        code = _NOT_IMPLEMENTED
    elif known and (kind, family) == (_ADDRESS, _INTERNET):
        record = struct.pack(
            ">HHHIH4s",
            _POINTER_TO_QUESTION,
            kind,
            family,
            _TTL,
            4,
            IPv4Address(address).packed,
        )
    answers = 1 if record else 0
    head = _HEAD.pack(
        number, _RESPONSE | flags & _RECURSION_WANTED | code, 1, answers, 0, 0
    )
    return Answer(head + packet[_HEAD.size : end] + record, name, kind, known)
