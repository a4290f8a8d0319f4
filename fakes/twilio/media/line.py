"""The line that carries one media stream to its agent, over a real WebSocket.

There are two kinds: :mod:`fakes.twilio.media.swift_line` rides on the timer wheel of
all calls and on picows, at a quarter of the cost;
:mod:`fakes.twilio.media.plain_line` is a pair of tasks around ``websockets``. The
environment chooses, as it does for the fake Deepgram: ``BUSYHOUR_SOCKETS=plain`` or
``swift``; by default the swift one, unless picows is missing.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from typing import Protocol, TypeAlias

from fakes.twilio.media.stream_core import Settings, StreamCore
from fakes.twilio.web.dial import Reach
from voiceutils.errors import SettingError

__all__ = ["VARIABLE", "DialLine", "Line", "line_kind"]

VARIABLE = "BUSYHOUR_SOCKETS"
_KINDS = ("", "plain", "swift")


class Line(Protocol):
    """An open socket, and the stream on it."""

    async def run(self) -> None:
        """Open the stream; return when it has ended and the socket is closed."""

    def wake(self) -> None:
        """Look at the stream soon; it was changed from outside."""

    def release(self) -> None:
        """Let go of a socket that is held half open."""


DialLine: TypeAlias = Callable[[str, Reach, StreamCore, Settings], Awaitable[Line]]
"""Opens a media socket as Twilio's client does: no Origin, no extensions, signed over
its own URL. Takes the ``wss://`` address (``ws://`` on this machine), how to get
there, the stream, not yet open, and its knobs. Raises CallFailed, which says why."""


def line_kind() -> DialLine:
    """Return how lines are opened here.

    Raises:
        SettingError: no such kind, or picows is missing and insisted on.
    """
    return _kind(os.environ.get(VARIABLE, ""))


@cache
def _kind(wanted: str) -> DialLine:
    if wanted not in _KINDS:
        raise SettingError(f"{VARIABLE}={wanted}: use swift or plain, or leave it out")
    names = (wanted,) if wanted else ("swift", "plain")
    for name in names:
        try:
            module = import_module(f"fakes.twilio.media.{name}_line")
        except ImportError as error:
            if wanted == "swift":
                raise SettingError(f"{VARIABLE}=swift needs picows: {error}") from error
            continue
        dial: DialLine = module.dial_line
        return dial
    raise SettingError("neither picows nor websockets is installed")
