"""What a bad path does to a call: late and in bursts, or lost before it got to Twilio.

Between Twilio and the agent there is one TCP connection, so messages are delayed, and
arrive in a burst after a stall, but are never reordered or lost. On the way from the
caller to Twilio there is RTP, where frames are lost and concealed.

The figures are chosen around published ones: Voice Insights calls jitter high above 5
ms on average and 30 ms at most, loss above 5 percent
(https://www.twilio.com/docs/voice/voice-insights/api/call/details-call-tags), the voice
SDK warns above 30 ms of jitter, 400 ms of round trip and 1 percent of loss
(https://github.com/twilio/twilio-voice.js/blob/master/lib/twilio/statsMonitor.ts).
"""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

from voiceutils.errors import SettingError

__all__ = ["PROFILES", "Impairment", "Loss", "PathDelay", "profile"]


class Impairment(NamedTuple):
    """How bad a path is; all times in seconds.

    Attributes:
        round_trip: between Twilio and the agent; half of it each way.
        jitter: standard deviation of what is added to each message's way.
        jitter_most: at most that much is added.
        stalls_per_minute: how often nothing passes for a while.
        stall_shortest: of such a while.
        stall_longest: likewise.
        loss: share of the caller's frames that never reach Twilio.
        loss_burst: frames that are lost together, fewest and most.
        concealment: what stands in for a lost frame: silence, or the frame before.
    """

    round_trip: float = 0.0
    jitter: float = 0.0
    jitter_most: float = 0.0
    stalls_per_minute: float = 0.0
    stall_shortest: float = 0.0
    stall_longest: float = 0.0
    loss: float = 0.0
    loss_burst: tuple[int, int] = (1, 1)
    concealment: Literal["silence", "repeat"] = "silence"


PROFILES = {
    "ideal": Impairment(0.002),
    "same-region": Impairment(0.005, 0.002, 0.015, 0.2, 0.06, 0.12, 0.001),
    "cross-country": Impairment(0.07, 0.005, 0.03, 1, 0.1, 0.25, 0.003),
    "mobile": Impairment(0.07, 0.008, 0.06, 3, 0.1, 0.4, 0.02, (2, 5), "repeat"),
    "tunnel": Impairment(0.052, 0.01, 0.05, 1, 0.2, 0.5, 0.003),
    "bad": Impairment(0.25, 0.015, 0.2, 10, 0.2, 1.0, 0.05, (1, 3)),
}


def profile(name: str) -> Impairment:
    """Return a profile by its name; raises SettingError for an unknown one."""
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise SettingError(f"no impairment profile {name!r}; there are {known}")
    return PROFILES[name]


class PathDelay:
    """One direction of a TCP path: when does what is sent arrive?

    Args:
        impairment: how bad the path is.
        seed: decides jitter and stalls.
    """

    def __init__(self, impairment: Impairment, *, seed: int | str) -> None:
        self._chance = random.Random(f"path:{seed}")
        self._path = impairment
        self._last = float("-inf")
        self._stall_from: float | None = None
        self._stall_until = 0.0

    def arrival(self, now: float) -> float:
        """Return the moment at which what is sent now arrives; never before others."""
        path = self._path
        late = min(path.jitter_most, abs(self._chance.gauss(0.0, path.jitter)))
        leaves = max(now, self._stalled_until(now))
        self._last = max(self._last, leaves + path.round_trip / 2 + late)
        return self._last

    def _stalled_until(self, now: float) -> float:
        if not self._path.stalls_per_minute:
            return now
        if self._stall_from is None:
            self._plan_stall(now)
        while now >= self._stall_until:
            self._plan_stall(self._stall_until)
        return self._stall_until if now >= (self._stall_from or 0.0) else now

    def _plan_stall(self, after: float) -> None:
        path = self._path
        self._stall_from = after + self._chance.expovariate(path.stalls_per_minute / 60)
        length = self._chance.uniform(path.stall_shortest, path.stall_longest)
        self._stall_until = self._stall_from + length


class Loss:
    """Loses frames of the caller on their way to Twilio, and conceals the loss.

    Attributes:
        lost: how many so far.

    Args:
        impairment: how many, and how they are concealed.
        seed: decides which.
    """

    def __init__(self, impairment: Impairment, *, seed: int | str) -> None:
        fewest, most = impairment.loss_burst
        self.lost = 0
        self._chance = random.Random(f"loss:{seed}")
        self._begins = impairment.loss / ((fewest + most) / 2)
        self._burst = impairment.loss_burst
        self._repeat = impairment.concealment == "repeat"
        self._left = 0
        self._before: bytes | None = None

    def conceal(self, audio: bytes | None) -> bytes | None:
        """Return the frame as it reaches Twilio; None is silence."""
        if not self._left and self._chance.random() < self._begins:
            self._left = self._chance.randint(*self._burst)
        if not self._left:
            self._before = audio
            return audio
        self._left -= 1
        self.lost += 1
        return self._before if self._repeat else None
