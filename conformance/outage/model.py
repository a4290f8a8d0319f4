"""The storm after an outage, as a discrete-event simulation.

Sessions that lose their connection, and those that arrive meanwhile, try again by a
:class:`~voiceutils.Backoff`: the object that agents run, not a copy of it. The model
knows no sockets; what it leaves out are the network's own delays and the agents' CPU.
:mod:`conformance.outage.reality` holds it against real sockets.
"""

from __future__ import annotations

import random
from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from conformance.outage.scenario import Outage, Policy, Scenario

__all__ = ["Storm", "simulate"]

# Events are kept in one list per tick instead of a heap: a million sessions make tens
# of millions of events, and a heap of that size costs three times as much.
TICKS = 1000  # a second
_WAITING, _UP, _GONE = 0, 1, 2


class Storm(NamedTuple):
    """What happened, second by second.

    Attributes:
        attempts: connection attempts in each second.
        accepted: how many of them succeeded.
        waiting: sessions without a connection at the end of each second.
        sessions: how many there were in all.
        lost: callers who hung up, or whose agent gave up.
        moments: of every attempt, in seconds; empty unless asked for.
    """

    policy: Policy
    scenario: Scenario
    attempts: list[int]
    accepted: list[int]
    waiting: list[int]
    sessions: int
    lost: int
    moments: array[float]

    @property
    def wasted(self) -> int:
        """Attempts that came to nothing."""
        return sum(self.attempts) - sum(self.accepted)

    @property
    def peak(self) -> int:
        """Attempts in the worst second."""
        return max(self.attempts)

    @property
    def herd_factor(self) -> float:
        """The worst second over the steady rate of new calls."""
        return self.peak / self.scenario.fleet.arrivals

    @property
    def return_peak(self) -> int:
        """Attempts in the worst second after the last outage."""
        return max(self.attempts[int(self.scenario.outages[-1].end) :])

    @property
    def recovery(self) -> float | None:
        """Seconds from the outage's end until as few wait as before it, or None."""
        first, last = self.scenario.outages[0], self.scenario.outages[-1]
        usual = max(self.waiting[: int(first.start)], default=0)
        for second in range(int(last.end), len(self.waiting)):
            if self.waiting[second] <= usual:
                return second + 1 - last.end
        return None


def simulate(
    policy: Policy, scenario: Scenario, *, seed: int = 1, moments: bool = False
) -> Storm:
    """Run a scenario under a policy.

    Args:
        policy: how sessions try again.
        scenario: what happens to them.
        seed: of arrivals, holding times, jitter and partial failures.
        moments: whether to keep the moment of every attempt.

    Raises:
        SettingError: the scenario cannot be run.
    """
    return _Simulation(policy, scenario.check(), seed, keep=moments).run()


