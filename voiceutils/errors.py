"""Every error that voiceutils and the fakes raise on purpose, in one tree.

::

    VoiceError
    +-- SettingError          the user's own setting; the message names the way out
    +-- WireError             a message that does not fit the protocol
    +-- NotConnected          audio or a command for a link that is not open
    +-- DeadlineExceeded      a wait ran out; says what was awaited
    +-- RetriesExhausted      with_retry gave up; chains the last failure
    +-- ProviderError         a provider refused or failed; says whether to try again
"""

from __future__ import annotations

__all__ = [
    "DeadlineExceeded",
    "NotConnected",
    "ProviderError",
    "RetriesExhausted",
    "SettingError",
    "VoiceError",
    "WireError",
]

# 408 and 429 ask to come back later; every other 4xx says that the same request
# will fail the same way.
RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class VoiceError(Exception):
    """Anything raised on purpose by this project."""


class SettingError(VoiceError):
    """A setting that cannot work; the message names the value and the way out."""


class WireError(VoiceError):
    """A message that does not fit the protocol.

    Attributes:
        evidence: the offending message, cut to 200 characters.
    """

    def __init__(self, problem: str, evidence: str | bytes = "") -> None:
        self.evidence = repr(evidence[:200])
        super().__init__(f"{problem}: {self.evidence}" if evidence else problem)


class NotConnected(VoiceError):  # noqa: N818 - reads as a statement where raised
    """The link is not open; connect first."""


class DeadlineExceeded(VoiceError):  # noqa: N818
    """A wait ran out.

    Attributes:
        awaited: what did not come.
        seconds: how long it was waited for.
    """

    def __init__(self, awaited: str, seconds: float) -> None:
        self.awaited = awaited
        self.seconds = seconds
        super().__init__(f"waited {seconds:g} s for {awaited}")


class RetriesExhausted(VoiceError):  # noqa: N818
    """An operation failed on every allowed attempt; ``__cause__`` is the last failure.

    Attributes:
        attempts: how many attempts were made.
    """

    def __init__(self, operation: str, attempts: int, last: BaseException) -> None:
        self.attempts = attempts
        super().__init__(f"{operation} failed after {attempts} attempts: {last}")


class ProviderError(VoiceError):
    """A provider refused or failed.

    Attributes:
        status: HTTP status of the refusal, or None when the link itself failed.
        retryable: whether the same request may succeed later.
        retry_after: seconds the provider asked to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.retryable = status is None or status in RETRYABLE_STATUSES
        self.retry_after = retry_after
        super().__init__(message)
