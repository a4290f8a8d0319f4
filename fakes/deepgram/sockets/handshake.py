"""The opening handshake of a WebSocket: who may in, and with which headers.

The names of the headers are those of a captured reply of the live service; compression
is never negotiated, though clients offer it (RFC 6455, section 4.2).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from email.utils import formatdate

from fakes.deepgram.errors import EXPOSED, Refusal

__all__ = ["fault_of_request", "reply_headers"]

_SUBPROTOCOLS = ("token", "bearer")
_VARY = "origin, access-control-request-method, access-control-request-headers"


def fault_of_request(headers: Mapping[str, str]) -> Refusal | None:
    """Return the answer to a request that is no WebSocket handshake, else None."""
    problem = _problem(headers)
    return Refusal(400, "Bad Request", problem) if problem else None


def _problem(headers: Mapping[str, str]) -> str | None:
    connection = headers.get("connection", "").lower()
    if "upgrade" not in [token.strip() for token in connection.split(",")]:
        return "The header Connection lacks Upgrade."
    if headers.get("sec-websocket-version") != "13":
        return "Only version 13 of the WebSocket protocol is spoken."
    key = headers.get("sec-websocket-key", "")
    try:
        valid = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        valid = False
    return None if valid else "Sec-WebSocket-Key is not 16 bytes in base64."


def reply_headers(headers: Mapping[str, str], request_id: str) -> dict[str, str]:
    """Return what the reply carries beside what the WebSocket protocol demands."""
    reply = {
        "vary": _VARY,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": EXPOSED,
        "dg-request-id": request_id,
        "date": formatdate(usegmt=True),
    }
    offered = headers.get("sec-websocket-protocol", "").split(",")
    chosen = [name.strip() for name in offered if name.strip() in _SUBPROTOCOLS]
    if chosen:
        reply["sec-websocket-protocol"] = chosen[0]
    if headers.get("origin"):
        reply["access-control-allow-origin"] = headers["origin"]
    return reply
