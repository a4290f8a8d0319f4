"""Agents that no tester may be hurt by.

``python -m conformance.selfcheck.hostile NAME`` says where it is as a line of JSON, as
agents do, and then does its worst to whoever calls; one of them ends before that.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve

from conformance.selfcheck._virtual import voiced_speech
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

__all__ = ["HOSTILE"]

Handler = Callable[[ServerConnection], Awaitable[None]]

HUNDRED_MB = 100_000_000
_HTML = b"<!DOCTYPE html><html><body>It works!</body></html>"
_SPEECH = voiced_speech("Thank you for calling, and please hold the line.", 1)


async def _stream_sid(socket: ServerConnection) -> str:
    """Return the stream's sid once the phone has told it; read nothing more."""
    async for text in socket:
        message = wire.decode_from_twilio(text)
        if isinstance(message, wire.Start):
            return message.stream_sid
    return ""


def _media(sid: str, audio: bytes) -> str:
    return encode(wire.AgentMedia(sid, wire.AgentPayload(audio)))


async def _closes_at_once(socket: ServerConnection) -> None:
    await socket.close()


async def _greets_and_leaves(socket: ServerConnection) -> None:
    """A click, some words, and the end: fails at once, with frames on the way."""
    await socket.send(_media(await _stream_sid(socket), b"RIFF" + _SPEECH[:8000]))
    await asyncio.sleep(1.5)


async def _says_nothing(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def _floods(socket: ServerConnection) -> None:
    """Marks without end, as fast as the phone takes them."""
    sid = await _stream_sid(socket)
    while True:
        await socket.send(encode(wire.AgentMark(sid, wire.MarkBody("flood"))))


async def _sends_one_huge_message(socket: ServerConnection) -> None:
    sid = await _stream_sid(socket)
    await socket.send(_media(sid, b"\x00" * (HUNDRED_MB * 3 // 4)))
    await socket.wait_closed()


async def _sends_much(socket: ServerConnection) -> None:
    """A hundred megabytes of speech in messages of a second each."""
    message = _media(await _stream_sid(socket), _SPEECH[:8000])
    for _ in range(HUNDRED_MB // len(message)):
        await socket.send(message)
    await socket.wait_closed()


async def _talks_for_ever(socket: ServerConnection) -> None:
    message = _media(await _stream_sid(socket), _SPEECH[:8000])
    while True:
        await socket.send(message)
        await asyncio.sleep(1.0)


async def _never_answers(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while await reader.read(4096):
        pass
    writer.close()


async def _answers_html(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.readuntil(b"\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(_HTML) + _HTML)
    await writer.drain()
    writer.close()


_SOCKETS: dict[str, Handler] = {
    "closes_at_once": _closes_at_once,
    "greets_and_leaves": _greets_and_leaves,
    "says_nothing": _says_nothing,
    "floods": _floods,
    "sends_one_huge_message": _sends_one_huge_message,
    "sends_much": _sends_much,
    "talks_for_ever": _talks_for_ever,
}
_STREAMS = {"never_answers": _never_answers, "answers_html": _answers_html}
CRASHES = "crashes_at_start"
HOSTILE = (*_SOCKETS, *_STREAMS, CRASHES)


async def _serve(name: str) -> None:
    if name in _SOCKETS:
        server = await serve(
            _SOCKETS[name], "127.0.0.1", 0, compression=None, close_timeout=0.5
        )
        port = next(iter(server.sockets)).getsockname()[1]
    else:
        plain = await asyncio.start_server(_STREAMS[name], "127.0.0.1", 0)
        port = plain.sockets[0].getsockname()[1]
    told = {"media": f"ws://127.0.0.1:{port}/media"}
    if name == "answers_html":
        told = {"voice": f"http://127.0.0.1:{port}/voice"}
    print(json.dumps(told), flush=True)
    await asyncio.Event().wait()


def main() -> int:
    """Serve until told to stop."""
    name = sys.argv[1]
    if name == CRASHES:
        raise RuntimeError("no database at localhost:5432")
    asyncio.run(_serve(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
