"""What the providers saw of one call, asked of the fakes' control interface."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from conformance._acquaintance import USUAL, Acquaintance
from conformance._case import Unsupported
from conformance._company import Company
from conformance._control import control_client
from conformance._providers import provider_of
from fakes.client_findings import ClientFinding
from fakes.evidence.call_evidence import CallEvidence
from fakes.fault_rules import works_on
from fakes.faults import Fault, Nothing
from fakes.ledger import Attempt, CallHeard, FaultFired, TurnHeard
from voiceutils.errors import DeadlineExceeded

__all__ = ["REST", "NeedsBooth", "Records", "Unsupported"]

REST = "twilio_rest"  # each request has the call's sid in its path

_POLL = 0.05


class NeedsBooth(Exception):  # noqa: N818 - not an error, a way to go
    """The case must have the agent and the fakes for itself."""


class Records:
    """Faults for one call, and what came of them.

    Surfaces are named by their roles; see :mod:`conformance._acquaintance`.

    Attributes:
        call: the caller's number; the audio carries it.
        call_sid: the group under which faults and attempts of the call are kept, if
            the agent says it.
        without: features that the agent is declared to lack.
        acquaintance: how the agent meets its providers.
        company: the lines of a case that has agent and fakes for itself, else None.

    Args:
        control: address of the fakes' control interface.
        call: see above.
        call_sid: see above.
    """

    def __init__(self, control: str, call: int, call_sid: str) -> None:
        self.call = call
        self.call_sid = call_sid
        self.without: frozenset[str] = frozenset()
        self.acquaintance: Acquaintance = USUAL
        self.company: Company | None = None
        # The place of the first fault that is one, by surface.
        self._faulty: dict[str, int] = {}
        self._http = control_client(control)

    async def fault(self, surface: str, *faults: Fault) -> None:
        """Let the n-th attempt of this call on a surface meet the n-th fault.

        Raises:
            Unsupported: the service that plays this role cannot fail in this way.
        """
        real = self._played_by(surface, faults)
        rule: dict[str, object] = {"surface": real, "faults": list(faults)}
        if (company := self._company_or_tags(surface)) is not None:
            company.sets_faults(self.call, real)
        else:
            rule["group"] = self.call_sid
        await self.tell_fakes("/__fakes/faults", rule)
        kinds = [isinstance(fault, Nothing) for fault in faults]
        self._faulty[surface] = kinds.index(False) if False in kinds else 0

    def _played_by(self, role: str, faults: tuple[Fault, ...]) -> str:
        self._expect_used(role)
        surface = self.acquaintance.surface_of(role)
        for fault in faults:
            if not works_on(fault, surface):
                name = type(fault).__name__
                raise Unsupported(f"{name} for {role} cannot be put to {surface}")
        for other in self._faulty:
            if other != role and self.acquaintance.surface_of(other) == surface:
                raise Unsupported(f"one service, {surface}, is {role} and {other}")
        return surface

    async def lift_faults(self) -> None:
        """Let other calls meet no fault; those of this one may be over, too."""
        if self.company is not None:
            (await self._http.delete("/__fakes/faults")).raise_for_status()
            self.company.lifts_faults()

    async def attempts(self, surface: str | None = None) -> list[Attempt]:
        """Return this call's connections and requests, oldest first.

        Raises:
            NeedsBooth: the agent does not say whose they are.
            Unsupported: and that cannot be told in another way.
        """
        self._expect_used(surface or "")
        found = await self._visible(surface)
        if surface is not None:
            real = self.acquaintance.surface_of(surface)
            found = [attempt for attempt in found if attempt.surface == real]
        return self._of_this_call(found)

    def _company_or_tags(self, surface: str | None = None) -> Company | None:
        """Return the company; None when attempts are told apart by their tags."""
        tagged = self.acquaintance.tagged or surface == REST
        if self.company is None and not tagged:
            raise NeedsBooth
        return self.company

    async def _visible(self, surface: str | None = None) -> list[Attempt]:
        """Return what may be of this call, oldest first."""
        alone = self._company_or_tags(surface) is not None
        found = await (self.everything() if alone else self._tagged())
        return sorted(found, key=lambda attempt: attempt.at)

    def _of_this_call(self, attempts: list[Attempt]) -> list[Attempt]:
        company = self.company
        return attempts if company is None else company.of(self.call, attempts)

    async def everything(self, since: float = 0.0) -> list[Attempt]:
        """Return the attempts of all calls from a moment on."""
        content = await self.ask_fakes("/__fakes/ledger")
        found = msgspec.convert(content["attempts"], list[Attempt])
        return [attempt for attempt in found if attempt.at >= since]

    async def _tagged(self) -> list[Attempt]:
        content = await self.ask_fakes(f"/__fakes/ledger/groups/{self.call_sid}")
        found = msgspec.convert(content["attempts"], list[Attempt])
        if not found and self._faulty.keys() - {REST}:
            surfaces = ", ".join(sorted(self._faulty))
            raise Unsupported(
                f"faults on {surfaces} need the call's sid in each request: "
                "tag=<CallSid> on Deepgram's, user=<CallSid> on the model's"
            )
        return found

    async def ask_fakes(self, path: str, **query: str) -> Any:
        """Return what the fakes' control interface answers."""
        answer = await self._http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def tell_fakes(self, path: str, content: object = None) -> None:
        """Post something to the fakes' control interface."""
        body = msgspec.json.encode(content)
        (await self._http.post(path, content=body)).raise_for_status()

    def _expect_used(self, surface: str) -> None:
        if (provider := provider_of(surface)) in self.without:
            raise Unsupported(f"declared with --without {provider}")

    async def check_faults_met(self) -> None:
        """Tell whether the agent came to every surface as often as a fault waited.

        Raises:
            Unsupported: it did not, so nothing is known of how it takes the fault.
        """
        for role, place in sorted(self._faulty.items()):
            came = len(await self.attempts(role))
            if came <= place:
                surface = self.acquaintance.surface_of(role)
                often = {0: "never", 1: "once"}.get(came, f"{came} times")
                raise Unsupported(
                    f"the agent came to {surface} {often}; the fault waited for "
                    f"attempt {place + 1}"
                )

    async def faults_fired(self) -> list[FaultFired]:
        """Return the faults that this call's attempts met."""
        alone = self._company_or_tags() is not None
        path = "/__fakes/ledger" + ("" if alone else f"/groups/{self.call_sid}")
        content = await self.ask_fakes(path)
        return msgspec.convert(content["faults"], list[FaultFired])

    async def findings(self) -> list[ClientFinding]:
        """Return what this call's client did wrong, worst first."""
        alone = self._company_or_tags() is not None
        query = {} if alone else {"group": self.call_sid}
        content = await self.ask_fakes("/__fakes/verdict", **query)
        return msgspec.convert(content["findings"], list[ClientFinding])

    async def misconduct(self, surface: str) -> dict[str, str]:
        """Return what it did wrong on a surface, by code."""
        real = self.acquaintance.surface_of(surface)
        return {
            finding.code: finding.evidence[0].what
            for finding in await self.findings()
            if finding.surface == real
        }

    async def heard(self) -> list[TurnHeard]:
        """Return the caller's turns as they reached the recogniser."""
        self._expect_used("listen")
        answer = await self._http.get(f"/__fakes/ledger/calls/{self.call}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        answer.raise_for_status()
        return msgspec.convert(answer.json(), CallHeard).turns

    async def evidence(
        self, call: int, query: Mapping[str, str]
    ) -> tuple[CallEvidence, list[FaultFired]]:
        """Return the providers' side of any call, and the faults that it met."""
        content = await self.ask_fakes(f"/__fakes/evidence/{call}", **query)
        found = msgspec.convert(content, CallEvidence)
        if self.company is not None:
            with contextlib.suppress(Unsupported):
                every = await self.everything()
                found.attempts = self.company.of(call, every)
        fired = (await self.ask_fakes("/__fakes/faults"))["fired"]
        ids = {attempt.id for attempt in found.attempts}
        faults = msgspec.convert(fired, list[FaultFired])
        return found, [fault for fault in faults if fault.attempt in ids]

    async def open_sockets(self, within: float) -> list[Attempt]:
        """Wait until nothing of this call is open; return what still is."""
        until = time.monotonic() + within
        while True:
            still = [
                attempt
                for attempt in await self._visible()
                if attempt.opened is not None and attempt.closed is None
            ]
            if not still or time.monotonic() >= until:
                return self._of_this_call(still)
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
