"""Asks the fakes' control interface what the recogniser heard of a call."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlencode

import msgspec

from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import CallEvidence, evidence_query
from loadtests._clocks import Reading, ahead_by, brought_here
from voiceutils.errors import VoiceError

__all__ = ["Ledger"]

DEADLINE = 5.0
_READINGS = 5

# Our own fakes only: a proxy from the environment has no business here.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Ledger:
    """The ledger behind the control address ``control``.

    Every method raises `VoiceError` when the fakes do not answer.

    Args:
        control: address of the control interface.
        ahead: seconds by which the fakes' clock is ahead of ours.
    """

    def __init__(self, control: str, ahead: float = 0.0) -> None:
        self.control = control.rstrip("/")
        self._ahead = ahead

    def clock_ahead(self) -> float:
        """By how many seconds the fakes' clock is ahead of ours; 0 on one machine."""
        readings = []
        for _ in range(_READINGS):
            asked = time.monotonic()
            told = self._fetch("/__fakes/clock")
            answered = time.monotonic()
            try:
                moment = msgspec.json.decode(told, type=dict[str, float])["monotonic"]
            except (msgspec.DecodeError, KeyError) as error:
                raise VoiceError(f"the fakes' clock does not read: {error}") from error
            readings.append(Reading(asked, moment, answered))
        return ahead_by(readings)

    def evidence(self, record: CallRecord) -> CallEvidence:
        """What the providers know of a call that is over."""
        query = urlencode(evidence_query(record, ahead=self._ahead))
        data = self._fetch(f"/__fakes/evidence/{record.call}?{query}")
        try:
            evidence = msgspec.json.decode(data, type=CallEvidence)
        except msgspec.DecodeError as error:
            raise VoiceError(f"the ledger does not read: {error}") from error
        return brought_here(evidence, self._ahead)

    def refuse_some(self, share: float, seed: int) -> None:
        """Refuse the first two attempts of a seeded ``share`` of calls with 503."""
        refusal = {"type": "Refuse", "status": 503}
        rule = {
            "surface": "listen",
            "group": None,
            "share": share,
            "seed": seed,
            "faults": [refusal, refusal, {"type": "Nothing"}],
        }
        self._fetch("/__fakes/faults", msgspec.json.encode(rule))

    def _fetch(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            self.control + path,
            data=body,
            headers={"Content-Type": "application/json"} if body else {},
        )
        try:
            with _opener.open(request, timeout=DEADLINE) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            said = error.read(200).decode("ascii", "replace")
            raise VoiceError(f"the fakes refused {path}: {error.code} {said}") from None
        except (OSError, HTTPException) as error:
            raise VoiceError(f"the fakes do not answer {path}: {error}") from None
