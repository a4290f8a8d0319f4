"""Detours: a host name that stands in a document, and where it really is."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from fakes.loopback import is_loopback
from voiceutils.errors import SettingError

__all__ = ["read_detours"]


def read_detours(asked: Iterable[str], *, allow_remote: bool = False) -> dict[str, str]:
    """Return host -> "IP:PORT" for texts such as ``agent.example=127.0.0.1:8443``.

    Raises:
        SettingError: a text is not of that form, or leads away from this machine
            without that being allowed.
    """
    detours: dict[str, str] = {}
    for text in asked:
        host, _, place = text.strip().partition("=")
        try:
            there = urlsplit(f"//{place}")
            named, port = there.hostname, there.port
        except ValueError:
            named, port = None, None
        if not host or "/" in text or not named or not port:
            form = "HOST=IP:PORT, such as agent.example=127.0.0.1:8443"
            raise SettingError(f"--connect {text}: need {form}")
        if not allow_remote and not is_loopback(named):
            raise SettingError(f"--connect {text} leads outside this machine")
        detours[host.lower()] = place
    return detours
