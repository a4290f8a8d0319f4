"""The simulated storm keeps its books, and agrees with what can be worked out."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.outage.model import Storm, simulate
from conformance.outage.reality import Comparison, compare
from conformance.outage.scenario import Fleet, Outage, Policy, Provider, Scenario
from conformance.outage.sweep import choice, sweep, table
from voiceutils import Backoff
from voiceutils.backoff import Jitter
from voiceutils.backoff_promise import total_bounds
from voiceutils.errors import SettingError

OUTAGE = (Outage(5, 15),)
BUSY = 0.05  # seconds for a refusal; a few milliseconds are usual
FOR_EVER = 1e9  # seconds: nobody hangs up, nobody new calls


def storm(
    backoff: Backoff,
    *,
    fleet: Fleet | None = None,
    provider: Provider | None = None,
    attempts: int | None = None,
    seed: int = 1,
) -> Storm:
    """Return what one policy does in a short outage."""
    scenario = Scenario(fleet or Fleet(200), provider or Provider(), OUTAGE, 20)
    policy = Policy("policy", backoff, attempts)
    return simulate(policy, scenario, seed=seed, moments=True)


fleets = st.builds(
    Fleet,
    sessions=st.integers(1, 200),
    holding_time=st.floats(5, 200),
    patience=st.none() | st.floats(0.5, 20),
)
providers = st.builds(
    Provider,
    rate=st.none() | st.floats(1, 100),
    cap=st.none() | st.integers(1, 300),
    linger=st.floats(0, 3),
    refusal_seconds=st.floats(0, 5),
)
backoffs = st.builds(
    Backoff,
    initial_delay=st.floats(0.1, 2),
    backoff_factor=st.floats(1, 3),
    max_delay=st.floats(0.1, 5),
    jitter=st.sampled_from(get_args(Jitter)),
)


@settings(max_examples=30)
@given(backoffs, fleets, providers, st.none() | st.integers(1, 8))
def test_nothing_gets_lost_in_the_books(
    backoff: Backoff, fleet: Fleet, provider: Provider, attempts: int | None
) -> None:
    """Attempts are accepted or wasted; sessions are up, waiting, or gone."""
    seen = storm(backoff, fleet=fleet, provider=provider, attempts=attempts)
    assert sum(seen.attempts) == len(seen.moments)
    assert all(a >= b >= 0 for a, b in zip(seen.attempts, seen.accepted, strict=True))
    assert not any(seen.accepted[5:15])
    assert 0 <= seen.lost + seen.waiting[-1] <= seen.sessions
    if provider.rate is not None:
        assert max(seen.accepted) <= provider.rate * 1.1 + 2


def test_attempts_come_when_the_schedule_says() -> None:
    """One session without jitter: the moments are the sums of its delays."""
    backoff = Backoff(0.5, 2, 4)
    seen = storm(
        backoff,
        fleet=Fleet(1, FOR_EVER, None),
        provider=Provider(refusal_seconds=0),
    )
    expected = [5 + total_bounds(backoff, made)[0] for made in range(1, 7)]
    assert list(seen.moments)[:6] == pytest.approx(expected, abs=0.02)


def test_a_patient_fleet_comes_back_whole() -> None:
    """Without limits and with endless patience nobody is lost."""
    seen = storm(Backoff(0.5, 2, 4, "full"), fleet=Fleet(200, FOR_EVER, None))
    assert seen.lost == 0
    assert seen.waiting[-1] == 0
    assert seen.recovery is not None
    assert seen.recovery <= 4 + 1


def test_impatient_callers_are_lost() -> None:
    """Who waits for less than the outage lasts is gone before its end."""
    seen = storm(Backoff(0.5, 2, 4), fleet=Fleet(200, FOR_EVER, 3))
    assert seen.lost == 200


def test_a_bounded_policy_gives_up() -> None:
    """Three attempts a session, and not one more."""
    seen = storm(Backoff(0.5, 2, 4), fleet=Fleet(200, FOR_EVER, None), attempts=3)
    assert sum(seen.attempts) == 600
    assert seen.lost == 200


def test_a_full_provider_lets_nobody_in() -> None:
    """With a cap below the fleet, the rest keeps waiting."""
    seen = storm(
        Backoff(0.5, 1, 0.5),
        fleet=Fleet(200, FOR_EVER, None),
        provider=Provider(cap=50),
    )
    assert seen.waiting[-1] == 150


def test_lingering_slots_delay_the_return() -> None:
    """A slot that is still taken after its connection broke keeps others out."""
    quick, slow = (
        storm(
            Backoff(0.5, 1, 0.5),
            fleet=Fleet(200, FOR_EVER, None),
            provider=Provider(cap=200, linger=linger),
        )
        for linger in (0.0, 18.0)
    )
    assert quick.recovery is not None
    assert slow.recovery is not None
    assert slow.recovery >= quick.recovery + 7


def test_jitter_takes_the_edge_off_the_return() -> None:
    """Equal delays bring all sessions back in one second, spread ones do not."""
    fleet = Fleet(2000, FOR_EVER, None)
    together = storm(Backoff(1, 2, 8), fleet=fleet)
    spread = storm(Backoff(1, 2, 8, "full"), fleet=fleet)
    assert together.return_peak == 2000
    assert spread.return_peak < 1000


def test_the_same_seed_gives_the_same_storm() -> None:
    """And another one another."""
    first, again, other = (
        storm(Backoff(1, 2, 8, "full"), seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.moments != other.moments


def test_callers_come_before_the_provider() -> None:
    """The choice loses hardly more callers than the best, and says why."""
    scenario = Scenario(Fleet(300, 60, 8), Provider(rate=100), OUTAGE, 20)
    storms = sweep(scenario)
    best, why = choice(storms)
    fewest = min(seen.lost for seen in storms)
    assert best.lost <= fewest + 0.01 * best.sessions
    assert best.policy.name in why
    assert all(seen.policy.name in table(storms) for seen in storms)


async def test_the_model_agrees_with_real_sockets() -> None:
    """A hundred clients and a fake that refuses them: knocks come as simulated."""
    policy = Policy("equal", Backoff(0.3, 2, 2, "equal"))
    seen = await compare(policy, sessions=100, outage=4.0)
    if seen.refusal > BUSY:
        pytest.skip(f"this machine is too busy to compare on: {seen}")
    assert len(seen.sockets) == pytest.approx(len(seen.model), rel=0.1)
    assert seen.distance < 0.15, str(seen)


def test_another_policy_would_be_told_from_it() -> None:
    """The distance is not small for everything."""
    fleet = Fleet(100, FOR_EVER, None)
    model = storm(Backoff(0.3, 2, 2, "equal"), fleet=fleet).moments
    other = storm(Backoff(4, 1, 4), fleet=fleet).moments
    same = Comparison(Policy("equal", Backoff()), list(model), list(model), 0.0)
    assert same.distance == 0
    assert same._replace(sockets=list(other)).distance > 0.2


@pytest.mark.parametrize(
    "outages",
    [(), (Outage(5, 5),), (Outage(5, 9), Outage(8, 12))],
)
def test_a_scenario_that_cannot_be_is_refused(outages: tuple[Outage, ...]) -> None:
    """With a word on what is wrong."""
    scenario = Scenario(Fleet(1), Provider(), outages) if outages else None
    scenario = scenario or Scenario(Fleet(1), Provider(), ())
    with pytest.raises(SettingError, match="outage"):
        simulate(Policy("any", Backoff()), scenario)
