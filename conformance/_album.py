"""The calls of one case, for the evidence of the run."""

from __future__ import annotations

import itertools
import logging
from typing import NamedTuple

import httpx
import msgspec

from conformance._asking import ask
from conformance._control import control_client
from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import CallEvidence, evidence_query
from fakes.evidence.keeper import Keeper
from fakes.evidence.own_figures import metrics_url, read_metrics
from fakes.evidence.waterfall import waterfall
from fakes.twilio.web.dial import Reach
from voiceutils.errors import VoiceError

__all__ = ["Album"]

log = logging.getLogger("busyhour")


class _Placed(NamedTuple):
    record: CallRecord
    recording: str


class Album:
    """Gathers the calls of a case; what they are evidence of is known at its end.

    Args:
        keeper: of the run.
        control: address of the fakes' control interface.
        agent: address of the agent, which may tell of itself beside it.
        reach: how it is reached there.
    """

    _numbers = itertools.count(1)

    def __init__(self, keeper: Keeper, control: str, agent: str, reach: Reach) -> None:
        self._keeper = keeper
        self._control = control
        self._metrics = metrics_url(agent)
        self._reach = reach
        self._placed: list[_Placed] = []
        self._recordings: dict[int, str] = {}  # of the last call with that number

    def recording(self, call: int) -> str:
        """Return where a call that begins now is to be recorded."""
        # A case may place several calls with one number.
        self._recordings[call] = f"call-{call}-{next(self._numbers)}.wav"
        return str(self._keeper.folder / self._recordings[call])

    def add(self, record: CallRecord) -> None:
        """Add a call that is over."""
        self._placed.append(_Placed(record, self._recordings.get(record.call, "")))

    async def close(self, label: str, *, failed: bool) -> None:
        """Hand all calls on, with what providers and agent know of them.

        Args:
            label: what they were placed for.
            failed: whether the agent failed in it.
        """
        async with control_client() as client:
            for record, recording in self._placed:
                evidence = await self._evidence(client, record)
                parts = waterfall(record, evidence) if evidence else []
                self._keeper.keep(
                    record,
                    evidence,
                    parts,
                    label=label,
                    failed=failed,
                    recording=recording,
                )
        await self._own_figures()

    async def _evidence(
        self, client: httpx.AsyncClient, record: CallRecord
    ) -> CallEvidence | None:
        url = f"{self._control}/__fakes/evidence/{record.call}"
        try:
            answer = await client.get(url, params=evidence_query(record))
            return msgspec.json.decode(
                answer.raise_for_status().content, type=CallEvidence
            )
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            log.debug("no evidence of call %d: %s", record.call, error)
            return None

    async def _own_figures(self) -> None:
        ours = {record.call_sid for record, _ in self._placed}
        if not self._metrics or not ours:
            return
        try:
            answer = await ask("GET", self._metrics, self._reach)
            told = read_metrics(answer.raise_for_status().content)
        except (httpx.HTTPError, VoiceError):
            return  # an agent need not tell of itself
        for figures in told:
            if figures.call_sid in ours:
                self._keeper.write(figures)
