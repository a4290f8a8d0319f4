"""What an agent said over a tapped media socket, and what can be read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.speech import CodedFrame, FrameReader, Speaker
from voiceutils.errors import WireError
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire import Unknown
from voiceutils.wire import twilio as wire

if TYPE_CHECKING:
    from conformance._meddler import Passed

__all__ = ["Wiretap"]


class Wiretap:
    """The agent's messages in the order in which they passed.

    Attributes:
        address: where the phone has to call.
        passed: the messages; grows while the line is up.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.passed: list[Passed] = []

    def _messages(self) -> list[wire.FromAgent]:
        return [message for _, message in self._timed()]

    def _timed(self) -> list[tuple[float, wire.FromAgent]]:
        messages: list[tuple[float, wire.FromAgent]] = []
        for passed in self.passed:
            try:
                message = wire.decode_from_agent(passed.text)
            except WireError:
                continue  # the phone has noted it
            if not isinstance(message, Unknown):
                messages.append((passed.at, message))
        return messages

    def audio(self) -> bytes:
        """Return all audio that was sent."""
        return b"".join(
            message.media.payload
            for message in self._messages()
            if isinstance(message, wire.AgentMedia)
        )

    def deepest_queue(self) -> float:
        """Return the most seconds of audio that were sent and not played yet."""
        until = deepest = 0.0
        for at, message in self._timed():
            if isinstance(message, wire.Clear):
                until = at
            elif isinstance(message, wire.AgentMedia):
                until = max(until, at) + len(message.media.payload) / SAMPLE_RATE
                deepest = max(deepest, until - at)
        return deepest

    def clears(self) -> int:
        """Return how many times the queue was to be dropped."""
        return sum(isinstance(message, wire.Clear) for message in self._messages())

    def old_utterances_after_clear(self) -> list[int]:
        """Return utterances of which frames were sent both before and after a clear."""
        reader = FrameReader()
        sent: set[int] = set()
        before: set[int] = set()
        late: set[int] = set()

        for message in self._messages():
            if isinstance(message, wire.Clear):
                before |= sent
                reader = FrameReader()  # audio before and after does not join up
            elif isinstance(message, wire.AgentMedia):
                for heard in reader.feed(message.media.payload):
                    if isinstance(heard, CodedFrame):
                        if heard.code.speaker == Speaker.AGENT:
                            sent.add(heard.code.call)
                        if heard.code.call in before:
                            late.add(heard.code.call)
        return sorted(late)
