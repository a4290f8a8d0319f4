"""A media stream behind a bad path: everything arrives, in order, but late.

Wraps the stream and looks to the line like one. The stream's own clock is not touched,
so a delay that was asked for never counts as lateness of this machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from fakes.twilio.media.impairments import Impairment, PathDelay
from fakes.twilio.media.stream_core import CloseSocket, StreamCore

__all__ = ["ImpairedStream"]


class _Closed(NamedTuple):
    code: int
    reason: str


class _Broken(NamedTuple):
    text: str


class ImpairedStream:
    """A stream whose messages take their time, both ways.

    Attributes:
        congested: see :class:`StreamCore`.

    Args:
        stream: what is carried.
        impairment: how bad the path is.
        seed: decides each message's delay.
    """

    def __init__(
        self, stream: StreamCore, impairment: Impairment, *, seed: int | str
    ) -> None:
        self._stream = stream
        self._to_agent = PathDelay(impairment, seed=f"{seed}:to the agent")
        self._from_agent = PathDelay(impairment, seed=f"{seed}:from the agent")
        self._outbound: deque[tuple[float, str | CloseSocket]] = deque()
        self._inbound: deque[tuple[float, str | bytes | _Closed | _Broken]] = deque()
        self._out: list[str | CloseSocket] = []

    @property
    def congested(self) -> bool:
        """Whether the agent does not read."""
        return self._stream.congested

    @congested.setter
    def congested(self, congested: bool) -> None:
        self._stream.congested = congested

    @property
    def is_open(self) -> bool:
        """Whether anything is still on its way."""
        return self._stream.is_open or bool(self._outbound)

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` would return anything."""
        return bool(self._out)

    def open(self, now: float) -> None:
        """The socket is up."""
        self._stream.open(now)
        self.on_timer(now)

    def next_timer(self) -> float | None:
        """Return when the stream is due, or what is on its way arrives."""
        waiting = [queue[0][0] for queue in (self._outbound, self._inbound) if queue]
        due = self._stream.next_timer()
        if due is not None:
            waiting.append(due)
        return min(waiting, default=None)

    def on_timer(self, now: float) -> None:
        """Let arrive what arrives by now; call it after any change of the stream."""
        while self._inbound and self._inbound[0][0] <= now:
            self._deliver(self._inbound.popleft()[1], now)
        self._stream.on_timer(now)
        while self._stream.has_output:
            for message in self._stream.take():
                self._outbound.append((self._to_agent.arrival(now), message))
        while self._outbound and self._outbound[0][0] <= now:
            self._out.append(self._outbound.popleft()[1])

    def receive(self, message: str | bytes, now: float) -> None:
        """Take one message of the agent, for later."""
        self._inbound.append((self._from_agent.arrival(now), message))

    def agent_closed(self, code: int, now: float, reason: str = "") -> None:
        """Note that the agent closed, for later."""
        self._inbound.append((self._from_agent.arrival(now), _Closed(code, reason)))

    def protocol_error(self, text: str, now: float) -> None:
        """Note that the agent broke RFC 6455, for later."""
        self._inbound.append((self._from_agent.arrival(now), _Broken(text)))

    def take(self) -> Sequence[str | CloseSocket]:
        """Return what has come through, in order, and forget it."""
        out, self._out = self._out, []
        return out

    def _deliver(self, arrived: str | bytes | _Closed | _Broken, now: float) -> None:
        match arrived:
            case _Closed(code, reason):
                self._stream.agent_closed(code, now, reason)
                self._outbound.clear()  # nobody is there to take it
            case _Broken(text):
                self._stream.protocol_error(text, now)
                self._outbound.clear()
            case _:
                self._stream.receive(arrived, now)
