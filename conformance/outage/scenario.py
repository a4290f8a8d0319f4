"""Who calls, what the provider can take, and when it fails."""

from __future__ import annotations

from typing import Literal, NamedTuple

from voiceutils import Backoff
from voiceutils.errors import SettingError

__all__ = ["Fleet", "Outage", "Policy", "Provider", "Scenario"]


class Policy(NamedTuple):
    """How one session tries again.

    Attributes:
        name: as it stands in tables.
        backoff: the schedule, of the same code that agents run.
        attempts: how many attempts in all before it gives up; None never does.
    """

    name: str
    backoff: Backoff
    attempts: int | None = None


class Fleet(NamedTuple):
    """All calls of all agents.

    Attributes:
        sessions: calls that are up in steady state.
        holding_time: mean seconds of a call; as many calls begin as end.
        patience: seconds that a caller waits for a connection before he hangs up; None
            waits for ever.
    """

    sessions: int = 10_000
    holding_time: float = 180.0
    patience: float | None = 20.0

    @property
    def arrivals(self) -> float:
        """New calls a second in steady state; each is one connection attempt."""
        return self.sessions / self.holding_time


class Provider(NamedTuple):
    """What the provider can take.

    Attributes:
        rate: connections a second; further ones are refused. None is without limit.
        cap: connections open at once; None is without limit.
        linger: seconds for which a slot is still taken after its connection closed.
        refusal_seconds: until a refusal arrives.
    """

    rate: float | None = None
    cap: int | None = None
    linger: float = 0.0
    refusal_seconds: float = 0.05


class Outage(NamedTuple):
    """A time in which connections fail.

    Attributes:
        start: seconds; the connections that are up are lost then.
        end: seconds; from here on attempts can succeed again.
        failing: the share of attempts that fail, 1.0 is all of them; a smaller share
            breaks no connection that is up.
        kind: ``refuse`` answers at once, ``hang`` lets attempts run into the timeout.
        timeout: seconds until a client gives up a hanging attempt.
    """

    start: float
    end: float
    failing: float = 1.0
    kind: Literal["refuse", "hang"] = "refuse"
    timeout: float = 5.0


class Scenario(NamedTuple):
    """One run.

    Attributes:
        outages: in order; they must not overlap.
        after: seconds to go on for after the last outage.
    """

    fleet: Fleet
    provider: Provider
    outages: tuple[Outage, ...]
    after: float = 120.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.outages[-1].end + self.after

    def check(self) -> Scenario:
        """Return itself; raises SettingError when it cannot be run."""
        if self.fleet.sessions < 1 or self.fleet.holding_time <= 0:
            raise SettingError("a fleet has at least one session and a holding time")
        if not self.outages:
            raise SettingError("a scenario needs at least one outage")
        at = 0.0
        for outage in self.outages:
            if not at <= outage.start < outage.end:
                raise SettingError(
                    f"outage from {outage.start:g} to {outage.end:g} s: outages follow "
                    "one another and last for some time"
                )
            at = outage.end
        return self
