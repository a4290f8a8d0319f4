"""Who may come in: API keys and the short-lived tokens made from them.

A token is a JSON Web Token that is checked at the handshake only, so a socket outlives
it (https://developers.deepgram.com/guides/fundamentals/token-based-authentication).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from typing import NamedTuple

import msgspec

from fakes.deepgram.errors import Refusal, refusal_for_status
from fakes.deepgram.settings import DeepgramSettings

__all__ = [
    "Credential",
    "admission",
    "credentials_of",
    "grant",
    "issue_token",
    "key_id",
]

LONGEST_TOKEN = 3600  # seconds
_USUAL_TOKEN = 30
_HEADER = {"alg": "HS256", "typ": "JWT"}
_FORBIDDEN = Refusal(403, "FORBIDDEN", "Insufficient permissions.")
_NOT_FOR_TOKENS = Refusal(
    401, "INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions."
)


class Credential(NamedTuple):
    """What a client showed; ``scheme`` is ``token`` or ``bearer``."""

    scheme: str
    secret: str


class _Grant(msgspec.Struct, forbid_unknown_fields=True):
    ttl_seconds: float = _USUAL_TOKEN


def credentials_of(authorization: str, protocols: str) -> list[Credential]:
    """Return the credentials in a header Authorization and in the sub-protocols.

    Args:
        authorization: ``Token KEY`` or ``Bearer TOKEN``; the case does not count.
        protocols: ``token, KEY`` or ``bearer, TOKEN``, as browsers offer it.
    """
    scheme, _, secret = authorization.partition(" ")
    found = [Credential(scheme.lower(), secret.strip())]
    offered, _, rest = protocols.partition(",")
    found += [Credential(offered.strip().lower(), s.strip()) for s in rest.split(",")]
    return [one for one in found if one.secret and one.scheme in ("token", "bearer")]


def admission(
    shown: list[Credential],
    settings: DeepgramSettings,
    wall: float,
    *,
    managing: bool = False,
) -> Refusal | None:
    """Return why a client may not come in, or None.

    Args:
        shown: its credentials; one that is valid is enough.
        settings: which keys there are.
        wall: seconds since 1970.
        managing: whether it comes to manage, for which tokens do not count.
    """
    refused = refusal_for_status(401, "")._replace(code=settings.invalid_key_code)
    if not shown:
        return refused if settings.keys else None
    for credential in shown:
        counts = credential.scheme == "token" or settings.bearer_takes_keys
        if counts and (not settings.keys or credential.secret in settings.keys):
            return None
        if credential.scheme == "bearer" and _token_holds(credential, settings, wall):
            return _NOT_FOR_TOKENS if managing else None
    return refused


def grant(
    body: bytes, shown: list[Credential], settings: DeepgramSettings, wall: float
) -> dict[str, object] | Refusal:
    """Return the answer to ``POST /v1/auth/grant``.

    Args:
        body: empty, ``{}`` or ``{"ttl_seconds": 1...3600}``.
        shown: credentials that were admitted.
        settings: which of them are too weak.
        wall: seconds since 1970.
    """
    if any(one.secret in settings.weak_keys for one in shown):
        return _FORBIDDEN
    try:
        wanted = msgspec.json.decode(body or b"{}", type=_Grant)
    except (msgspec.DecodeError, UnicodeError) as error:
        return Refusal(
            400,
            "INVALID_JSON",
            "Invalid JSON submitted.",
            details=f"Json deserialize error: {error}",
        )
    seconds = wanted.ttl_seconds
    if not 1 <= seconds <= LONGEST_TOKEN:
        text = f"Invalid 'ttl_seconds' value of '{seconds:g}'."
        return Refusal(400, "Bad Request", text)
    token = issue_token(settings, seconds, wall)
    return {"access_token": token, "expires_in": int(seconds)}


def issue_token(settings: DeepgramSettings, seconds: float, wall: float) -> str:
    """Return a token that holds for so many seconds from ``wall`` on."""
    claims = {"sub": settings.project_id, "iat": wall, "exp": wall + seconds}
    signed = ".".join(_encode(json.dumps(part).encode()) for part in (_HEADER, claims))
    return f"{signed}.{_signature(signed, settings)}"


def _token_holds(
    credential: Credential, settings: DeepgramSettings, wall: float
) -> bool:
    parts = credential.secret.split(".")
    if len(parts) != 3:
        return False
    signed = ".".join(parts[:2])
    if not hmac.compare_digest(
        _signature(signed, settings).encode(), parts[2].encode()
    ):
        # Somebody else's token: as good as any key when every key is.
        return not settings.keys
    try:
        claims = json.loads(_decode(parts[1]))
        return bool(wall < float(claims["exp"]))
    except (ValueError, KeyError, TypeError):
        return False


def key_id(secret: str) -> str:
    """Return the public identifier of a key, as ``dg-token`` shows it."""
    digest = hashlib.sha256(secret.encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


def _signature(signed: str, settings: DeepgramSettings) -> str:
    secret = settings.token_secret.encode()
    return _encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
