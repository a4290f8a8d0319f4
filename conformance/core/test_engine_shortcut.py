"""The short way of a media socket, where the agent has left before it was taken."""

from __future__ import annotations

import socket
from typing import Any, cast

from fakes.twilio.caller.caller import Caller
from fakes.twilio.media.shortcut import Shortcut
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.web.webhook import CallLeg


class _Closed:
    """A transport whose socket is closed already."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.close()

    def get_extra_info(self, name: str) -> Any:
        return {"socket": self._socket}.get(name)

    def get_write_buffer_size(self) -> int:
        return 0


async def test_a_socket_that_is_closed_is_left_to_the_long_way() -> None:
    """Which tells of its end; here nothing is read, sent or raised."""
    stream = MediaStream(CallLeg.of(7, "CA" + "0" * 32), Caller((), call=7))
    shortcut = Shortcut(cast("Any", _Closed()), stream)
    shortcut.take()
    assert not shortcut.is_free
    shortcut.leave()
