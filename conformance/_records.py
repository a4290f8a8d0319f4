"""What the providers saw of one call, asked of the fakes' control interface."""

from __future__ import annotations

import asyncio
import time

import httpx
import msgspec

from fakes.client_findings import ClientFinding
from fakes.evidence.call_evidence import CallEvidence
from fakes.faults import Fault
from fakes.ledger import Attempt, CallHeard, TurnHeard
from voiceutils.errors import DeadlineExceeded

__all__ = ["AloneWanted", "Records", "Unsupported"]

CONTROL_DEADLINE = 5.0
_NEED_TAGS = (
    "need the call's sid in each request: tag=<CallSid> on Deepgram's, "
    "user=<CallSid> on the model's"
)
_POLL = 0.05


class Unsupported(Exception):  # noqa: N818 - a verdict
    """The agent lacks what a case needs; says what, and how to have it."""


class AloneWanted(Exception):  # noqa: N818 - a wish
    """The case must be put to the agent again, while no other call is in progress."""


class Records:
    """Faults for one call, and what came of them.

    Attributes:
        call: the caller's number; the audio carries it.
        call_sid: the group under which faults and attempts of the call are kept.
        untagged: the agent tells its providers nothing of the call. Its attempts are
            then found by the audio, and faults need the call to be alone.
        alone: no other call is in progress.

    Args:
        control: address of the fakes' control interface.
        call: see above.
        call_sid: see above.
    """

    def __init__(self, control: str, call: int, call_sid: str) -> None:
        self.call = call
        self.call_sid = call_sid
        self.untagged = False
        self.alone = False
        self._is_second = False
        self._began = time.monotonic()
        self._faulty: set[str] = set()
        self._http = httpx.AsyncClient(base_url=control, timeout=CONTROL_DEADLINE)

    async def fault(self, surface: str, *faults: Fault) -> None:
        """Let the n-th attempt of this call on a surface meet the n-th fault."""
        if self.untagged and self._is_second:
            raise Unsupported(f"faults for several callers at once {_NEED_TAGS}")
        if self.untagged and not self.alone:
            raise AloneWanted
        self._faulty.add(surface)
        body = {"surface": surface, "group": self.call_sid, "faults": list(faults)}
        answer = await self._http.post(
            "/__fakes/faults", content=msgspec.json.encode(body)
        )
        answer.raise_for_status()

    async def attempts(self, surface: str | None = None) -> list[Attempt]:
        """Return this call's connections and requests, oldest first.

        Raises:
            Unsupported: a fault was set and the agent cannot be told apart from others.
            AloneWanted: this asks for requests to the model, of which callers who say
                the same have the same.
        """
        if self._unknown and not self._is_second and surface in (None, "chat"):
            raise AloneWanted
        found = await (self._by_audio() if self._unknown else self._by_group())
        found.sort(key=lambda attempt: attempt.at)
        if not found and self._faulty:
            surfaces = ", ".join(sorted(self._faulty))
            raise Unsupported(f"faults on {surfaces} {_NEED_TAGS}")
        if surface is None:
            return found
        return [attempt for attempt in found if attempt.surface == surface]

    @property
    def _unknown(self) -> bool:
        """Whether attempts of this call carry nothing by which they are known."""
        return self.untagged and not self.alone

    async def _by_group(self) -> list[Attempt]:
        answer = await self._http.get(f"/__fakes/ledger/groups/{self.call_sid}")
        answer.raise_for_status()
        found = msgspec.convert(answer.json()["attempts"], list[Attempt])
        # Of a call that is not quite alone: there may be others beside it.
        return [a for a in found if not a.calls or self.call in a.calls]

    async def _by_audio(self) -> list[Attempt]:
        heard = ",".join(str(number) for number in self.utterances_heard())
        asked = {"utterances": heard, "since": str(self._began)}
        answer = await self._http.get(f"/__fakes/evidence/{self.call}", params=asked)
        answer.raise_for_status()
        return msgspec.convert(answer.json(), CallEvidence).attempts

    def utterances_heard(self) -> list[int]:
        """Return the numbers of the agent's utterances that the caller heard."""
        return []

    async def begin_alone(self) -> None:
        """Let all that names no call be of this one, until :meth:`end_alone`."""
        self.alone = True
        await self._adopt(self.call_sid)

    async def end_alone(self) -> None:
        """Let what names no call belong to nobody again."""
        await self._adopt("")

    async def _adopt(self, group: str) -> None:
        answer = await self._http.post("/__fakes/adopt", json={"group": group})
        answer.raise_for_status()

    async def check_faults_met(self) -> None:
        """Tell whether the agent came to every surface on which a fault waited.

        Raises:
            Unsupported: it did not, so nothing is known of how it takes the fault.
        """
        for surface in sorted(self._faulty):
            if not await self.attempts(surface):
                raise Unsupported(
                    f"the agent never came to {surface}, where faults waited"
                )

    async def misconduct(self, surface: str) -> dict[str, str]:
        """Return what this call's client did wrong on a surface, by code."""
        if self._unknown:
            raise AloneWanted
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
