"""The short way of a media socket, beside the long one and where the agent has left."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.engine.bare_socket import BareSocket
from fakes.engine.wheel import wheel_here
from fakes.twilio.caller.caller import Caller
from fakes.twilio.media.shortcut import Shortcut
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.media.swift_line import SwiftLine
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
    shortcut = Shortcut(cast("Any", _Closed()), _stream(), _nothing)
    shortcut.socket.take()
    assert not shortcut.socket.is_free
    shortcut.socket.leave()


class _Transport:
    """An event loop's transport: what the socket does not take it keeps, in order."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.kept = bytearray()
        self.ponged = b""
        self.reads = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> Any:
        return {"socket": self._end}.get(name)

    def get_write_buffer_size(self) -> int:
        return len(self.kept)

    def write(self, data: bytes) -> None:
        self.kept += data
        self.pump()

    def pump(self) -> None:
        """Send what there is room for, as the loop does when it is told so."""
        with suppress(BlockingIOError):
            while self.kept:
                del self.kept[: self._end.send(self.kept)]

    # --- picows, as far as bytes are handed on to it -------------------------------

    def get_protocol(self) -> _Transport:
        return self

    def get_buffer(self, hint: int) -> bytearray:
        return bytearray(64)

    def buffer_updated(self, size: int) -> None:
        """Answer a ping."""
        self.write(self.ponged)


def _full_socket() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


def _read(end: socket.socket, most: int) -> bytes:
    with suppress(BlockingIOError):
        return end.recv(most)
    return b""


def _head(size: int) -> bytes:
    return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4)


# About as much is read as is sent, three messages at a time, and seldom is it pumped
# before more is sent.
_STEPS = (*["frame", "mark", "pong", "reads"] * 4, "pumps")
_READ = 1200  # bytes
CLOSE = b"\x88\x02\x03\xe8"  # 1000


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_STEPS), min_size=20, max_size=80))
def test_the_two_ways_never_overtake_each_other(steps: list[str]) -> None:
    """However little the agent reads: frames, marks and pongs come whole, in order."""

    async def play() -> None:
        ours, theirs = _full_socket()
        with ours, theirs:
            transport = _Transport(ours)
            line, shortcut = _line_over(transport)
            said, heard = b"", b""
            for number, what in enumerate(steps):
                text = f"{number:04}" * 90
                match what:
                    case "reads":
                        heard += _read(theirs, _READ)
                    case "pumps":
                        transport.pump()
                    case "frame" if shortcut.socket.is_free:
                        shortcut.send(text)
                        said += _head(len(text)) + text.encode()
                    case "frame" | "mark":
                        line.send_long(text)
                        said += text.encode()
                    case "pong":
                        transport.ponged = text.encode()
                        shortcut.socket.hand_on(memoryview(b"ping"))
                        said += transport.ponged
            transport.pump()
            while part := _read(theirs, 1 << 16):
                heard += part
                transport.pump()
        assert heard == said

    asyncio.run(play())


class _Picows:
    """Sends by the transport under it, without a head."""

    def __init__(self, under: _Transport) -> None:
        self.underlying_transport = under

    def send(self, kind: object, text: str) -> None:
        self.underlying_transport.write(text.encode())


def _stream() -> MediaStream:
    return MediaStream(CallLeg.of(7, "CA" + "0" * 32), Caller((), call=7))


def _line_over(transport: _Transport) -> tuple[SwiftLine, Shortcut]:
    stream = _stream()
    line = SwiftLine(stream)
    line._transport = cast("Any", _Picows(transport))
    line._shortcut = Shortcut(cast("Any", transport), stream, line.take_text)
    return line, line._shortcut


async def test_a_socket_that_breaks_as_it_is_left_takes_no_other_with_it() -> None:
    """What is still to be sent finds it broken; the others are read as before."""
    heard: list[bytes] = []
    broken, agent = socket.socketpair()
    other, its_agent = socket.socketpair()
    with broken, agent, other, its_agent:
        ends = []
        for end in (broken, other):
            end.setblocking(False)
            ends.append(BareSocket(cast("Any", _Transport(end)), _into(heard), _never))
            ends[-1].take()
        agent.close()
        ends[0].post(b"a frame")
        ends[0].leave()
        assert ends[0].is_broken
        its_agent.sendall(b"still here")
        wheel_here().before_turns()
    assert heard == [b"still here"]


def _into(heard: list[bytes]) -> Callable[[bytes, float], int]:
    def arrived(data: bytes, at: float) -> int:
        heard.append(data)
        return len(data)

    return arrived


def _never(at: float) -> None:
    raise AssertionError("nothing was written")


async def test_what_was_said_before_a_reset_is_read_before_it_is_told() -> None:
    """A frame that finds the socket broken is not worth losing the agent's close."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours:
        ours.setblocking(False)
        transport = _Transport(ours)
        line, shortcut = _line_over(transport)
        shortcut.socket.take()
        shortcut.socket.behind = False
        theirs.sendall(CLOSE)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        for _ in range(2):  # to two beats, of which the first may find out
            shortcut.post("frame")
            shortcut.socket.flush()
        line.send_long("a frame that was owed")
        assert (transport.reads, bytes(transport.kept)) == (True, b"")
        assert ours.recv(100) == CLOSE


def _nothing(_: bytes) -> None:
    pass
