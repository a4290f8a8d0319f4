"""Ours without a caller: the wheel, shared frames and picows; messages are counted."""

from __future__ import annotations

import asyncio
import gc
import time

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from conformance.bench.engine._run import SETTLE, Window, arguments, resident
from fakes import event_loop
from fakes.engine.wheel import wheel_here
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
        self._transport: WSTransport | None = None

    def start(self, due: float) -> None:
        self._due = due
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, self._said.connected())
            self._transport.send(WSMsgType.TEXT, self._said.start(("inbound",), {}))

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard += 1

    def turn(self) -> None:
        now = time.monotonic()
        while self._due <= now:
            assert self._transport is not None
            self._transport.send(WSMsgType.TEXT, self._said.next_media(None))
            self._lateness.record(now - self._due)
            self._due += FRAME_SECONDS


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
