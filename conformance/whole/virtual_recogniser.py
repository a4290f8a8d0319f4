"""A link to the recogniser in virtual time: the fakes' core, and what befalls it."""

from __future__ import annotations

import asyncio
from math import inf
from urllib.parse import parse_qsl, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
)
from websockets.frames import Close as CloseFrame
from websockets.http11 import Response

from conformance.core._opening import opening
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.errors import Refusal, refusal_for_status
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.outbox import Ended, Outgoing
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Core
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import (
    Close,
    Delay,
    Fault,
    HalfOpen,
    Momentary,
    Mute,
    Refuse,
    Reset,
    Stall,
)
from fakes.ledger import Attempt, Ledger
from fakes.moments import Fuse, Picked
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["VirtualLink", "VirtualRecogniser"]

# A WebSocket client that pings every 20 s gives a peer that vanished up 20 s later.
_PINGED_OUT = 40.0


class VirtualRecogniser:
    """Opens links; stands where a WebSocket client would.

    Args:
        settings: of the fake Deepgram.
        ledger: where links are entered.
        desk: where their faults come from.
    """

    def __init__(
        self, settings: DeepgramSettings, ledger: Ledger, desk: FaultDesk
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._desk = desk

    async def open(self, url: str, headers: dict[str, str]) -> VirtualLink:
        """Open a link as ``voiceutils.deepgram_stt`` wants one opened."""
        loop = asyncio.get_running_loop()
        pairs = tuple(parse_qsl(urlsplit(url).query))
        group = dict(pairs).get("tag", "")
        attempt = self._ledger.knock("listen", group, loop.time())
        fault = self._desk.meet(Visitor("listen", group), attempt)
        try:
            await self._before_the_answer(fault, attempt)
        except asyncio.CancelledError:
            attempt.closed, attempt.closed_by = loop.time(), "client"
            raise
        opened = opening(self._settings, pairs=pairs, fault=fault)
        core = open_listen(opened._replace(now=loop.time(), number=attempt.id))
        if isinstance(core, Refusal):
            raise _refused(attempt, core, loop.time())
        attempt.outcome, attempt.opened = "accepted", loop.time()
        return VirtualLink(core, attempt, self._ledger, fault)

    async def _before_the_answer(self, fault: Fault, attempt: Attempt) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        elif isinstance(fault, Refuse):
            refusal = refusal_for_status(fault.status)
            refusal = refusal._replace(retry_after=fault.retry_after)
            raise _refused(attempt, refusal, loop.time())
        elif isinstance(fault, Momentary) and fault.when != "open":
            await asyncio.sleep(getattr(fault, "after", 0.0))
            if isinstance(fault, Stall | HalfOpen):
                await asyncio.sleep(getattr(fault, "seconds", None) or _for_ever())
            else:
                attempt.closed, attempt.closed_by = loop.time(), "fake"
                raise ConnectionResetError("the connection was reset")


def _for_ever() -> float:
    """Return longer than any call lasts."""
    return 3600.0


def _refused(attempt: Attempt, refusal: Refusal, now: float) -> InvalidStatus:
    attempt.outcome, attempt.closed = f"refused {refusal.status}", now
    attempt.retry_after, attempt.closed_by = refusal.retry_after, "fake"
    headers = Headers(refusal.headers("request"))
    body = refusal.body("request")
    return InvalidStatus(Response(refusal.status, "refused", headers, body))


class VirtualLink:
    """One open link.

    Args:
        core: the recogniser.
        attempt: its entry.
        ledger: where what crosses it is entered.
        fault: what befalls it.
    """

    def __init__(
        self, core: Core, attempt: Attempt, ledger: Ledger, fault: Fault
    ) -> None:
        self._core = core
        self._attempt = attempt
        self._book = Bookkeeper(ledger, attempt)
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._fuse = Fuse(fault, self._loop.time())
        self._picked = Picked(fault)
        self._said: asyncio.Queue[str | BaseException] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._held: list[Outgoing] = []
        self._holding_until = self._muted_until = 0.0
        self._deaf = self._over = False
        self._pump()

    async def send(self, message: str | bytes, /) -> None:
        """Take a message of the client; raises ConnectionClosed."""
        if self._over:
            raise ConnectionClosedError(None, None)
        if self._deaf:
            return
        now = self._loop.time()
        self._core.receive(message, now)
        self._book.received(message, self._core.take_codes(), now)
        seconds = len(message) / SAMPLE_RATE if isinstance(message, bytes) else 0.0
        self._fuse.received(seconds)
        self._pump()

    async def recv(self) -> str | bytes:
        """Return what the recogniser says next; raises ConnectionClosed."""
        said = await self._said.get()
        if isinstance(said, BaseException):
            self._said.put_nowait(said)
            raise said
        return said

    async def close(self) -> None:
        """Let go of the link."""
        self._end("client", 1000)

    def _end(self, by: str, code: int, error: BaseException | None = None) -> None:
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        attempt = self._attempt
        attempt.closed, attempt.closed_by = self._loop.time(), by
        attempt.close_code = code
        self._said.put_nowait(error or ConnectionClosedOK(None, None))

    # --- time ---------------------------------------------------------------------

    def _ring(self) -> None:
        self._core.on_timer(self._loop.time())
        self._pump()

    def _pump(self) -> None:
        if self._over:
            return
        now = self._loop.time()
        self._held += self._core.take()
        self._strike(now)
        while self._held and not self._over and now >= self._holding_until:
            self._say(self._held.pop(0), now)
        if self._timer is not None:
            self._timer.cancel()
        if not self._over:
            self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        times = [self._core.next_timer(), self._fuse.due]
        if self._held and self._holding_until < inf:
            times.append(self._holding_until)
        due = min((at for at in times if at is not None), default=None)
        if due is not None:
            self._timer = self._loop.call_at(max(due, now), self._ring)

    def _say(self, item: Outgoing, now: float) -> None:
        text = getattr(item, "text", "")
        if text and self._fuse.watches_words:
            self._fuse.saying(text)
            self._strike(now)
            if self._over or now < self._holding_until:
                self._held.insert(0, item)
                return
        if isinstance(item, Ended):
            self._book.sending(item, now)
            frame = CloseFrame(item.code, item.reason)
            polite = ConnectionClosedOK(frame, frame)
            self._end("fake", item.code, polite)
            return
        times = self._picked.times(text) if text else 1
        if now < self._muted_until or not times:
            return
        content = self._book.sending(item, now)
        if isinstance(content, str):
            for _ in range(times):
                self._said.put_nowait(content)
            self._fuse.sent()
            self._strike(now)

    # --- what befalls it ----------------------------------------------------------

    def _strike(self, now: float) -> None:
        fault = self._fault
        if self._over or not self._fuse.burnt(now):
            return
        match fault:
            case Close(code=code, reason=reason):
                frame = CloseFrame(code if code != 1006 else 1011, reason)
                closed = None if code in (1005, 1006) else frame
                self._end("fake", code, ConnectionClosedError(closed, closed))
            case Reset():
                self._end("fake", 1006, ConnectionClosedError(None, None))
            case Stall(seconds=seconds):
                self._holding_until = inf if seconds is None else now + seconds
            case Mute(seconds=seconds):
                self._muted_until = inf if seconds is None else now + seconds
            case HalfOpen():
                self._deaf, self._holding_until = True, inf
                self._loop.call_later(_PINGED_OUT, self._pinged_out)

    def _pinged_out(self) -> None:
        self._end("client", 1011, ConnectionClosedError(None, None))
