"""What every WebSocket surface has in common: how it is opened, and what its core does.

A surface is a function from an :class:`Opening` to a :class:`Core`, or to the refusal
that answers the handshake. Cores know neither socket nor clock: ``now`` is monotonic
seconds, and whoever drives a core calls :meth:`Core.on_timer` when
:meth:`Core.next_timer` has come and sends what :meth:`Core.take` returns, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.query import Pairs
from fakes.deepgram.outbox import Outgoing
from fakes.deepgram.settings import DeepgramSettings
from fakes.delays import DelayModel, sampler
from fakes.faults import Fault, Nothing
from fakes.speech import FrameCode

__all__ = ["CodesAt", "Core", "HeardAt", "HearsPings", "Opener", "Opening", "Patient"]


def _unnoted(text: str) -> None:
    """Let it pass."""


class Opening(NamedTuple):
    """A handshake that passed the door.

    Attributes:
        pairs: the query, in order, decoded.
        settings: how the service behaves.
        request_id: as in the reply's header.
        created: wall time, ISO 8601 with milliseconds and Z.
        now: when it was let in.
        new_number: gives each utterance made its number.
        fault: what this connection meets; a core heeds those of its own concern.
        number: of the attempt; with the seed it decides the delays.
        note: takes what is odd about a client but no reason to refuse it.
    """

    pairs: Pairs
    settings: DeepgramSettings
    request_id: str
    created: str
    now: float
    new_number: Callable[[], int]
    fault: Fault = Nothing()
    number: int = 0
    note: Callable[[str], None] = _unnoted

    def delays(self, model: DelayModel, what: str) -> Callable[[], float]:
        """Return the source of one kind of delay on this connection."""
        return sampler(model, self.settings.seed, self.number, what)


class Core(Protocol):
    """The state of one connection."""

    @property
    def ended(self) -> bool:
        """Whether the close frame was given out."""

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames of speech heard since the last time."""

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""


@runtime_checkable
class HearsPings(Protocol):
    """A core to which pings and pongs of the client count as signs of life."""

    def pinged(self, now: float) -> None:
        """Take note of a ping or pong."""


@runtime_checkable
class Patient(Protocol):
    """A core that need not hear audio at once, for it answers late anyway."""

    @property
    def patience(self) -> float:
        """Seconds for which audio may lie unheard and nothing said of it be late.

        It must still be given in order, and before any other call.
        """

    def hear_run(self, run: list[HeardAt]) -> list[CodesAt]:
        """Take several audio messages, each as :meth:`Core.receive` would have.

        Returns:
            What :meth:`Core.take_codes` would have returned after each, if anything.
        """


HeardAt: TypeAlias = tuple[bytes, float]
CodesAt: TypeAlias = tuple[list[FrameCode], float]
Opener: TypeAlias = Callable[[Opening], Core | Refusal]
