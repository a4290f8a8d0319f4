"""How well an engine keeps its own time: what a result of a load test rests on."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fakes.engine import compiled
from fakes.engine.commands import Health
from fakes.engine.wheel import Wheel
from fakes.twilio.phone import PhoneCall
from voiceutils.budget import LatencyHistogram

__all__ = ["Vitals"]


class Vitals:
    """Sums up what its calls say of themselves; nothing is done per frame here.

    Args:
        wheel: that all of them ride on.
    """

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._lateness = LatencyHistogram()
        self._frames = 0
        self._owed = 0

    def over(self, call: PhoneCall) -> None:
        """Keep the figures of a call that has ended."""
        streams = call.streams
        if streams is not None:
            self._lateness.merge(streams.lateness)
            self._frames += streams.frames_sent
            self._owed += streams.owed

    def health(self, calls: Iterable[PhoneCall], *, waiting: int) -> Health:
        """Return the figures of all calls, those that are still up included."""
        lateness = LatencyHistogram()
        all_lateness = [self._lateness]
        frames, owed, up = self._frames, self._owed, 0
        for call in calls:
            up += 1
            streams = call.streams
            if streams is None:
                continue
            stream = streams.running
            all_lateness.append(streams.lateness)
            frames += streams.frames_sent
            owed += streams.owed
            if stream is not None:
                all_lateness.append(stream.lateness)
                frames += stream.frames_sent
                owed += stream.owed
        lateness.merge_all(all_lateness)
        return Health(
            lateness.to_counts(),
            frames,
            owed,
            self._wheel.stalls,
            self._wheel.worst_stall,
            time.process_time(),
            up,
            waiting,
            compiled.in_use(),
        )
