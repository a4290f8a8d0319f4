"""How a fault reaches a real connection; shared by the drivers."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from fakes.faults import Close, Delay, Fault, Reset, Stall
from fakes.ledger import Attempt, FaultFired, Ledger

__all__ = ["Door", "reset_connection"]

_HELD_OPEN = 3600.0  # how long a stalled answer is held for a client that waits


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

    async def wait(self) -> None:
        """Serve a Delay, before the handshake or the head of the response."""
        if isinstance(self.fault, Delay):
            fired = self.fire(self.attempt.at + self.fault.seconds)
            await asyncio.sleep(fired.meant_at - time.monotonic())
            fired.happened_at = time.monotonic()

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

    @property
    def silent(self) -> bool:
        """Whether a Stall has begun: nothing may be said any more."""
        return self._silent

    @asynccontextmanager
    async def interruption(self, close: Callable[[Close], None]) -> AsyncIterator[None]:
        """Let Stall, Close and Reset happen in their time while the body runs."""
        fault = self.fault
        if not isinstance(fault, Stall | Close | Reset):
            yield
            return
        opened = self.attempt.opened or time.monotonic()
        fired = self.fire(opened + fault.after)

        def happen() -> None:
            fired.happened_at = time.monotonic()
            if isinstance(fault, Stall):
                self._silent = True
            elif isinstance(fault, Close):
                close(fault)
            else:
                self.end("fake", 1006)
                reset_connection(self.request)

        timer: asyncio.TimerHandle | None = None
        if fault.after <= 0:
            happen()
        else:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(fault.after, happen)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def drop(self) -> None:
        """Close the TCP connection without a goodbye of the protocol above it."""
        self.end("fake", 1006)
        if self.request.transport is not None:
            self.request.transport.close()

    async def hold(self) -> None:
        """Keep a stalled response open until the client leaves."""
        await asyncio.sleep(_HELD_OPEN)
