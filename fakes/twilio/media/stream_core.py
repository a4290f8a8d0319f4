"""What a media stream is to the line that carries it, and how its behaviour varies."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from fakes.twilio.media.playout import CAP_SECONDS, Remainder

__all__ = ["CloseSocket", "Settings", "StreamCore", "StreamState"]

# More than this unsent means that the agent has not read for some three seconds
# beyond what the kernel buffers.
CONGESTED_BYTES: Final = 64 * 1024
# Beyond this not even the echoes of an agent's own marks are kept for it.
OVERFULL_BYTES: Final = 1024 * 1024
# Close codes that say that the other side broke RFC 6455.
PROTOCOL_ERRORS: Final = frozenset({1002, 1007, 1009})


class CloseSocket(NamedTuple):
    """Told to the driver, last of all.

    Attributes:
        code: close code; 1005 closes without one, 1006 drops the connection.
        reset: drop it with a TCP reset.
        delay: seconds to wait first.
        silent: neither close nor read nor send, until the line is released.
    """

    code: int
    reset: bool = False
    delay: float = 0.0
    silent: bool = False


class Settings(NamedTuple):
    """Where Twilio's behaviour is not documented, or is worth varying.

    Attributes:
        startup_backlog: seconds of audio, gathered while the socket was set up, that
            arrive in one burst at the start.
        close_code: sent after ``stop``; handlers see 1000, 1001, 1005 and 1006.
        close_delay: seconds between ``stop`` and the close.
        strict_schema: drop messages with extra fields instead of noting them.
        cap_seconds: most agent audio that is queued.
        strict_close_error: call even a close with 1000 an error, 31921.
        handshake_timeout: seconds until the agent must have answered the upgrade.
        pong: answer pings.
        clear_tail_ms: audio that is past recall when ``clear`` comes, 0 to 200.
        remainder: what becomes of agent audio that fills no frame.
        noise: send the noise of a telephone line for silence, not digital silence.
        chunk_scope: whether two tracks share one chunk counter.
        drop_consumes_numbers: whether frames that are discarded under congestion
            leave a hole in the numbers; their time passes in any case.
    """

    startup_backlog: float = 0.2
    close_code: int = 1000
    close_delay: float = 0.02
    strict_schema: bool = False
    cap_seconds: float = CAP_SECONDS
    strict_close_error: bool = False
    handshake_timeout: float = 10.0
    pong: bool = True
    clear_tail_ms: int = 0
    remainder: Remainder = "join"
    noise: bool = False
    chunk_scope: Literal["stream", "track"] = "stream"
    drop_consumes_numbers: bool = False


class StreamState(enum.Enum):
    """A stream opens once and ends once."""

    NEW = "new"
    OPEN = "open"
    ENDED_HERE = "ended here"
    ENDED_BY_AGENT = "ended by the agent"


class StreamCore(Protocol):
    """A stream without socket and clock, as its line sees it.

    Attributes:
        congested: set by the line when the agent does not read what was sent.
    """

    congested: bool

    @property
    def is_open(self) -> bool:
        """Whether there is, or will be, anything to send."""

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` would return anything."""

    def open(self, now: float) -> None:
        """The socket is up."""

    def next_timer(self) -> float | None:
        """Return when :meth:`on_timer` is due; None for not at all."""

    def on_timer(self, now: float) -> None:
        """Do what is due."""

    def receive(self, message: str | bytes, now: float) -> None:
        """Take one message of the agent; bytes are a binary frame."""

    def agent_closed(self, code: int, now: float, reason: str = "") -> None:
        """The agent closed the socket; 1006 means that it just went away."""

    def protocol_error(self, text: str, now: float) -> None:
        """The agent broke RFC 6455."""

    def take(self) -> Sequence[str | CloseSocket]:
        """Return what is to be sent, in order, and forget it."""
