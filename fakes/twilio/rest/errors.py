"""Refusals of the REST interface, with Twilio's numbers and words.

https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

from typing import Any

from voiceutils.errors import VoiceError

__all__ = ["RestError", "bad_credentials", "not_found", "too_many"]


class RestError(VoiceError):
    """A request that is refused.

    Attributes:
        status: of the HTTP answer.
        code: Twilio's error number.
    """

    def __init__(
        self, status: int, code: int, message: str, *, detail: str = ""
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Return the JSON object that goes over the wire."""
        body: dict[str, Any] = {"code": self.code}
        if self.detail:
            body["detail"] = self.detail
        body["message"] = str(self)
        body["more_info"] = f"https://www.twilio.com/docs/errors/{self.code}"
        body["status"] = self.status
        return body


def not_found(path: str) -> RestError:
    """Return the refusal of a path that leads nowhere."""
    return RestError(404, 20404, f"The requested resource {path} was not found")


def too_many() -> RestError:
    """Return the refusal of one request too many."""
    return RestError(429, 20429, "Too Many Requests")


def bad_credentials(message: str) -> RestError:
    """Return the refusal of whoever is not known."""
    detail = "Your AccountSid or AuthToken was incorrect."
    return RestError(401, 20003, message, detail=detail)
