"""How late frames leave, by the number of calls, as a picture; needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.bench.engine._table import LATE_MS, Figures
from voiceutils.errors import SettingError

__all__ = ["draw"]


def draw(steps: Sequence[Figures], path: str) -> None:
    """Write the picture; its format is that of the name.

    Args:
        steps: what was measured with each number of calls.
        path: of the file, such as ``lateness.svg``.

    Raises:
        SettingError: matplotlib is missing, or cannot write this format.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise SettingError(
            "plots need matplotlib: pip install 'busyhour[plots]'"
        ) from error
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    calls = [step["calls"] for step in steps]
    for key in ("p50", "p99", "max"):
        axes.plot(calls, [1000 * step[key] for step in steps], marker="o", label=key)
    axes.axhline(LATE_MS, linestyle=":", color="grey", label="valid up to (p99)")
    axes.set_yscale("log")
    axes.set_xlabel("calls at once, on one core")
    axes.set_ylabel("milliseconds after their moment")
    axes.set_title("How late the frames of whole callers leave")
    axes.legend()
    try:
        figure.savefig(path)
    except (ValueError, OSError) as error:
        raise SettingError(f"no picture in {path}: {error}") from error
    finally:
        plt.close(figure)
