"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from functools import cache

from voiceutils.errors import SettingError

__all__ = ["trusting"]


@cache
def trusting(authority: str) -> ssl.SSLContext:
    """Return a TLS context for the certificates in a file; the public ones for "".

    Raises:
        SettingError: there is no such file, or no certificate in it.
    """
    try:
        return ssl.create_default_context(cafile=authority or None)
    except OSError as error:
        text = f"no certificate of an authority in {authority!r} ({error})"
        raise SettingError(text) from error
