"""Opens connections to the fake Deepgram in virtual time, at 0.0."""

from __future__ import annotations

import itertools

from fakes.deepgram.listen.query import Pairs
from fakes.deepgram.outbox import Outgoing
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Core, Opening
from fakes.faults import Fault, Nothing

__all__ = ["opening", "streamed"]


def opening(
    settings: DeepgramSettings | None = None,
    *,
    pairs: Pairs = (),
    fault: Fault | None = None,
) -> Opening:
    """Return a handshake that passed the door at 0.0."""
    return Opening(
        pairs=pairs,
        settings=settings or DeepgramSettings(),
        request_id="52cc0efe-fa77-4aa7-b79c-0dda09de2f14",
        created="2026-11-22T19:00:00.000Z",
        now=0.0,
        new_number=itertools.count(1).__next__,
        fault=fault or Nothing(),
    )


def streamed(
    core: Core, audio: bytes, sizes: list[int], *, close: bool
) -> list[Outgoing]:
    """Send mu-law as it would come from a phone, cut as told; return all answers."""
    said = core.take()
    cuts = itertools.cycle(sizes)
    at, now = 0, 0.0
    while at < len(audio):
        size = next(cuts)
        now += size / 8000
        core.receive(audio[at : at + size], now)
        said += core.take()
        at += size
    if close:
        core.receive('{"type":"CloseStream"}', now)
        core.on_timer(now + 60)
        said += core.take()
    return said
