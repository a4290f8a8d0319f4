"""Listening sockets that are served by a coroutine for each connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine

__all__ = ["Acceptor"]

_MOST_TASKS = 2000


class Acceptor:
    """Accepts connections from however many listening sockets.

    Args:
        serve: takes over one connection.
    """

    def __init__(
        self, serve: Callable[[socket.socket], Coroutine[object, object, None]]
    ) -> None:
        self._serve = serve
        self._listening: dict[socket.socket, asyncio.Task[None]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    def listen(self, listener: socket.socket) -> None:
        """Serve whoever comes to a listening socket, which is ours from now on."""
        listener.setblocking(False)
        self._listening[listener] = asyncio.create_task(self._accept(listener))

    def forget(self, listener: socket.socket) -> None:
        """Stop listening on one socket; who was let in stays."""
        if (task := self._listening.pop(listener, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Stop listening, and end what is being served."""
        tasks = [*self._listening.values(), *self._serving]
        self._listening.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    client, _ = await loop.sock_accept(listener)
                except OSError:  # no file descriptor left, or the client is gone again
                    await asyncio.sleep(0.05)
                    continue
                if len(self._serving) >= _MOST_TASKS:
                    client.close()
                    continue
                task = asyncio.create_task(self._serve(client))
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)
        finally:
            listener.close()
