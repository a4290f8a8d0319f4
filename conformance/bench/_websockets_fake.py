"""What the fake Deepgram is compared with: the same core and book, on `websockets`.

Written as one would write it in an evening, one task a connection; live transcription
only, without faults. ``python -m conformance.bench._websockets_fake [--uvloop]`` prints
its address as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from math import inf
from urllib.parse import parse_qsl, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.outbox import Ended
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Core, Opening
from fakes.ledger import Ledger

_SETTINGS = DeepgramSettings()
_LEDGER = Ledger()


class _Connection:
    def __init__(self, socket: ServerConnection, core: Core) -> None:
        self._socket = socket
        self._core = core
        now = time.monotonic()
        attempt = _LEDGER.knock("listen", "", now)
        attempt.opened = now
        self._book = Bookkeeper(_LEDGER, attempt)
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Talk until one side closes."""
        with suppress(ConnectionClosed):
            async for message in self._socket:
                now = time.monotonic()
                self._core.receive(message, now)
                self._book.received(message, self._core.take_codes(), now)
                await self._pump()
        if self._timer is not None:
            self._timer.cancel()

    async def _pump(self) -> None:
        for item in self._core.take():
            content = self._book.sending(item, time.monotonic())
            if isinstance(content, Ended):
                await self._socket.close(content.code, content.reason)
            elif content is not None:
                await self._socket.send(content)
        due = self._core.next_timer()
        if due is None or due >= self._rings_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = due
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + due - time.monotonic(), self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, inf
        self._core.on_timer(time.monotonic())
        task = asyncio.ensure_future(self._pump())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _answer(socket: ServerConnection) -> None:
    assert socket.request is not None
    opening = Opening(
        pairs=parse_qsl(urlsplit(socket.request.path).query),
        settings=_SETTINGS,
        request_id="52cc0efe-fa77-4aa7-b79c-0dda09de2f14",
        created="2026-11-22T19:00:00.000Z",
        now=time.monotonic(),
        new_number=_LEDGER.new_utterance_number,
    )
    core = open_listen(opening)
    if isinstance(core, Refusal):
        await socket.close(1008, core.code)
    else:
        await _Connection(socket, core).run()


async def _serve() -> None:
    async with serve(_answer, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        address = {"deepgram_websocket": f"ws://127.0.0.1:{port}"}
        print(json.dumps(address), flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    new_loop = uvloop.new_event_loop if "--uvloop" in sys.argv else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve())
