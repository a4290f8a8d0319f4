"""``python -m fakes.echo``: the echo agent on a media socket of 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import Sequence

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_create_server,
)

from fakes.echo.call import EchoCall
from fakes.event_loop import run
from fakes.websocket_frames import Fragments, check_reserved_bits, text_of

_TEXT, _CLOSE = WSMsgType.TEXT, WSMsgType.CLOSE
_LARGEST = 1 << 20  # bytes of a message; Twilio's are below 1000
_DATA = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)


class _Socket(WSListener):
    """Carries one call; picows answers pings."""

    def __init__(self) -> None:
        self._call = EchoCall()
        self._fragments = Fragments(_LARGEST)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        check_reserved_bits(frame)
        kind = frame.msg_type
        if kind == _TEXT and frame.fin and not self._fragments:
            self._take(transport, text_of(frame.get_payload_as_bytes()))
        elif kind in _DATA:
            message = self._fragments.join(frame)
            if isinstance(message, str):
                self._take(transport, message)
        elif kind == _CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()

    def _take(self, transport: WSTransport, message: str) -> None:
        for answer in self._call.receive(message):
            transport.send(_TEXT, answer)
        if self._call.is_over and not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK)


async def _serve(port: int, *, as_json: bool) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    # What callers do wrong is told by their side; a log line each would be noise.
    logging.getLogger("picows").setLevel(logging.CRITICAL)
    server = await ws_create_server(
        lambda _: _Socket(), "127.0.0.1", port, max_frame_size=_LARGEST
    )
    media = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"
    text = json.dumps({"media": media}) if as_json else f"echo agent: {media}"
    print(text, flush=True)
    gc.freeze()
    await ended.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fakes.echo", description=__doc__)
    parser.add_argument("--port", type=int, default=8420, help="0: any free one")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port {options.port}: 0 to 65535")
    try:
        run(_serve(options.port, as_json=options.json))
    except OSError as error:
        print(f"python -m fakes.echo: port {options.port}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
