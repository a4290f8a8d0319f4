"""Where an agent meets its providers, and whether it says for whom: from a call.

Cases name three roles by the services that most agents use: ``listen`` recognises,
``speak_rest`` speaks, ``chat`` answers. Another agent has its roles played by other
services, and a fault that is meant for its recogniser must meet it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from conformance._providers import PROVIDERS
from fakes.ledger_entries import Attempt

__all__ = ["ROLES", "USUAL", "Acquaintance", "acquaintance_of"]

ROLES = {players[0]: players for players in PROVIDERS.values()}
"""What can play each role."""


class Acquaintance(NamedTuple):
    """What is known of an agent before it is judged.

    Attributes:
        surfaces: the service that plays each role; a role that nobody was seen to play
            stands for itself.
        tagged: whether every request says of which call it is.
        disturbed: whether calls at the same time disturb each other, so that no case
            beside others would tell anything but that.
    """

    surfaces: dict[str, str]
    tagged: bool
    disturbed: bool = False

    def surface_of(self, role: str) -> str:
        """Return the service that plays a role of ROLES; another one is itself."""
        return self.surfaces.get(role, role)

    def told(self) -> list[str]:
        """Return the lines that tell a reader why the cases were put as they were."""
        played = (f"{self.surface_of(role)} as {role}" for role in ROLES)
        lines = [f"the agent uses {', '.join(played)}"]
        if not self.tagged:
            lines.append(
                "its requests do not say whose they are (tag=<CallSid> on Deepgram's, "
                "user=<CallSid> on the model's), so cases with faults had it alone"
            )
        if self.disturbed:
            lines.append("calls disturb each other, so every case had it alone")
        return lines


# Our own agent, and whoever makes no use of the fakes.
USUAL = Acquaintance({}, tagged=True)


def acquaintance_of(attempts: Iterable[Attempt], call_sid: str) -> Acquaintance:
    """Return what the attempts of one call tell of an agent.

    Args:
        attempts: everything that reached the providers while only this call was there.
        call_sid: of the call.
    """
    seen = [attempt for attempt in attempts if attempt.surface in _PLAYERS]
    used = {attempt.surface for attempt in seen}
    surfaces = {
        role: next((player for player in players if player in used), role)
        for role, players in ROLES.items()
    }
    return Acquaintance(surfaces, all(one.group == call_sid for one in seen))


_PLAYERS = {player for players in ROLES.values() for player in players}
