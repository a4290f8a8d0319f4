"""The place of a talking stream on the wheel: where its frame leaves every 20 ms."""

from __future__ import annotations

from time import monotonic
from typing import Final, Protocol

from fakes.twilio.media.shortcut import Shortcut
from fakes.twilio.media.stream import MediaStream

__all__ = ["Passenger", "Seat"]

_clock: Final = monotonic  # compiled code finds it without looking it up


class Passenger(Protocol):
    """The line whose frames leave here."""

    def look(self) -> None:
        """Do all that is due, the usual or not."""

    def send_long(self, text: str) -> None:
        """Send a message by the long way."""

    def fail(self, error: Exception) -> None:
        """End with an error, which is a bug here."""


class Seat:
    """Has the turns of one stream.

    Args:
        passenger: gets what is not a matter of course.
        stream: open.
        shortcut: of its socket, if there is one.
    """

    __slots__ = ("_passenger", "_shortcut", "_stream")

    def __init__(
        self, passenger: Passenger, stream: MediaStream, shortcut: Shortcut | None
    ) -> None:
        self._passenger = passenger
        self._stream = stream
        self._shortcut = shortcut

    def turn(self) -> None:
        """Send the frame that is due; called by the wheel."""
        stream, shortcut = self._stream, self._shortcut
        try:
            text = stream.turn(_clock())
            if text is None:
                self._passenger.look()
                return
            if text and shortcut is not None and shortcut.socket.is_free:
                shortcut.post(text)
            elif text:
                self._passenger.send_long(text)
                stream.left(_clock())
            if not stream.may_wait:
                stream.settle()
        except Exception as error:  # must be seen by who awaits this call
            self._passenger.fail(error)
