"""A network that is a dictionary: servers and clients of one loop, no socket at all.

What runs on it is what runs in production: aiohttp serves, httpx and websockets call,
and all of them believe in their transports. Only time is virtual, and nothing gets lost
or late unless a fault does it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar
from unittest import mock

from conformance.core._virtual_loop import VirtualLoop

__all__ = ["VirtualNetwork", "run_on_a_virtual_network"]

T = TypeVar("T")
_Address: TypeAlias = tuple[str, int]
_HIGH_WATER = 65536  # bytes unread by the other side, from which a writer shall wait
_FIRST_PORT = 49152


class _Socket:
    """What libraries ask a socket for: names, and options that change nothing here."""

    family = socket.AF_INET

    def __init__(
        self, here: _Address, there: _Address = ("", 0), fileno: int = -1
    ) -> None:
        self._here, self._there = here, there
        self._fileno = fileno

    def fileno(self) -> int:
        return self._fileno

    def getsockname(self) -> _Address:
        return self._here

    def getpeername(self) -> _Address:
        return self._there

    def setsockopt(self, *_: object) -> None:
        pass


class _Server:
    def __init__(self, network: VirtualNetwork, host: str, port: int) -> None:
        self._network, self._port = network, port
        self.sockets = [_Socket((host, port))]

    def close(self) -> None:
        self._network.listeners.pop(self._port, None)

    async def wait_closed(self) -> None:
        pass


class _Transport(asyncio.Transport):
    """One end of a connection; ``peer`` is the other one."""

    peer: _Transport

    def __init__(
        self,
        loop: VirtualNetwork,
        protocol: Any,
        here: _Address,
        there: _Address,
    ) -> None:
        sock = _Socket(here, there, loop.idle.fileno())
        super().__init__({"sockname": here, "peername": there, "socket": sock})
        self._loop = loop
        self._protocol = protocol
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reads = True
        self._stream_ends = False  # the peer will write no more
        self._closing = self._lost = self._writer_waits = False

    # --- what its protocol asks for ----------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing or not data:
            return
        peer = self.peer
        peer._unread.append(bytes(data))
        peer._unread_bytes += len(data)
        self._loop.call_soon(peer._read)
        if peer._unread_bytes > _HIGH_WATER and not self._writer_waits:
            self._writer_waits = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.peer._unread_bytes

    def set_write_buffer_limits(self, high: Any = None, low: Any = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.peer._stream_ends = True
        self._loop.call_soon(self.peer._read)

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reads and not self._closing

    def pause_reading(self) -> None:
        self._reads = False

    def resume_reading(self) -> None:
        self._reads = True
        self._loop.call_soon(self._read)

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.write_eof()
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self._closing = True
        self._loop.call_soon(self._lose, None)
        reset = ConnectionResetError("connection reset by peer")
        self._loop.call_soon(self.peer._lose, reset)

    # --- what the other end does -------------------------------------------------

    def _read(self) -> None:
        while self._unread and self._reads and not self._closing:
            data = self._unread.popleft()
            self._unread_bytes -= len(data)
            self._protocol.data_received(data)
        peer = self.peer
        if peer._writer_waits and self._unread_bytes <= _HIGH_WATER // 4:
            peer._writer_waits = False
            if not peer._lost:
                peer._protocol.resume_writing()
        if self._stream_ends and not self._unread and not self._closing and self._reads:
            self._stream_ends = False
            if not self._protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = self._closing = True
            self._unread.clear()
            self._protocol.connection_lost(error)


class VirtualNetwork(VirtualLoop):
    """An event loop with virtual time and a network of its own.

    Attributes:
        listeners: by port, what makes the server's end of a connection.
        idle: a socket on which nothing ever comes, for whoever asks for readability.
    """

    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[int, Callable[[], Any]] = {}
        self._ports = iter(range(_FIRST_PORT, 65536))
        self.idle, self._other_end = socket.socketpair()

    def close(self) -> None:
        """Close the loop and its idle sockets."""
        super().close()
        self.idle.close()
        self._other_end.close()

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], host: Any, port: int, **_: Any
    ) -> _Server:
        """Listen; port 0 takes the next free one."""
        port = port or next(self._ports)
        self.listeners[port] = protocol_factory
        return _Server(self, str(host), port)

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        """Connect to whoever listens on the port, whatever the host."""
        listener = self.listeners.get(int(port))
        if listener is None:
            raise ConnectionRefusedError(f"nobody listens on {host}:{port}")
        here, there = (str(host), next(self._ports)), (str(host), int(port))
        client = _Transport(self, protocol_factory(), here, there)
        server = _Transport(self, listener(), there, here)
        client.peer, server.peer = server, client
        for end in (server, client):
            end._protocol.connection_made(end)
        return client, client._protocol


@contextmanager
def _clocks_of(loop: VirtualLoop) -> Iterator[None]:
    """Let this thread's monotonic clock be the loop's; other threads keep theirs."""
    real, thread = time.monotonic, threading.get_ident()

    def monotonic() -> float:
        return loop.time() if threading.get_ident() == thread else real()

    with mock.patch("time.monotonic", monotonic):
        yield


def run_on_a_virtual_network(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a network of its own."""
    with asyncio.Runner(loop_factory=VirtualNetwork) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with _clocks_of(loop):
            return runner.run(main())
