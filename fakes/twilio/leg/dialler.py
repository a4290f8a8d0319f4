"""Who calls somebody for ``<Dial>``, and how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from fakes.twilio.flow.orders import DialOut

if TYPE_CHECKING:
    from fakes.twilio.leg.leg_call import LegCall

__all__ = ["DialEnd", "Dialler"]


class DialEnd(NamedTuple):
    """How a dialled leg ended.

    Attributes:
        status: as ``DialCallStatus`` has it.
        seconds: that it was up.
    """

    status: str
    call_sid: str = ""
    seconds: float = 0.0


class Dialler(Protocol):
    """Who calls somebody for ``<Dial>``; cancelled when the dialled leg is hung up."""

    async def dial(self, call: LegCall, order: DialOut) -> DialEnd:
        """Call, join the two legs, and return when that is over.

        They are joined by ``call.join`` and told of by ``call.dial_answered``.
        """
