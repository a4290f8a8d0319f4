"""Asks the agent, now and then, what it has measured of its own calls."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

from fakes.evidence.own_figures import OwnFigures, metrics_url, read_metrics
from voiceutils.errors import WireError

__all__ = ["AgentMetrics"]

log = logging.getLogger("busyhour")

ASK_EVERY = 10.0
DEADLINE = 3.0
MOST_BYTES = 4 << 20
MOST_CALLS = 6000  # of one run; more are never kept whole

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AgentMetrics:
    """The agent's own figures, each call's told once.

    An agent that does not answer at first is not asked again: it has none.

    Args:
        agent: its voice webhook; a media socket has no figures beside it.
        take: called with those of each call.
    """

    def __init__(self, agent: str, take: Callable[[OwnFigures], None]) -> None:
        self._url = metrics_url(agent)
        self._take = take
        self._known: set[str] = set()
        self._asked_at = float("-inf")

    def ask(self, now: float, *, at_once: bool = False) -> None:
        """Ask if it is time, or at once; returns when the answer was taken."""
        if not self._url or (now - self._asked_at < ASK_EVERY and not at_once):
            return
        first, self._asked_at = self._asked_at < 0, now
        try:
            with _opener.open(self._url, timeout=DEADLINE) as answer:
                told = read_metrics(answer.read(MOST_BYTES))
        except (OSError, HTTPException, WireError) as error:
            if first:
                log.debug("no figures of the agent's own: %s", error)
                self._url = ""
            return
        for figures in told:
            if figures.call_sid not in self._known and len(self._known) < MOST_CALLS:
                self._known.add(figures.call_sid)
                self._take(figures)
