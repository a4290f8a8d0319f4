"""How long the fakes take: a number of seconds, or a distribution of them.

As JSON a number, or ``{"type":"lognormal","p50":0.2,"p95":0.6}``; on a command line
``0.12``, ``uniform:0.1,0.3``, ``lognormal:0.2,0.6`` or ``spread:0.08,0.56,1.18``. The
same seed gives the same delays. No socket, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TypeAlias

import msgspec

from voiceutils.errors import SettingError

__all__ = [
    "DelayModel",
    "Lognormal",
    "Spread",
    "Uniform",
    "check_delay",
    "least",
    "parse_delay",
    "sampler",
    "typical",
]

LONGEST = 3600.0
_Z95 = 1.6448536269514722  # the standard normal's 95th percentile


class _Distribution(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag=str.lower,
):
    pass


class Uniform(_Distribution, frozen=True):
    """Any length between two, all alike."""

    low: float
    high: float


class Lognormal(_Distribution, frozen=True):
    """The usual shape of latencies: half are below ``p50``, 5 % above ``p95``."""

    p50: float
    p95: float


class Spread(_Distribution, frozen=True):
    """Between the least and the most, with a mean: a triangle.

    For sources that publish minimum, average and maximum alone. The mean lies in the
    middle third, or no triangle has it.
    """

    least: float
    mean: float
    most: float


DelayModel: TypeAlias = float | Uniform | Lognormal | Spread

_FORMS: dict[str, tuple[Callable[..., DelayModel], int]] = {
    "uniform": (Uniform, 2),
    "lognormal": (Lognormal, 2),
    "spread": (Spread, 3),
}


def check_delay(model: DelayModel) -> DelayModel:
    """Return the model; raises SettingError if it cannot be sampled."""
    values: tuple[float, ...] = (
        (model,) if isinstance(model, float | int) else msgspec.structs.astuple(model)
    )
    if not all(0 <= value <= LONGEST for value in values):  # NaN is not either
        told = ", ".join(f"{value:g}" for value in values)
        raise SettingError(f"delay {told}: not between 0 and {LONGEST:g} seconds")
    if isinstance(model, Lognormal) and not 0 < model.p50 <= model.p95:
        raise SettingError("lognormal: p50 must be above 0 and p95 not below it")
    if isinstance(model, Uniform) and model.low > model.high:
        raise SettingError("uniform: the first number must not be above the second")
    if isinstance(model, Spread) and not (
        model.least - 1e-9 <= _mode(model) <= model.most + 1e-9
    ):
        raise SettingError(
            "spread: the mean must lie in the middle third between least and most"
        )
    return model


def _mode(model: Spread) -> float:
    return 3 * model.mean - model.least - model.most


def parse_delay(text: str) -> DelayModel:
    """Return the delay of a command line; raises SettingError with the known forms."""
    form, colon, numbers = text.partition(":")
    if not colon:
        form, numbers = "", text
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    if not colon and len(values) == 1:
        return check_delay(values[0])
    make, count = _FORMS.get(form, (Uniform, -1))
    if len(values) != count:
        raise SettingError(
            f"delay {text!r}: use seconds such as 0.12, uniform:LOW,HIGH, "
            "lognormal:P50,P95 or spread:LEAST,MEAN,MOST"
        )
    return check_delay(make(*values))


def least(model: DelayModel) -> float:
    """Return what no delay is shorter than."""
    match model:
        case Uniform(low):
            return low
        case Lognormal():
            return 0.0
        case Spread(shortest):
            return shortest
        case _:
            return model


def typical(model: DelayModel) -> float:
    """Return the median of uniform and lognormal, the mean of a spread."""
    match model:
        case Uniform(low, high):
            return (low + high) / 2
        case Lognormal(p50):
            return p50
        case Spread(mean=mean):
            return mean
        case _:
            return model


def sampler(model: DelayModel, *seed: object) -> Callable[[], float]:
    """Return a source of delays in seconds.

    Args:
        model: a plain number is returned as it is, every time.
        seed: whatever tells this source from others, such as the world's seed and the
            number of the connection; the same seed gives the same delays.
    """
    check_delay(model)
    if isinstance(model, float | int):
        constant = float(model)
        return lambda: constant
    draw = Random(":".join(map(str, seed)))
    match model:
        case Uniform(low, high):
            return partial(draw.uniform, low, high)
        case Lognormal(p50, p95):
            mu, sigma = math.log(p50), math.log(p95 / p50) / _Z95
            return lambda: min(draw.lognormvariate(mu, sigma), LONGEST)
        case Spread(least, _, most):
            mode = min(max(_mode(model), least), most)
            return partial(draw.triangular, least, most, mode)
