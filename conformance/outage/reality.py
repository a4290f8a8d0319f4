"""The model held against real sockets: the same policy, the same outage, both timed.

Some hundred clients of :func:`voiceutils.with_retry` find a fake Deepgram that refuses
everybody for a while; each notes when it knocked.
"""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from conformance.outage.model import Storm, simulate
from conformance.outage.scenario import Fleet, Outage, Policy, Provider, Scenario
from fakes.fault_rules import Rule
from fakes.faults import Refuse
from fakes.world import World
from voiceutils import with_retry

__all__ = ["Comparison", "compare"]

_TARGET = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000"
_FOR_EVER = 1e9  # seconds that a call lasts: nobody new calls during a comparison
_ATTEMPTS = 1000
# Real sessions cannot all knock in the same instant: a wave of hundreds of handshakes
# takes seconds. So they begin one after the other over this time, each counts from its
# own first attempt, and the window ends that much early.
_GETTING_STARTED = 2.0
SHIFT = 0.1  # seconds


class Comparison(NamedTuple):
    """When attempts were made, in seconds since each session's first one.

    Attributes:
        refusal: median seconds that a refusal took; the model was given it.
    """

    policy: Policy
    sockets: list[float]
    model: list[float]
    refusal: float

    @property
    def distance(self) -> float:
        """The largest gap between the two distributions that a small shift leaves.

        Without jitter all attempts stand on a few points, and sockets come a little
        after them; so the one may run ahead of the other by ``SHIFT`` for free.
        """
        return max(
            max(
                _share(self.sockets, moment - SHIFT) - _share(self.model, moment),
                _share(self.model, moment - SHIFT) - _share(self.sockets, moment),
            )
            for moment in (*self.sockets, *self.model, *_shifted(self))
        )

    def __str__(self) -> str:
        """All in one line."""
        return (
            f"{self.policy.name}: {len(self.sockets)} attempts of sockets, "
            f"{len(self.model)} of the model, distance {self.distance:.3f}, "
            f"a refusal took {self.refusal * 1000:.0f} ms"
        )


def _shifted(comparison: Comparison) -> list[float]:
    return [m + SHIFT for m in (*comparison.sockets, *comparison.model)]


def _share(moments: Sequence[float], until: float) -> float:
    return bisect_right(moments, until) / len(moments)


async def compare(
    policy: Policy, *, sessions: int = 300, outage: float = 10.0, seed: int = 1
) -> Comparison:
    """Let real clients and the model go through the same outage.

    Args:
        policy: how both try again, for as long as it takes.
        sessions: how many.
        outage: seconds; more than two.
        seed: of the jitter of both.
    """
    clients = await _on_sockets(policy, sessions, outage, seed)
    refusal = median(seconds for client in clients for seconds in client.refusals)
    storm = _in_the_model(policy, sessions, outage, seed, refusal)
    window = outage - _GETTING_STARTED
    begun = storm.scenario.outages[0].start
    return Comparison(
        policy,
        sorted(m for c in clients for m in c.moments() if m <= window),
        sorted(at - begun for at in storm.moments if at - begun <= window),
        refusal,
    )


def _in_the_model(
    policy: Policy, sessions: int, outage: float, seed: int, refusal: float
) -> Storm:
    scenario = Scenario(
        Fleet(sessions, _FOR_EVER, None),
        Provider(refusal_seconds=refusal),
        (Outage(1, 1 + outage),),
        after=1.0,
    )
    return simulate(policy, scenario, seed=seed, moments=True)


class _Client:
    """One session that has lost its connection."""

    def __init__(self, url: str, policy: Policy, seed: str) -> None:
        self._url = url
        self._policy = policy
        self._chance = random.Random(seed)
        self._began: list[float] = []
        self.refusals: list[float] = []

    def moments(self) -> list[float]:
        """Return when it knocked, since its first time."""
        return [began - self._began[0] for began in self._began]

    async def run(self, after: float) -> None:
        """Begin after some seconds; try until it is let in."""
        await asyncio.sleep(after)
        backoff = self._policy.backoff
        await with_retry(
            self._attempt,
            _ATTEMPTS,
            backoff.initial_delay,
            backoff.backoff_factor,
            backoff.max_delay,
            jitter=backoff.jitter,
            retry_on=InvalidStatus,
            random=self._chance,
        )

    async def _attempt(self) -> None:
        began = time.monotonic()
        self._began.append(began)
        try:
            async with connect(
                self._url, compression=None, proxy=None, open_timeout=20
            ):
                pass
        except InvalidStatus:
            self.refusals.append(time.monotonic() - began)
            raise


async def _on_sockets(
    policy: Policy, sessions: int, outage: float, seed: int
) -> list[_Client]:
    refusing = Rule(surface="listen", faults=(Refuse(503),) * _ATTEMPTS)
    async with World(rules=(refusing,)) as world:
        url = world.addresses.deepgram_websocket + _TARGET
        clients = [
            _Client(f"{url}&tag=session-{n}", policy, f"{seed}:{n}")
            for n in range(sessions)
        ]
        over = asyncio.get_running_loop().call_later(outage, world.faults.reset)
        try:
            async with asyncio.timeout(outage + policy.backoff.max_delay + 30):
                step = _GETTING_STARTED / sessions
                await asyncio.gather(
                    *(client.run(n * step) for n, client in enumerate(clients))
                )
        finally:
            over.cancel()
    return clients
