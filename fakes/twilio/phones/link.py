"""A phone's socket to the exchange: one for all calls of an event loop.

A call never fails with it, and only the first waits until it is open, not for long, so
that REST knows the call when the agent does. What the exchange cannot be told, the
call's record says.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from weakref import WeakKeyDictionary

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from fakes.twilio.flow.orders import Over
from fakes.twilio.phones.messages import (
    LARGEST_FRAME,
    PHONES_PATH,
    decode_ordered,
    encode_frame,
)
from fakes.twilio.phones.teller import Obey, Teller
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import WireError

__all__ = ["LinkedCall", "PhoneLink", "link_here"]

_OPENS_WITHIN = 5.0
_AWAITED = 0.25  # seconds; 2 ms to open and 1 to be refused, on one machine
# Seconds after a frame in which what is to be told gathers: a frame costs this process
# and the fakes some 80 us each, and a call dialled each millisecond would have two.
_TOGETHER = 0.005
_CLOSES_WITHIN = 1.0
_IDLE = 10.0  # seconds without a call after which the socket is closed
_AGAIN_AFTER = 5.0  # seconds after which one that was lost is tried anew


class LinkedCall:
    """One call of a link."""

    __slots__ = ("_link", "_sid")

    def __init__(self, link: PhoneLink, sid: str) -> None:
        self._link = link
        self._sid = sid

    def answered(self) -> None:
        """Tell that the call was answered."""
        self._link.teller.answered(self._sid)
        self._link.changed()

    def ended(self, over: Over) -> None:
        """Tell that it is over; harmless when repeated."""
        self._link.teller.ended(self._sid, over)
        self._link.changed()


class PhoneLink:
    """The socket to one control interface; see :func:`link_here`.

    Attributes:
        teller: what is to be told.

    Args:
        control: address of the control interface.
    """

    def __init__(self, control: str) -> None:
        self.teller = Teller()
        self._control = control.rstrip("/")
        self._wake = asyncio.Event()
        self._decided = asyncio.Event()  # it is open, or never will be
        self._lost_at: float | None = None
        self._leaving = False
        self._idle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = asyncio.ensure_future(self._run())

    @property
    def stale(self) -> bool:
        """Whether the next call needs another link."""
        lost_at = self._lost_at
        return self._leaving or (
            lost_at is not None and time.monotonic() > lost_at + _AGAIN_AFTER
        )

    async def opened(self) -> None:
        """Wait a little for an answer of the exchange, whichever it is."""
        if not self._decided.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_AWAITED):
                    await self._decided.wait()

    def place(self, leg: CallLeg, obey: Obey) -> LinkedCall:
        """Tell of a call that rings; see :meth:`Teller.place`."""
        self.teller.place(leg, obey)
        self.changed()
        return LinkedCall(self, leg.call_sid)

    def changed(self) -> None:
        """Tell what there is to be told, together with what else is."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._wake.set()

    def _leave(self) -> None:
        self._leaving = True
        self._wake.set()

    async def _run(self) -> None:
        address = f"ws{self._control.removeprefix('http')}{PHONES_PATH}"
        reason = "the link was closed"
        try:
            async with connect(
                address,
                open_timeout=_OPENS_WITHIN,
                close_timeout=_CLOSES_WITHIN,
                max_size=LARGEST_FRAME,
                compression=None,
                proxy=None,
            ) as socket:
                self._decided.set()
                await self._carry(socket)
        except ConnectionClosed as closed:
            end = closed.rcvd or closed.sent
            reason = f"the link was closed ({end or 'without a close frame'})"
        except (OSError, ValueError, WebSocketException, WireError) as error:
            reason = str(error) or type(error).__name__
        finally:
            self._lost_at = time.monotonic()
            self.teller.lose(f"{self._control}: {reason}")
            # What is kept of this link must not keep the loop.
            self._task = self._idle = None
            self._decided.set()
            self._wake = asyncio.Event()

    async def _carry(self, socket: ClientConnection) -> None:
        writer = asyncio.ensure_future(self._write(socket))
        try:
            while True:
                frame = await socket.recv()
                if isinstance(frame, bytes):
                    raise WireError("a binary frame is none")
                for order in decode_ordered(frame):
                    self.teller.receive(order)
        finally:
            writer.cancel()
            # The loop may end with the last call, of which this is not told yet.
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(_CLOSES_WITHIN):
                    await self._tell(socket)

    async def _write(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the reader sees it, too
            while not self._leaving:
                await self._wake.wait()
                self._wake.clear()
                await self._tell(socket)
                if self.teller.idle and self._idle is None:
                    loop = asyncio.get_running_loop()
                    self._idle = loop.call_later(_IDLE, self._leave)
                await asyncio.sleep(_TOGETHER)
            await socket.close()

    async def _tell(self, socket: ClientConnection) -> None:
        while messages := self.teller.take():
            await socket.send(encode_frame(messages))


_links: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, PhoneLink]]
_links = WeakKeyDictionary()


def link_here(control: str) -> PhoneLink:
    """Return the link of the running loop to a control interface."""
    links = _links.setdefault(asyncio.get_running_loop(), {})
    link = links.get(control)
    if link is None or link.stale:
        link = links[control] = PhoneLink(control)
    return link
