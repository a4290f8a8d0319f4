"""What the ways in which a request fails are called by Twilio, in one line each."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit, urlunsplit

import httpx

from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.overrides import Overrides, Trouble

__all__ = ["TroubleError", "explained", "reason_of", "shown"]


class TroubleError(Exception):
    """An attempt that failed.

    Attributes:
        trouble: what kind it was, as far as a retry depends on it.
        failure: what the call is told if there is no other attempt.
    """

    def __init__(self, trouble: Trouble | None, failure: CallFailed) -> None:
        self.trouble = trouble
        self.failure = failure
        super().__init__(str(failure))


def reason_of(error: BaseException) -> str:
    """Return one line, without the wrapping of the libraries."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def shown(url: str) -> str:
    """Return an address without credentials: it may be shown and kept."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url[:200]
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=netloc, fragment=""))


def explained(url: str, error: Exception, overrides: Overrides) -> TroubleError:
    """Return what an exception of the HTTP library means to a call."""
    reason, where = reason_of(error), shown(url)
    match error:
        case httpx.ConnectTimeout():
            text = f"unreachable: no connection to {where}"
            return TroubleError("ct", CallFailed("11201", text))
        case httpx.ConnectError():
            return TroubleError("ct", _unreachable(where, reason, error))
        case httpx.TimeoutException():
            seconds = overrides.read_timeout
            text = f"webhook did not answer within {seconds:g} s: {where}"
            return TroubleError("rt", CallFailed("11203", text))
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | ValueError():
            text = f"not a webhook address: {where} ({reason})"
            return TroubleError(None, CallFailed("11100", text))
        case httpx.NetworkError():
            text = f"webhook broke off: {where} ({reason})"
            return TroubleError(None, CallFailed("11205", text))
        case _:
            text = f"webhook broke off: {where} ({reason})"
            return TroubleError(None, CallFailed("11206", text))


# Words of the TLS library, and Twilio's error number for what they mean.
_TLS_TROUBLES = (
    ("ostname mismatch", "11235"),
    ("IP address mismatch", "11235"),
    ("certificate has expired", "11236"),
    ("self-signed", "11237"),
    ("self signed", "11237"),
    ("unable to get", "11237"),
    ("SSL", "11220"),
    ("certificate", "11220"),
)


def _unreachable(where: str, reason: str, error: BaseException) -> CallFailed:
    for words, code in _TLS_TROUBLES:
        if words in reason:
            return CallFailed(code, f"TLS handshake with {where} failed ({reason})")
    root: BaseException | None = error
    while root is not None:
        if isinstance(root, socket.gaierror):
            return CallFailed("11210", f"bad host name: {where} ({reason})")
        if getattr(root, "errno", None) in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return CallFailed("11205", f"unreachable: {where} ({reason})")
        root = root.__cause__ or root.__context__
    return CallFailed("11202", f"unreachable: {where} ({reason})")
