"""What a run with ``--evidence DIR`` leaves there, from its calls and tallies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes.backoff.policy import Policy
from fakes.evidence.keeper import Keeper
from fakes.evidence.own_figures import OwnFigures
from fakes.evidence.trace import Moment
from loadtests._lines import Settled
from loadtests._tally import Tally
from voiceutils.budget import Budget

__all__ = ["Evidence"]


class Evidence:
    """Keeps the calls of one Locust process; see `Keeper`.

    Args:
        folder: where to; made if need be.
        budgets: of the run.
    """

    def __init__(self, folder: Path, budgets: Sequence[Budget]) -> None:
        self.folder = folder
        self._keeper = Keeper(folder, budgets)

    def begin(
        self, agent: str, seed: int, backoff: Policy | None, **settings: Any
    ) -> None:
        """Begin a new trace; raises VoiceError when the folder cannot be written."""
        self._keeper.begin("load", agent, seed, backoff, **settings)

    def keep(self, settled: Settled) -> None:
        """Write a call down, whole or in figures."""
        self._keeper.keep(settled.record, settled.evidence, settled.waterfall)

    def note(self, entry: Moment | OwnFigures) -> None:
        """Write down how the run goes, or what the agent says of a call."""
        self._keeper.write(entry)

    def end(self, results: dict[str, Any], tally: Tally) -> None:
        """Close the trace and make the page of it."""
        self._keeper.end(results, tally.histograms)
