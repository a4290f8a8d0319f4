"""The one way in which a call, or a request for a call, fails."""

from __future__ import annotations

from voiceutils.errors import VoiceError

__all__ = ["CallFailed"]


class CallFailed(VoiceError):  # noqa: N818 - reads as a statement where raised
    """The call did not come about, or ended early.

    Attributes:
        code: Twilio's error number, or "0" where it has none.
    """

    def __init__(self, code: str, cause: str) -> None:
        self.code = code
        super().__init__(cause)
