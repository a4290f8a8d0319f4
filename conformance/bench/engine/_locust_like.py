"""A Locust user of old: a greenlet for each call, and `websocket-client`."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import time  # noqa: E402
from base64 import b64decode, b64encode  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import websocket  # noqa: E402

from conformance.bench.engine._run import SETTLE, Window, arguments  # noqa: E402
from voiceutils.budget import LatencyHistogram  # noqa: E402

_FRAME = 0.02
_AUDIO = bytes(range(160))


class _User:
    def __init__(self, port: int, number: int, lateness: LatencyHistogram) -> None:
        self.heard = 0
        self._sid = f"MZ{number:032x}"
        self._lateness = lateness
        self._socket: Any = websocket.create_connection(f"ws://127.0.0.1:{port}/media")
        start = {"event": "start", "sequenceNumber": "1", "streamSid": self._sid}
        self._socket.send(json.dumps(start))

    def listen(self) -> None:
        while True:
            message = json.loads(self._socket.recv())
            if message["event"] == "media":
                b64decode(message["media"]["payload"])
            self.heard += 1

    def speak(self) -> None:
        begun = time.monotonic()
        for number in range(1, 1_000_000):
            due = begun + number * _FRAME
            gevent.sleep(max(0.0, due - time.monotonic()))
            body = {
                "track": "inbound",
                "chunk": str(number),
                "timestamp": str(20 * number),
                "payload": b64encode(_AUDIO).decode(),
            }
            message = {
                "event": "media",
                "sequenceNumber": str(number + 1),
                "media": body,
                "streamSid": self._sid,
            }
            self._socket.send(json.dumps(message))
            self._lateness.record(max(0.0, time.monotonic() - due))


def _main() -> None:
    port, count, seconds = arguments()
    lateness = LatencyHistogram()
    users = []
    for number in range(count):
        users.append(user := _User(port, number, lateness))
        gevent.spawn(user.listen)
        gevent.spawn(user.speak)
        gevent.sleep(0.002)
    gevent.sleep(SETTLE)
    window = Window(count, lateness.to_counts)
    gevent.sleep(seconds)
    window.close(heard=sum(user.heard for user in users))


if __name__ == "__main__":
    _main()
