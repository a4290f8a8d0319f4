"""Malformed requests over plain HTTP, handshakes included, and their answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["Answer", "JunkRequest", "junk_request", "problem_of"]

_UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
_JSON = (("Content-Type", "application/json"),)
_PHONE = "model=nova-3&encoding=mulaw&sample_rate=8000"


class JunkRequest(NamedTuple):
    """One request.

    Attributes:
        name: what is wrong with it.
        statuses: what the service could answer.
    """

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statuses: frozenset[int]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def junk_request(chance: random.Random) -> JunkRequest:
    """Return a request that no service could like."""
    return chance.choice(_MAKERS)(chance)


def problem_of(request: JunkRequest, answer: Answer) -> str:
    """Return what is wrong with an answer; empty when the service would give it."""
    if answer.status not in request.statuses:
        return f"{request.name}: status {answer.status}, not {set(request.statuses)}"
    try:
        content = json.loads(answer.body)
    except ValueError:
        return f"{request.name}: body is not JSON: {answer.body[:80]!r}"
    legacy = content.get("err_code") and content.get("err_msg")
    if not legacy and not (content.get("category") and content.get("message")):
        return f"{request.name}: body names no error: {answer.body[:80]!r}"
    given = answer.headers.get("dg-request-id")
    if content.get("request_id") != given:
        return f"{request.name}: request_id differs from the header dg-request-id"
    if legacy and answer.headers.get("dg-error") != content["err_msg"]:
        return f"{request.name}: dg-error differs from err_msg"
    return ""


def _word(chance: random.Random) -> str:
    letters = "abc%00XYZ\u00e9\u4e16 \t'\";{}[]<>&?/\\.-_"
    return "".join(chance.choice(letters) for _ in range(chance.randrange(1, 24)))


def _unknown_path(chance: random.Random) -> JunkRequest:
    target = f"/v{chance.randrange(3, 9)}/{quote(_word(chance))}x"
    return JunkRequest("unknown path", "GET", target, (), b"", frozenset({404}))


def _wrong_method(chance: random.Random) -> JunkRequest:
    method = chance.choice(("DELETE", "PUT", "PATCH"))
    target = chance.choice(("/v1/speak", "/v1/listen", "/v1/auth/grant"))
    return JunkRequest(
        f"{method} {target}", method, target, (), b"", frozenset({404, 405})
    )


def _bad_handshake(chance: random.Random) -> JunkRequest:
    target = chance.choice(
        (
            f"/v1/listen?{_PHONE}&endpointing={quote(_word(chance))}banana",
            f"/v1/listen?{_PHONE}&utterance_end_ms={chance.randrange(1000)}",
            f"/v1/listen?{_PHONE}&channels=-{chance.randrange(1, 99)}",
            f"/v1/listen?model=nova-2&keyterm={quote(_word(chance))}x",
            f"/v1/listen?model=flux-general-en&tag={quote(_word(chance))}",
            f"/v1/listen?{_PHONE}&summarize=v2",
            (
                "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000"
                f"&eot_threshold={chance.randrange(2, 99)}"
            ),
            f"/v1/speak?model=aura-2-thalia-en&encoding={quote(_word(chance))}x",
        )
    )
    refused = frozenset({400, 401, 403, 405})
    return JunkRequest("bad handshake", "GET", target, _UPGRADE, b"", refused)


def _bad_speak_query(chance: random.Random) -> JunkRequest:
    rate = chance.choice(("7999", "x", "-1", "1e9", quote(_word(chance)) + "x"))
    target = f"/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate={rate}"
    body = b'{"text":"Hello."}'
    return JunkRequest("bad speak query", "POST", target, _JSON, body, frozenset({400}))


def _bad_speak_body(chance: random.Random) -> JunkRequest:
    body = chance.choice(
        (
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"text":7}',
            b'{"text":"a","url":"b"}',
            b'{"text":""}',
            chance.randbytes(chance.randrange(1, 300)),
            b"[" * chance.randrange(1, 3000),
        )
    )
    return JunkRequest(
        "bad speak body", "POST", "/v1/speak", _JSON, body, frozenset({400, 413})
    )


def _bad_speak_type(chance: random.Random) -> JunkRequest:
    kind = chance.choice(("image/png", "application/xml", "audio/wav"))
    headers = (("Content-Type", kind),)
    return JunkRequest(
        "bad speak type", "POST", "/v1/speak", headers, b"x", frozenset({415})
    )


def _bad_recording(chance: random.Random) -> JunkRequest:
    body = b"RIFF" + chance.randbytes(chance.randrange(0, 600))
    headers = (("Content-Type", "audio/wav"),)
    target = "/v1/listen?model=nova-3"
    return JunkRequest("bad recording", "POST", target, headers, body, frozenset({400}))


def _bad_recording_address(chance: random.Random) -> JunkRequest:
    body = chance.choice((b"{", b"[]", b'{"url":7}', b"{}", b'{"url":"x y"}', b"\xff"))
    target = "/v1/listen?model=nova-3"
    return JunkRequest(
        "bad recording address", "POST", target, _JSON, body, frozenset({400})
    )


def _bad_grant(chance: random.Random) -> JunkRequest:
    body = chance.choice(
        (b"{", b'{"ttl_seconds":0}', b'{"ttl_seconds":"x"}', b'{"ttl_seconds":99999}')
    )
    return JunkRequest(
        "bad grant", "POST", "/v1/auth/grant", _JSON, body, frozenset({400})
    )


_MAKERS: tuple[Callable[[random.Random], JunkRequest], ...] = (
    _unknown_path,
    _wrong_method,
    _bad_handshake,
    _bad_handshake,
    _bad_speak_query,
    _bad_speak_body,
    _bad_speak_type,
    _bad_recording,
    _bad_recording_address,
    _bad_grant,
)
