"""How a fault reaches a real connection; shared by the drivers."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from fakes.faults import (
    Close,
    Delay,
    Fault,
    HalfOpen,
    Momentary,
    Mute,
    Reset,
    Stage,
    Stall,
)
from fakes.ledger import Attempt, FaultFired, Ledger
from fakes.moments import Fuse

__all__ = ["Door", "reset_connection"]

_HELD_OPEN = 3600.0  # how long a stalled answer is held for a client that waits
_HALF_A_HEAD = b"HTTP/1.1 "


def reset_connection(request: web.Request) -> None:
    """Reset the TCP connection, without a goodbye of any layer."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


class Door:
    """One attempt and the fault that it met."""

    def __init__(
        self, ledger: Ledger, attempt: Attempt, fault: Fault, request: web.Request
    ) -> None:
        self.attempt = attempt
        self.fault = fault
        self._ledger = ledger
        self.request = request
        self._silent = False
        self._fuse: Fuse | None = None
        self._strike: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- before the answer -------------------------------------------------------

    async def wait(self) -> None:
        """Serve what comes before the answer: a Delay, or a fault at the knock.

        When the fault ends the connection, this is cancelled with the request.
        """
        if isinstance(self.fault, Delay):
            fired = self.fire(self.attempt.at + self.fault.seconds)
            await asyncio.sleep(fired.meant_at - time.monotonic())
            fired.happened_at = time.monotonic()
        await self._stage("knock")

    async def answer(self) -> None:
        """Serve a fault in the middle of the head of the answer, likewise."""
        if isinstance(self.fault, Momentary) and self.fault.when == "handshake":
            transport = self.request.transport
            # A stall that ends must leave room for a whole head after it.
            passes = isinstance(self.fault, Stall) and self.fault.seconds is not None
            if transport is not None and not passes:
                transport.write(_HALF_A_HEAD)
            await self._stage("handshake")

    async def _stage(self, stage: Stage) -> None:
        fault = self.fault
        if not isinstance(fault, Momentary) or fault.when != stage:
            return
        after: float = getattr(fault, "after", 0.0)
        fired = self.fire(time.monotonic() + after)
        await asyncio.sleep(after)
        fired.happened_at = time.monotonic()
        if isinstance(fault, Close | Reset):
            if isinstance(fault, Reset):
                self.reset()
            else:
                self.drop()
        seconds = fault.seconds if isinstance(fault, Stall | Mute) else None
        await asyncio.sleep(_HELD_OPEN if seconds is None else seconds)

    # --- the entries of the ledger -----------------------------------------------

    def fire(self, meant_at: float) -> FaultFired:
        """Enter the fault in the ledger, not happened yet."""
        return self._ledger.fire(self.attempt, type(self.fault).__name__, meant_at)

    def fire_now(self) -> None:
        """Enter the fault in the ledger as happening now."""
        fired = self.fire(time.monotonic())
        fired.happened_at = fired.meant_at

    def refuse(self, status: int, retry_after: float | None = None) -> None:
        """Enter that the attempt was refused."""
        now = time.monotonic()
        self.attempt.outcome = f"refused {status}"
        self.attempt.retry_after = retry_after
        self.attempt.closed = now
        self.attempt.closed_by = "fake"

    def accept(self) -> float:
        """Enter that the attempt was let in; returns the moment."""
        self.attempt.outcome = "accepted"
        self.attempt.opened = time.monotonic()
        return self.attempt.opened

    def end(self, by: str, code: int | None = None, *, aborted: bool = False) -> None:
        """Enter that the attempt is over; the first end counts."""
        if self.attempt.closed is None:
            self.attempt.closed = time.monotonic()
            self.attempt.closed_by = by
            self.attempt.close_code = code
            self.attempt.aborted = aborted

    # --- responses -----------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """Whether a Stall has begun: nothing may be said any more."""
        return self._silent

    @asynccontextmanager
    async def interruption(self, close: Callable[[Close], None]) -> AsyncIterator[None]:
        """Let a fault of the response happen in its time while the body runs."""
        fault = self.fault
        if isinstance(fault, Stall | Mute | HalfOpen | Close | Reset) and (
            fault.when == "open"
        ):
            self._light(close)
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._fuse = None

    def sent(self) -> None:
        """A piece of the response, or a token of it, went to the client."""
        if self._fuse is not None and self._strike is not None:
            self._fuse.sent()
            self._strike()

    def _light(self, close: Callable[[Close], None]) -> None:
        fault = self.fault
        opened = self.attempt.opened or time.monotonic()
        fuse = self._fuse = Fuse(fault, opened)
        # Entered at once when the moment is known, so that it is seen to be awaited.
        awaited = None if fuse.due is None else self.fire(fuse.due)

        def strike() -> None:
            now = time.monotonic()
            if not fuse.burnt(now):
                if fuse.due is not None and self._timer is None:
                    self._timer = loop.call_later(max(0.0, fuse.due - now), ring)
                return
            fired = awaited or self.fire(now)
            fired.happened_at = now
            if isinstance(fault, Close):
                close(fault)
            elif isinstance(fault, Reset):
                self.reset()
            else:
                self._silent = True

        def ring() -> None:
            self._timer = None
            strike()

        self._strike = strike
        loop = asyncio.get_running_loop()
        strike()

    def reset(self) -> None:
        """Reset the TCP connection."""
        self.end("fake", 1006)
        reset_connection(self.request)

    def drop(self) -> None:
        """Close the TCP connection without a goodbye of the protocol above it."""
        self.end("fake", 1006)
        if self.request.transport is not None:
            self.request.transport.close()

    async def hold(self) -> None:
        """Keep a stalled response open until the client leaves."""
        await asyncio.sleep(_HELD_OPEN)
