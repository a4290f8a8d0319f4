"""The storms as a picture; needs matplotlib (``pip install 'busyhour[plots]'``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.outage.model import Storm
from voiceutils.errors import SettingError

__all__ = ["draw"]


def draw(storms: Sequence[Storm], path: Path) -> None:
    """Write attempts a second, and sessions that wait, over time, to an image file.

    Args:
        storms: of one scenario.
        path: its ending decides the format: svg, png or pdf.

    Raises:
        SettingError: matplotlib is missing, or cannot write this format.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise SettingError(
            "plots need matplotlib: pip install 'busyhour[plots]'"
        ) from error
    figure, (attempts, waiting) = plt.subplots(
        2, 1, sharex=True, figsize=(10, 7), layout="constrained"
    )
    for storm in storms:
        seconds = range(len(storm.attempts))
        attempts.plot(seconds, storm.attempts, label=storm.policy.name, linewidth=1)
        waiting.plot(seconds, storm.waiting, linewidth=1)
    for axis in (attempts, waiting):
        for outage in storms[0].scenario.outages:
            axis.axvspan(outage.start, outage.end, color="0.92")
    attempts.set_yscale("symlog", linthresh=10)
    attempts.set_ylabel("connection attempts a second")
    attempts.legend(fontsize="small")
    waiting.set_ylabel("sessions without a connection")
    waiting.set_xlabel("seconds (grey: outage)")
    figure.suptitle(
        f"{storms[0].scenario.fleet.sessions} sessions lose their provider at once"
    )
    try:
        figure.savefig(path)
    except ValueError as error:
        raise SettingError(f"cannot write {path}: {error}") from error
    finally:
        plt.close(figure)
