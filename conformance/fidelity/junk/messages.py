"""Malformed messages on open sockets, broken frames, and how each connection ends."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

__all__ = ["SURFACES", "Surface", "broken_frame", "broken_request", "junk_message"]

_PHONE = "model=nova-3&encoding=mulaw&sample_rate=8000"


class Surface(NamedTuple):
    """How a surface takes junk.

    Attributes:
        target: where it is opened.
        greets: whether it says something at the opening.
        complaint: type of the message that answers text junk; empty when the close
            frame alone does.
        codes: how the connection may end after it.
        survives: whether it goes on, until the client closes the stream.
    """

    target: str
    greets: bool
    complaint: str
    codes: frozenset[int]
    survives: bool = False


SURFACES = {
    "listen": Surface(
        f"/v1/listen?{_PHONE}", False, "Error", frozenset({1000}), survives=True
    ),
    "flux": Surface(
        "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000",
        True,
        "Error",
        frozenset({1005}),
    ),
    "speak": Surface(
        "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000",
        True,
        "",
        frozenset({1008}),
    ),
    "speak_flux": Surface(
        "/v2/speak?model=flux-thalia-en&encoding=mulaw&sample_rate=8000",
        True,
        "Error",
        frozenset({1003, 1005, 1008, 1011}),
    ),
    "agent": Surface(
        "/v1/agent/converse", True, "Error", frozenset({1000, 1005, 1008, 1011})
    ),
}


def junk_message(chance: random.Random) -> str:
    """Return text that is no message of any surface."""
    return chance.choice(
        (
            "",
            "{",
            "[]",
            "null",
            '"KeepAlive"',
            '{"type":7}',
            '{"type":"' + "x" * chance.randrange(1, 2000) + '"}',
            json.dumps({"kind": "KeepAlive"}),
            json.dumps({"type": chance.choice(("Hello", "keepalive", "close"))}),
            "[" * chance.randrange(1, 2000),
            "\u00e9\u4e16" * chance.randrange(1, 200),
        )
    )


def broken_frame(chance: random.Random) -> bytes:
    """Return bytes that break RFC 6455 after a good handshake."""
    mask = chance.randbytes(4)
    return chance.choice(
        (
            b"\x81\x05Hello",  # not masked
            b"\xc1\x85" + mask + b"Hello",  # a reserved bit
            b"\x83\x80" + mask,  # a reserved opcode
            b"\x09\x80" + mask,  # a fragmented ping
            b"\x89\xfe\x01\x00" + mask + b"x" * 256,  # a ping of 256 bytes
            b"\x80\x80" + mask,  # a continuation of nothing
            b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + mask,  # 2**63 - 1 bytes
            b"\x88\x81" + mask + b"x",  # a close frame of one byte
        )
    )


def broken_request(chance: random.Random) -> bytes:
    """Return bytes that are not HTTP."""
    return chance.choice(
        (
            chance.randbytes(chance.randrange(1, 400)) + b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /v1/speak HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
            (
                b"POST /v1/speak HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                b"Content-Length: 6\r\n\r\nHello!"
            ),
            (
                b"POST /v1/speak HTTP/1.1\r\nHost: x\r\n"
                b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
            ),
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
            (
                b"GET /v1/listen HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 7\r\n\r\n"
            ),
        )
    )
