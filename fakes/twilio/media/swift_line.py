"""Carries one media stream with picows, riding on the wheel of all calls.

No task and no timer of its own: frames leave when the wheel turns, messages are taken
where picows finds them, and the end of the socket ends it all. What the agent does not
read is discarded rather than waited for, as Twilio does (warning 31930).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import cast

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
)

from fakes.alarms import Alarm
from fakes.engine.bare_socket import BareSocket
from fakes.engine.wheel import wheel_here
from fakes.twilio.media.seat import Seat
from fakes.twilio.media.shortcut import Shortcut
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.media.stream_core import (
    CONGESTED_BYTES,
    OVERFULL_BYTES,
    PROTOCOL_ERRORS,
    CloseSocket,
    Settings,
    StreamCore,
)
from fakes.twilio.media.stream_messages import is_media
from fakes.twilio.media.swift_dial import dial
from fakes.twilio.web.dial import CLOSE_SECONDS, MAX_MESSAGE, Reach
from fakes.websocket_frames import (
    Fragments,
    check_reserved_bits,
    number_of,
    text_of,
)
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["SwiftLine", "dial_line"]

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_CONTINUATION, _CLOSE = WSMsgType.CONTINUATION, WSMsgType.CLOSE
_CLOSE_WITHOUT_CODE = 1005
_DROP = 1006


async def dial_line(
    url: str, reach: Reach, stream: StreamCore, settings: Settings
) -> SwiftLine:
    """Open a line; see :data:`fakes.twilio.media.line.DialLine`."""
    line = SwiftLine(stream)
    await dial(
        url,
        reach,
        line,
        handshake_timeout=settings.handshake_timeout,
        pong=settings.pong,
    )
    return line


class SwiftLine(WSListener):
    """Runs a stream on a socket.

    Args:
        stream: the stream, not yet open.
    """

    __slots__ = (
        *("_alarm", "_asking", "_close_code", "_close_reason", "_closing", "_early"),
        *("_fragments", "_held", "_loop", "_lost", "_over", "_running", "_seat"),
        *("_shortcut", "_stream", "_talk", "_timers", "_transport", "_wheel"),
    )

    def __init__(self, stream: StreamCore) -> None:
        self._stream = stream
        self._wheel = wheel_here()
        # A talking stream has a frame every 20 ms; others say when they want a turn.
        self._talk = stream if isinstance(stream, MediaStream) else None
        self._seat: Seat | None = None
        self._shortcut: Shortcut | None = None
        self._alarm: Alarm | None = None  # while it runs
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._transport: WSTransport | None = None
        self._running = False
        self._early: list[str | bytes] = []  # came before the stream was opened
        self._fragments = Fragments(MAX_MESSAGE)
        self._close_code: int | None = None  # of the agent
        self._close_reason = ""
        self._closing = False  # whether stop and close were ours
        self._held = False  # half open
        self._lost = False
        self._asking: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> None:
        """Return when the stream has ended and the socket is closed."""
        self._running = True
        alarm = self._alarm = self._wheel.alarms.alarm(self._ring)
        if self._talk is not None:
            self._seat = Seat(self, self._talk, self._shortcut)
            self._stream.open(self._wheel.board(self._seat) - FRAME_SECONDS)
        else:
            self._stream.open(monotonic())
        try:
            self._begin()
            await self._over
        finally:
            self._alight()
            alarm.cancel()
            for timer in self._timers:
                timer.cancel()
            if self._transport is not None and not self._lost:
                self._transport.disconnect(False)
            self._let_go()

    def wake(self) -> None:
        """Look at the stream soon; it was changed from outside."""
        # Not at once: who changes it may be in the middle of its frame.
        self._loop.call_soon(self.look)

    def release(self) -> None:
        """Let go of a socket that is held half open."""
        if self._held:
            self._finish()

    def _begin(self) -> None:
        if self._shortcut is not None:
            self._shortcut.socket.take()
        self.look()
        early, self._early = self._early, []
        for message in early:
            self._take(message)
        if self._lost or self._close_code is not None:
            self._tell_end()

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _let_go(self) -> None:
        """Refer to nobody who refers to this line, which is over."""
        self._seat = self._shortcut = None
        self._timers.clear()
        if self._lost:
            self._transport = None

    # --- sending -----------------------------------------------------------------

    def _alight(self) -> None:
        """Have no more turns."""
        if self._seat is not None:
            self._wheel.alight(self._seat)
        if self._shortcut is not None:
            self._shortcut.socket.leave()

    def _ring(self, now: float) -> None:
        self.look()

    def look(self) -> None:
        """Do what is due, send what is there, and see when to look again."""
        stream = self._stream
        if self._over.done() or not self._running:
            return
        try:
            stream.on_timer(monotonic())
            while stream.has_output:
                for out in stream.take():
                    self._send(out)
        except Exception as error:
            self.fail(error)
            return
        if not stream.is_open:
            self._alight()
            if self._lost:
                self._finish()
        if self._talk is None and self._alarm is not None:
            due = stream.next_timer()
            if due is not None:
                self._alarm.set(due)

    def fail(self, error: Exception) -> None:
        """End with a bug of ours."""
        self._alight()
        if not self._over.done():
            self._over.set_exception(error)

    def _send(self, out: str | CloseSocket) -> None:
        transport = self._transport
        if transport is None or self._closing:
            return
        if isinstance(out, CloseSocket):
            self._close(out, transport)
            return
        shortcut = self._shortcut
        if shortcut is not None:
            shortcut.socket.flush()
            if is_media(out) and shortcut.socket.is_free:
                shortcut.send(out)
                return
        self.send_long(out)

    def send_long(self, text: str) -> None:
        """Send what cannot go the short way."""
        transport = self._transport
        if transport is None or self._closing:
            return
        if self._shortcut is not None and self._shortcut.socket.is_broken:
            return
        if not self._stream.congested or (
            transport.underlying_transport.get_write_buffer_size() < OVERFULL_BYTES
        ):
            transport.send(_TEXT, text)
            if self._shortcut is not None:
                self._shortcut.socket.behind = True

    # --- from the network --------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        under = transport.underlying_transport
        under.set_write_buffer_limits(CONGESTED_BYTES, CONGESTED_BYTES)
        if self._talk is not None and BareSocket.exists(under):
            self._shortcut = Shortcut(under, self._talk, self.take_text)

    def pause_writing(self) -> None:
        """More is unsent than an agent that reads would leave."""
        self._stream.congested = True

    def resume_writing(self) -> None:
        """The agent reads again."""
        self._stream.congested = False

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what came; picows answers pings itself."""
        kind = frame.msg_type
        if self._held:
            return
        check_reserved_bits(frame)
        if kind == _TEXT and frame.fin and not self._fragments:
            if self._shortcut is not None:
                self._shortcut.between_frames = not frame.tail_size
            payload = frame.get_payload_as_bytes()
            if self._talk is None or not self._talk.hear(payload, monotonic()):
                self.take_text(payload)
        elif kind == _CLOSE:
            self._closed(transport, frame)
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._join(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._lost = True
        if self._shortcut is not None:
            self._shortcut.socket.leave()
        # What went wrong was told already; picows keeps it in a future, which would
        # complain that nobody asked.
        self._asking = asyncio.ensure_future(_ask(transport))
        if self._running:
            self._tell_end()
        if self._over.done():
            self._transport = None

    def take_text(self, payload: bytes) -> None:
        """Take a text message that is not ordinary audio, in UTF-8 as it came."""
        text = text_of(payload)
        if self._running:
            self._take(text)
        else:
            self._early.append(text)

    def _take(self, message: str | bytes) -> None:
        stream = self._stream
        try:
            stream.receive(message, monotonic())
        except Exception as error:
            self.fail(error)
            return
        if stream.has_output or self._talk is None:
            self.look()

    def _join(self, frame: WSFrame) -> None:
        message = self._fragments.join(frame)
        if message is None:
            return
        if self._running:
            self._take(message)
        else:
            self._early.append(message)

    # --- the end -----------------------------------------------------------------

    def _closed(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer the agent's close, unless it is an answer itself."""
        if not transport.is_close_frame_sent:
            self._close_code = number_of(frame.get_close_code()) or _CLOSE_WITHOUT_CODE
            self._close_reason = frame.get_close_reason() or ""
            _send_close(transport, self._close_code)
        transport.disconnect()
        self._give_up_after(CLOSE_SECONDS)
        if self._running:
            self._tell_end()

    def _tell_end(self) -> None:
        """Tell the stream how the agent ended it; that is ignored when it is over."""
        now, stream = monotonic(), self._stream
        if self._close_code is not None:
            stream.agent_closed(self._close_code, now, self._close_reason)
        elif self._transport is not None:
            handshake = self._transport.close_handshake
            sent = None if handshake is None or self._closing else handshake.sent
            if sent is not None and number_of(sent.code) in PROTOCOL_ERRORS:
                text = sent.reason or f"code {number_of(sent.code)}"
                stream.protocol_error(text, now)
            else:
                stream.agent_closed(_DROP, now)
        self.look()

    def _close(self, close: CloseSocket, transport: WSTransport) -> None:
        self._closing = True
        if close.silent:
            self._held = True
            self._alight()
            transport.underlying_transport.pause_reading()
        else:
            later = self._loop.call_later(close.delay, self._close_now, close)
            self._timers.append(later)

    def _close_now(self, close: CloseSocket) -> None:
        transport = self._transport
        if transport is None or self._lost:
            return
        if close.reset:
            end: socket.socket = transport.underlying_transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if close.reset or close.code == _DROP:
            transport.disconnect(False)
        else:
            _send_close(transport, close.code)
            self._give_up_after(CLOSE_SECONDS)

    def _give_up_after(self, seconds: float) -> None:
        if self._transport is not None:
            drop = self._transport.disconnect
            self._timers.append(self._loop.call_later(seconds, drop, False))


async def _ask(transport: WSTransport) -> None:
    with suppress(Exception):
        await transport.wait_disconnected()


def _send_close(transport: WSTransport, code: int) -> None:
    if code == _CLOSE_WITHOUT_CODE:
        transport.send(_CLOSE, b"")
    else:
        # Any number is taken, though only an enumeration is declared.
        transport.send_close(cast(WSCloseCode, code))
