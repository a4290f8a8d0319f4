"""Ours without a caller: wheel, shared frames, bare sockets; messages are counted."""

from __future__ import annotations

import asyncio
import gc
import time

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from conformance.bench.engine._run import SETTLE, Window, arguments, resident
from fakes import event_loop
from fakes.engine.bare_socket import BareSocket
from fakes.engine.wheel import wheel_here
from fakes.twilio.media.shortcut import frame_of
from fakes.twilio.media.stream_messages import StreamMessages
from fakes.twilio.media.swift_dial import dial
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.webhook import CallLeg
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import FRAME_SECONDS


class _Call(WSListener):
    def __init__(self, number: int, lateness: LatencyHistogram) -> None:
        self.heard = 0
        self._said = StreamMessages(CallLeg.of(number, None), seed=number)
        self._lateness = lateness
        self._due = 0.0
        self._socket: BareSocket | None = None

    def start(self, due: float) -> None:
        self._due = due
        if self._socket is not None:
            self._socket.take()

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, self._said.connected())
        transport.send(WSMsgType.TEXT, self._said.start(("inbound",), {}))
        under = transport.underlying_transport
        self._socket = BareSocket(under, self._arrived, self._left)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard += 1

    def turn(self) -> None:
        socket, now = self._socket, time.monotonic()
        assert socket is not None
        while self._due <= now and socket.is_free:
            socket.post(frame_of(self._said.next_media(None)))
            self._due += FRAME_SECONDS

    def _arrived(self, data: bytes, now: float) -> int:
        self.heard += 1
        return len(data)

    def _left(self, at: float) -> None:
        # Of several that were owed, all are counted as late as the last one.
        self._lateness.record(at - self._due + FRAME_SECONDS)


async def _main() -> None:
    port, count, seconds = arguments()
    wheel, lateness = wheel_here(), LatencyHistogram()
    memory, begun = resident(), time.monotonic()
    calls = [_Call(number, lateness) for number in range(count)]
    for call in calls:
        await dial(f"ws://127.0.0.1:{port}/media", Reach(), call)
        call.start(wheel.board(call))
    set_up = time.monotonic() - begun
    gc.collect()
    gc.freeze()
    await asyncio.sleep(SETTLE)
    window = Window(count, lateness.to_counts, set_up=set_up, memory=memory)
    await asyncio.sleep(seconds)
    window.close(heard=sum(call.heard for call in calls))
    for call in calls:
        wheel.alight(call)


if __name__ == "__main__":
    event_loop.run(_main())
