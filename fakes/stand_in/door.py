"""How listening sockets of another network namespace come to the fakes.

A socket stays in the namespace that made it, whoever holds it. So an agent's namespace
hands out its listening sockets through a Unix socket in the file system, and the fakes
serve them as their own: nothing stands between agent and fake that would soften a fault
of the transport. They are served for as long as the namespace keeps the line open.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from pathlib import Path

from fakes.stand_in.accepting import Acceptor
from voiceutils.errors import NotConnected

__all__ = ["Door", "hand_out"]

_SECONDS = 5.0
_MOST_SOCKETS = 8
_HERE = b"sockets"
_TAKEN = b"taken"


class Door:
    """Takes listening sockets; only the owner of the folder can bring any.

    Args:
        acceptor: serves them.
    """

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._folder = Path(tempfile.mkdtemp(prefix="busyhour-"))  # mode 0700
        self.path = str(self._folder / "door")
        self._visitors = Acceptor(self._serve)

    def open(self) -> None:
        """Listen."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen(16)
        self._visitors.listen(listener)

    async def close(self) -> None:
        """Stop serving whatever came in."""
        await self._visitors.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        brought: list[socket.socket] = []
        try:
            # The sender has nothing else to do; it comes in one piece, or not at all.
            line.settimeout(_SECONDS)
            _, numbers, _, _ = await asyncio.to_thread(
                socket.recv_fds, line, len(_HERE), _MOST_SOCKETS
            )
            brought = [socket.socket(fileno=number) for number in numbers]
            for listener in brought:
                self._acceptor.listen(listener)
            line.setblocking(False)
            await loop.sock_sendall(line, _TAKEN)
            with contextlib.suppress(ConnectionError):
                await loop.sock_recv(line, 1)  # until the namespace is no more
        except OSError:
            return
        finally:
            line.close()
            for listener in brought:
                self._acceptor.forget(listener)


def hand_out(path: str, listeners: list[socket.socket]) -> socket.socket:
    """Bring listening sockets to the fakes; returns the line to be kept open.

    Raises:
        NotConnected: nobody takes them.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.settimeout(_SECONDS)
        line.connect(path)
        numbers = [listener.fileno() for listener in listeners]
        socket.send_fds(line, [_HERE], numbers)
        if line.recv(len(_TAKEN)) != _TAKEN:
            raise OSError("no answer")
    except OSError as error:
        line.close()
        text = f"the fakes do not take sockets at {path}: {error.strerror or error}"
        raise NotConnected(text) from error
    return line
