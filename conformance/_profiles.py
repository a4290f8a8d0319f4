"""What an agent is wanted for: what is a MUST then, and what it may not lack."""

from __future__ import annotations

from typing import NamedTuple

from conformance._case import MUST, SHOULD, Case

__all__ = ["PROFILES", "Profile"]


class Profile(NamedTuple):
    """A set of demands.

    Attributes:
        meaning: for whom it is.
        raised: numbers, chapters, or providers of the grid whose SHOULD is a MUST.
        demanded: features that ``--without`` does not excuse.
    """

    name: str
    meaning: str
    raised: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()

    def applied(self, case: Case) -> Case:
        """Return the case at the level that it has under this profile."""
        if case.level is SHOULD and any(map(case.selected_by, self.raised)):
            return case._replace(level=MUST)
        return case


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("core", "an agent in development: levels as the cases have them"),
        Profile(
            "production",
            "an agent that is called by strangers and billed for: failing providers, "
            "dead links, secrets and leaks are no matter of taste, and it must tell "
            "Twilio from everybody else",
            raised=("6", "7", "10", "12", "recogniser", "voice", "model"),
            demanded=("signature",),
        ),
        Profile(
            "load",
            "an agent that holds many calls at once: isolation, spread retries and an "
            "event loop that never blocks",
            raised=("6.5", "6.13", "7", "8", "11.5", "13"),
            demanded=("concurrent-calls",),
        ),
    )
}