class _Simulation:
    def __init__(
        self, policy: Policy, scenario: Scenario, seed: int, *, keep: bool
    ) -> None:
        self._policy = policy
        self._scenario = scenario
        self._chance = random.Random(seed)
        self._state = bytearray()
        self._failed = array("H")  # attempts of each session since it last was up
        self._delay = array("d")  # its last delay
        self._needs_since = array("d")
        self._due: defaultdict[int, list[int]] = defaultdict(list)
        self._ends: defaultdict[int, list[int]] = defaultdict(list)
        self._freed: defaultdict[int, int] = defaultdict(int)
        self._slots = 0
        self._next_arrival = 0
        self._tokens = 1.0
        self._refilled = 0
        self._lost = self._waiting = 0
        self._moments = array("d")
        self._keep = keep

    def run(self) -> Storm:
        scenario = self._scenario
        seconds = int(scenario.seconds)
        attempts, accepted, waiting = ([0] * seconds for _ in range(3))
        for _ in range(scenario.fleet.sessions):
            self._up(self._new_session(), 0)
        breaks = {int(o.start * TICKS) for o in scenario.outages if o.failing >= 1}
        arrivals = self._arrivals()
        self._next_arrival = next(arrivals)
        for tick in range(seconds * TICKS):
            if tick in breaks:
                self._break_all(tick)
            self._take_calls(arrivals, tick)
            self._end_calls(tick)
            second = tick // TICKS
            due = self._due.pop(tick, None)
            if due:
                self._refill(tick)
                tried, succeeded = self._attempt(due, tick)
                attempts[second] += tried
                accepted[second] += succeeded
            waiting[second] = self._waiting
        return Storm(
            self._policy,
            scenario,
            attempts,
            accepted,
            waiting,
            len(self._state),
            self._lost,
            self._moments,
        )

    # --- sessions ------------------------------------------------------------------

    def _new_session(self) -> int:
        self._state.append(_WAITING)
        self._failed.append(0)
        self._delay.append(0.0)
        self._needs_since.append(0.0)
        return len(self._state) - 1

    def _arrivals(self) -> Iterator[int]:
        """Yield the tick of each new call, a Poisson process."""
        at, rate = 0.0, self._scenario.fleet.arrivals
        while True:
            at += self._chance.expovariate(rate)
            yield int(at * TICKS)

    def _take_calls(self, arrivals: Iterator[int], tick: int) -> None:
        while self._next_arrival <= tick:
            self._due[tick].append(self._new_session())
            self._needs_since[-1] = tick / TICKS
            self._waiting += 1
            self._next_arrival = next(arrivals)

    def _up(self, session: int, tick: int) -> None:
        self._state[session] = _UP
        self._failed[session] = 0
        self._slots += 1
        held = self._chance.expovariate(1 / self._scenario.fleet.holding_time)
        self._ends[tick + 1 + int(held * TICKS)].append(session)

    def _end_calls(self, tick: int) -> None:
        self._slots -= self._freed.pop(tick, 0)
        for session in self._ends.pop(tick, ()):
            if self._state[session] == _UP:
                self._state[session] = _GONE
                self._release(tick)

    def _release(self, tick: int) -> None:
        linger = self._scenario.provider.linger
        if linger:
            self._freed[tick + max(1, int(linger * TICKS))] += 1
        else:
            self._slots -= 1

    def _break_all(self, tick: int) -> None:
        """All connections are lost at once; every session tries again right away."""
        self._ends.clear()  # who comes back goes on for a time of its own
        broken = [n for n, state in enumerate(self._state) if state == _UP]
        for session in broken:
            self._state[session] = _WAITING
            self._needs_since[session] = tick / TICKS
            self._release(tick)
        self._waiting += len(broken)
        self._due[tick] += broken

    # --- attempts ------------------------------------------------------------------

    def _refill(self, tick: int) -> None:
        rate = self._scenario.provider.rate
        if rate is not None:
            # A bucket of a tenth of a second; nothing is saved up for a storm.
            self._tokens = min(
                self._tokens + (tick - self._refilled) * rate / TICKS, rate / 10 + 1
            )
            self._refilled = tick

    def _attempt(self, sessions: list[int], tick: int) -> tuple[int, int]:
        """Let sessions try; returns how many did and how many came through."""
        provider, outage = self._scenario.provider, self._outage(tick / TICKS)
        tried = succeeded = 0
        failure = provider.refusal_seconds
        if outage is not None and outage.kind == "hang":
            failure = outage.timeout
        for session in sessions:
            if self._state[session] != _WAITING:
                continue
            tried += 1
            if self._keep:
                self._moments.append(tick / TICKS)
            fails = outage is not None and (
                outage.failing >= 1 or self._chance.random() < outage.failing
            )
            if fails or not self._lets_in():
                self._retry(session, tick, failure if fails else None)
                continue
            succeeded += 1
            self._waiting -= 1
            self._up(session, tick)
        return tried, succeeded

    def _outage(self, now: float) -> Outage | None:
        for outage in self._scenario.outages:
            if outage.start <= now < outage.end:
                return outage
        return None

    def _lets_in(self) -> bool:
        provider = self._scenario.provider
        if provider.cap is not None and self._slots >= provider.cap:
            return False
        if provider.rate is None:
            return True
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _retry(self, session: int, tick: int, failure: float | None) -> None:
        """Schedule the next attempt, unless the caller or the agent gives up."""
        failed = self._failed[session]
        policy, patience = self._policy, self._scenario.fleet.patience
        if policy.attempts is not None and failed + 1 >= policy.attempts:
            self._lose(session)
            return
        previous = self._delay[session] if failed else None
        delay = policy.backoff.delay(failed, self._chance.random(), previous)
        self._failed[session] = failed + 1
        self._delay[session] = delay
        if failure is None:
            failure = self._scenario.provider.refusal_seconds
        now = tick / TICKS
        due = now + failure + delay
        if patience is not None and due > self._needs_since[session] + patience:
            self._lose(session)
            return
        self._due[max(tick + 1, int(due * TICKS))].append(session)

    def _lose(self, session: int) -> None:
        self._state[session] = _GONE
        self._waiting -= 1
        self._lost += 1
