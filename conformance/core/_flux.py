"""A connection to the fake Flux in virtual time, and what it says."""

from __future__ import annotations

import json
from typing import Any

from conformance.core._opening import opening, streamed
from fakes.deepgram.flux.live import Flux, open_flux
from fakes.deepgram.outbox import Outgoing, Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import Fault

__all__ = ["AT_ONCE", "PHONE", "events", "flux", "messages", "stream"]

PHONE = (
    ("model", "flux-general-en"),
    ("encoding", "mulaw"),
    ("sample_rate", "8000"),
)
AT_ONCE = DeepgramSettings(listen_pace=0, flux_delay=0.0)


def flux(
    *more: tuple[str, str],
    settings: DeepgramSettings = AT_ONCE,
    fault: Fault | None = None,
) -> Flux:
    """Return a connection opened at 0.0."""
    core = open_flux(opening(settings, pairs=[*more, *PHONE], fault=fault))
    assert isinstance(core, Flux), core
    return core


def messages(items: list[Outgoing]) -> list[dict[str, Any]]:
    """Return the text messages, decoded."""
    return [json.loads(item.text) for item in items if isinstance(item, Said)]


def events(items: list[Outgoing]) -> list[tuple[str, int, str]]:
    """Return event, turn and transcript of each TurnInfo."""
    return [
        (said["event"], said["turn_index"], said["transcript"])
        for said in messages(items)
        if said["type"] == "TurnInfo"
    ]


def stream(
    core: Flux, audio: bytes, sizes: list[int] | None = None, *, close: bool = True
) -> list[Outgoing]:
    """Send audio in messages of 80 ms, or cut as told; return all answers."""
    return streamed(core, audio, sizes or [640], close=close)
