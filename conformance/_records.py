"""What the providers saw of one call, asked of the fakes' control interface."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec

from conformance._providers import provider_of
from fakes.client_findings import ClientFinding
from fakes.fault_rules import works_on
from fakes.faults import Fault
from fakes.ledger import Attempt, CallHeard, FaultFired, TurnHeard
from voiceutils.errors import DeadlineExceeded

__all__ = ["Records", "Unsupported"]

CONTROL_DEADLINE = 5.0
_POLL = 0.05


class Unsupported(Exception):  # noqa: N818 - a verdict
    """The agent lacks what a case needs; says what, and how to have it."""


class Records:
    """Faults for one call, and what came of them.

    Attributes:
        call: the caller's number; the audio carries it.
        call_sid: the group under which faults and attempts of the call are kept.
        without: features that the agent is declared to lack.

    Args:
        control: address of the fakes' control interface.
        call: see above.
        call_sid: see above.
    """

    def __init__(self, control: str, call: int, call_sid: str) -> None:
        self.call = call
        self.call_sid = call_sid
        self.without: frozenset[str] = frozenset()
        self._faulty: set[tuple[str, ...]] = set()
        self._http = httpx.AsyncClient(base_url=control, timeout=CONTROL_DEADLINE)

    async def fault(self, surface: str, *faults: Fault) -> None:
        """Let the n-th attempt of this call on a surface meet the n-th fault."""
        await self.fault_any((surface,), *faults)

    async def fault_any(self, surfaces: Sequence[str], *faults: Fault) -> None:
        """Set faults on all surfaces of a provider; an agent uses one of them.

        Those that a surface cannot meet are left out there.
        """
        self._expect_used(surfaces[0])
        self._faulty.add(tuple(surfaces))
        for surface in surfaces:
            if not all(works_on(fault, surface) for fault in faults):
                continue
            body = {"surface": surface, "group": self.call_sid, "faults": list(faults)}
            answer = await self._http.post(
                "/__fakes/faults", content=msgspec.json.encode(body)
            )
            answer.raise_for_status()

    async def attempts(self, surface: str | None = None) -> list[Attempt]:
        """Return this call's connections and requests, oldest first.

        Raises:
            Unsupported: a fault was set and the agent cannot be told apart from others.
        """
        self._expect_used(surface or "")
        answer = await self._http.get(f"/__fakes/ledger/groups/{self.call_sid}")
        answer.raise_for_status()
        found = msgspec.convert(answer.json()["attempts"], list[Attempt])
        found.sort(key=lambda attempt: attempt.at)
        if not found and self._faulty:
            surfaces = ", ".join(sorted(" or ".join(some) for some in self._faulty))
            raise Unsupported(
                f"faults on {surfaces} need the call's sid in each request: "
                "tag=<CallSid> on Deepgram's, user=<CallSid> on the model's"
            )
        if surface is None:
            return found
        return [attempt for attempt in found if attempt.surface == surface]

    def _expect_used(self, surface: str) -> None:
        if (provider := provider_of(surface)) in self.without:
            raise Unsupported(f"declared with --without {provider}")

    async def check_faults_met(self) -> None:
        """Tell whether the agent came to every surface on which a fault waited.

        Raises:
            Unsupported: it did not, so nothing is known of how it takes the fault.
        """
        came_to = {attempt.surface for attempt in await self.attempts()}
        for surfaces in sorted(self._faulty):
            if came_to.isdisjoint(surfaces):
                names = " or ".join(surfaces)
                raise Unsupported(
                    f"the agent never came to {names}, where faults waited"
                )

    async def faults_fired(self) -> list[FaultFired]:
        """Return the faults that this call's attempts met."""
        answer = await self._http.get(f"/__fakes/ledger/groups/{self.call_sid}")
        answer.raise_for_status()
        return msgspec.convert(answer.json()["faults"], list[FaultFired])

    async def misconduct(self, surface: str) -> dict[str, str]:
        """Return what this call's client did wrong on a surface, by code."""
        answer = await self._http.get(
            "/__fakes/verdict", params={"group": self.call_sid}
        )
        answer.raise_for_status()
        found = msgspec.convert(answer.json()["findings"], list[ClientFinding])
        return {
            finding.code: finding.evidence[0].what
            for finding in found
            if finding.surface == surface
        }

    async def heard(self) -> list[TurnHeard]:
        """Return the caller's turns as they reached the recogniser."""
        self._expect_used("listen")
        answer = await self._http.get(f"/__fakes/ledger/calls/{self.call}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        answer.raise_for_status()
        return msgspec.convert(answer.json(), CallHeard).turns

    async def open_sockets(self, within: float) -> list[Attempt]:
        """Wait until nothing of this call is open; return what still is."""
        until = time.monotonic() + within
        while True:
            still = [
                attempt
                for attempt in await self.attempts()
                if attempt.opened is not None and attempt.closed is None
            ]
            if not still or time.monotonic() >= until:
                return still
            await asyncio.sleep(_POLL)

    async def wait_for_attempts(
        self, surface: str, count: int, within: float
    ) -> list[Attempt]:
        """Wait until a provider saw that many attempts.

        Raises:
            DeadlineExceeded: it did not.
        """
        until = time.monotonic() + within
        while len(found := await self.attempts(surface)) < count:
            if time.monotonic() >= until:
                raise DeadlineExceeded(f"{count} attempts on {surface}", within)
            await asyncio.sleep(_POLL)
        return found
