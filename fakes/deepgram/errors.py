"""Refusals: statuses, bodies and headers as the live service words them.

Bodies are compact JSON with the keys ``err_code``, ``err_msg``, ``request_id`` in this
order; the text stands in the header ``dg-error`` too
(https://developers.deepgram.com/docs/errors).
"""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = [
    "EXPOSED",
    "NO_ACCESS_TO_MODEL",
    "NO_ANSWER",
    "NO_INPUT",
    "NO_SUCH_MODEL",
    "UNDECODABLE",
    "Refusal",
    "refusal_for_status",
]

EXPOSED = "dg-model-name,dg-model-uuid,dg-char-count,dg-request-id,dg-error"


# Reasons of close frames: the service's own sentences, the last one excepted, which
# is not published. Clients match on the addresses in them.
NO_INPUT = (
    "Deepgram did not receive audio data or a text message within the timeout window. "
    "See https://dpgr.am/net0001"
)
NO_ANSWER = (
    "Deepgram did not provide a response message within the timeout window. "
    "See https://dpgr.am/net0000"
)
UNDECODABLE = "The payload cannot be decoded as audio. See https://dpgr.am/data0000"


class Refusal(NamedTuple):
    """An answer other than success.

    Attributes:
        code_key: ``err_code``, or ``error_code`` for one documented status.
        retry_after: seconds, for the header Retry-After.
        details: makes the body one of the newer shape: category, message, details.
    """

    status: int
    code: str
    message: str
    code_key: str = "err_code"
    retry_after: float | None = None
    details: str = ""

    @property
    def shown(self) -> str:
        """The message as a header can carry it: what is not ASCII is escaped."""
        return "".join(
            sign if " " <= sign <= "~" else sign.encode("unicode_escape").decode()
            for sign in self.message
        )

    def body(self, request_id: str) -> bytes:
        """Return the JSON body."""
        old = {self.code_key: self.code, "err_msg": self.shown}
        new = {"category": self.code, "message": self.shown, "details": self.details}
        content = {**(new if self.details else old), "request_id": request_id}
        return json.dumps(content, separators=(",", ":")).encode()

    def headers(self, request_id: str) -> dict[str, str]:
        """Return the headers that go with the body."""
        headers = {
            "content-type": "application/json",
            "dg-error": self.shown,
            "dg-request-id": request_id,
        }
        if self.retry_after is not None:
            headers["retry-after"] = f"{self.retry_after:g}"
        return headers


NO_SUCH_MODEL = Refusal(
    400, "Bad Request", "Bad Request: No such model/language/tier combination found."
)
NO_ACCESS_TO_MODEL = Refusal(
    403,
    "INSUFFICIENT_PERMISSIONS",
    "Project does not have access to the requested model.",
)

_TRY_LATER = "Please try again later"
_LISTEN = {
    402: Refusal(
        402,
        "ASR_PAYMENT_REQUIRED",
        "Project does not have enough credits for an ASR request and does not have an "
        "overage agreement.",
    ),
    429: Refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
}
_SPEAK = {
    413: Refusal(413, "PAYLOAD_TOO_LARGE", "Payload size exceeds limit of 2 MB."),
    429: Refusal(429, "Too Many Requests", "Please try again later."),
}
_ANY = {
    400: Refusal(400, "Bad Request", "Invalid query string."),
    401: Refusal(401, "INVALID_AUTH", "Invalid credentials."),
    402: Refusal(402, "PAYMENT_REQUIRED", "Project does not have enough credits."),
    403: NO_ACCESS_TO_MODEL,
    404: Refusal(404, "NOT_FOUND", "Not found."),
    405: Refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed."),
    408: Refusal(408, "SLOW_UPLOAD", "Request timed out."),
    500: Refusal(500, "INTERNAL_SERVER_ERROR", "Internal server error."),
    503: Refusal(503, "Service Unavailable", _TRY_LATER, "error_code"),
    504: Refusal(504, "GATEWAY_TIMEOUT", "Gateway timeout."),
}


def refusal_for_status(
    status: int,
    surface: str,
    *,
    retry_after: float | None = None,
    unavailable_key: str = "error_code",
) -> Refusal:
    """Return the refusal that the service would word for a status on a surface.

    Bodies of 405, 408, 500 and 504 are not published; these are in the same style.
    """
    special = _LISTEN if surface in ("listen", "listen_rest", "flux") else _SPEAK
    known = special.get(status) or _ANY.get(status)
    refusal = known or Refusal(status, f"HTTP_{status}", f"Refused with {status}.")
    if status == 503:
        refusal = refusal._replace(code_key=unavailable_key)
    return refusal._replace(retry_after=retry_after)
