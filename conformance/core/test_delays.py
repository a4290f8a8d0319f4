"""How long the fakes take."""

from __future__ import annotations

from statistics import fmean, median, quantiles

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.delays import (
    DelayModel,
    Lognormal,
    Spread,
    Uniform,
    check_delay,
    parse_delay,
    sampler,
    typical,
)
from fakes.profiles import PLANS, PROFILES
from voiceutils.errors import SettingError

MANY = 4000
_seconds = st.floats(0.01, 2.0)


def samples(model: DelayModel, *seed: object) -> list[float]:
    """Return many delays of one source."""
    sample = sampler(model, *seed)
    return [sample() for _ in range(MANY)]


@given(_seconds, st.floats(1.01, 6.0), st.integers(0, 5))
def test_lognormal_has_the_percentiles_asked_for(
    p50: float, ratio: float, seed: int
) -> None:
    """Median and 95th percentile of the samples are those of the setting."""
    drawn = samples(Lognormal(p50, p50 * ratio), seed)

    # Four standard errors of a percentile of 4000 samples, as parts of the spread.
    assert median(drawn) == pytest.approx(p50, rel=0.06 * ratio)
    assert sum(value <= p50 * ratio for value in drawn) / MANY == pytest.approx(
        0.95, abs=0.015
    )
    assert min(drawn) > 0


@given(_seconds, st.floats(0.0, 1.0))
def test_uniform_stays_between_its_ends(low: float, width: float) -> None:
    """All alike between the two."""
    drawn = samples(Uniform(low, low + width), 1)

    assert low <= min(drawn)
    assert max(drawn) <= low + width
    assert fmean(drawn) == pytest.approx(low + width / 2, abs=0.03 * width + 1e-9)


@given(_seconds, st.floats(0.1, 2.0), st.floats(0.34, 0.66))
def test_spread_has_its_mean(least: float, width: float, part: float) -> None:
    """Between least and most, with the mean that was published."""
    model = check_delay(Spread(least, least + part * width, least + width))
    drawn = samples(model, 1)

    assert least <= min(drawn)
    assert max(drawn) <= least + width
    assert fmean(drawn) == pytest.approx(least + part * width, abs=0.02 * width)


def test_same_seed_same_delays() -> None:
    """World seed, connection and purpose decide them, nothing else."""
    model = Lognormal(0.2, 0.6)

    assert samples(model, 1, 7, "speech") == samples(model, 1, 7, "speech")
    others = [(2, 7, "speech"), (1, 8, "speech"), (1, 7, "recogniser")]
    assert all(samples(model, 1, 7, "speech") != samples(model, *o) for o in others)


def test_number_is_itself() -> None:
    """A plain number of seconds never varies."""
    assert set(samples(0.12, 1)) == {0.12}
    assert typical(0.12) == 0.12


@pytest.mark.parametrize(
    ("text", "model", "usual"),
    [
        ("0.12", 0.12, 0.12),
        ("1e-3", 0.001, 0.001),
        ("uniform:0.1,0.3", Uniform(0.1, 0.3), 0.2),
        ("lognormal:0.2,0.6", Lognormal(0.2, 0.6), 0.2),
        ("spread:0.08,0.563,1.18", Spread(0.08, 0.563, 1.18), 0.563),
    ],
)
def test_both_written_forms(text: str, model: DelayModel, usual: float) -> None:
    """The command line's form and JSON say the same."""
    assert parse_delay(text) == model
    assert typical(model) == pytest.approx(usual)
    decoded = msgspec.json.decode(msgspec.json.encode(model), type=DelayModel)
    assert decoded == model


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "-1", "nan", "inf", "4000", "uniform:0.3,0.1", "lognormal:0,1",
        "lognormal:0.6,0.2", "lognormal:0.2", "uniform:1,2,3", "spread:0,1,1.1",
        "gamma:1,2", ":1", "uniform:a,b",
    ],
)  # fmt: skip
def test_impossible_delay_is_one_line(text: str) -> None:
    """A delay that cannot be sampled is a SettingError of one line."""
    with pytest.raises(SettingError) as caught:
        parse_delay(text)

    assert "\n" not in str(caught.value)


def test_published_profile_is_what_was_published() -> None:
    """Least, mean and most of the transcript's lag; speech about 0.2 to 0.28 s."""
    profile = PROFILES["published"]
    assert profile.recogniser_delay is not None
    assert profile.speech_delay is not None
    drawn = samples(profile.recogniser_delay, 1)
    assert min(drawn) >= 0.08
    assert max(drawn) <= 1.18
    assert fmean(drawn) == pytest.approx(0.563, abs=0.02)
    speech = quantiles(samples(profile.speech_delay, 1), n=100)
    assert 0.2 <= speech[0] < speech[-1] <= 0.28
    assert all(source.startswith("https://") for source in profile.sources)


def test_plans_are_settings() -> None:
    """Every limit of a plan is a setting of the fake Deepgram."""
    from fakes.deepgram.settings import DeepgramSettings

    for plan in PLANS.values():
        assert DeepgramSettings(**plan) != DeepgramSettings()  # type: ignore[arg-type]
