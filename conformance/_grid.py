"""Provider faults x phases of a call: every cell of the grid, and how it is put.

A cell lets one provider fail in one way in one phase of a call, and then goes on
talking. The caller speaks at fixed moments (`ASKS_AT`), greeting or not, so that the
moments of the faults are known before the call begins.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

from conformance._barge_in import LONG
from conformance._grid_faults import BREAKS_OFF, KINDS, Kind
from conformance._providers import PROVIDERS
from fakes.faults import Fault, Momentary, Nothing
from fakes.ledger import Attempt, FaultFired
from fakes.speech import Speaker, frames_of
from fakes.twilio.caller.script import ConversationStep, HangUp, Pause, Say

__all__ = ["PHASES", "Cell", "cells", "sample"]

PHASES = {
    "connecting": "before the link is open",
    "greeting": "while the agent greets",
    "listening": "while the caller speaks",
    "thinking": "while the model is asked",
    "speaking": "while a reply is heard",
    "interrupted": "after the caller has interrupted",
    "hanging-up": "as the caller hangs up",
}

ASKS_AT = 5.0
"""Seconds into the call at which the caller says his first sentence."""

_FRAME = 0.020
_USUAL_GAP = 0.8  # seconds until a reply; moments inside a reply are about right, then
_QUESTION = "What time is it?"

# Which of an agent's requests meet the faults: a greeting has one sentence or two.
_REQUESTS_BEFORE = {
    ("voice", "greeting"): 0,
    ("voice", "speaking"): 2,
    ("voice", "interrupted"): 3,
    ("voice", "hanging-up"): 2,
    ("model", "thinking"): 0,
    ("model", "speaking"): 0,
    ("model", "interrupted"): 1,
    ("model", "hanging-up"): 0,
}


class Cell(NamedTuple):
    """One fault of one provider in one phase."""

    provider: str
    phase: str
    fault: str

    @property
    def name(self) -> str:
        """What ``--case`` selects it by, such as ``model/thinking/refuse-503``."""
        return "/".join(self)

    @property
    def kind(self) -> Kind:
        """The way in which the provider fails."""
        return KINDS[self.fault]

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Where the faults wait; the agent has to come to one of them."""
        return PROVIDERS[self.provider]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the attempts at each surface meet, in order."""
        if self.provider == "recogniser":
            return tuple(self.kind.faults(_moments()[self.phase]))
        before = _REQUESTS_BEFORE[self.provider, self.phase]
        return (*(Nothing(),) * before, *self.kind.faults(None))

    def was_met(self, attempts: Iterable[Attempt], fired: Iterable[FaultFired]) -> bool:
        """Return whether the agent came to where the first fault waited, and met it."""
        seen = Counter(attempt.surface for attempt in attempts)
        number, first = next(
            (number, fault)
            for number, fault in enumerate(self.faults)
            if not isinstance(fault, Nothing)
        )
        if isinstance(first, Momentary):
            return any(
                one.surface in self.surfaces and one.happened_at is not None
                for one in fired
            )
        return any(seen[surface] > number for surface in self.surfaces)

    @property
    def conversation(self) -> tuple[ConversationStep, ...]:
        """What the caller does; a question after the trouble is the last of it."""
        begin = Pause(ASKS_AT)
        if self.phase == "hanging-up":
            return begin, Say(LONG, reply=False), Pause(_LINGERS), HangUp()
        ask = Say(_QUESTION)
        if self.phase == "interrupted":
            barge_in = Say("Where is my parcel?", barge_in_after=_BARGES_IN)
            return begin, Say(LONG), barge_in, ask, HangUp()
        return begin, Say(LONG), ask, HangUp()


_LINGERS = 1.3
_BARGES_IN = 0.8


@cache
def _moments() -> dict[str, float]:
    """Return when a fault strikes a link, in seconds after its opening."""
    frames = sum(1 for _ in frames_of(LONG, speaker=Speaker.CALLER, call=1))
    said = ASKS_AT + frames * _FRAME
    return {
        "connecting": 0.0,
        "greeting": 0.8,
        "listening": ASKS_AT + 1.5,
        "thinking": said + 0.4,
        "speaking": said + _USUAL_GAP + 1.0,
        "interrupted": said + _USUAL_GAP + _BARGES_IN + 0.5,
        "hanging-up": said + _LINGERS - 0.3,
    }


def cells() -> list[Cell]:
    """Return every cell that makes sense, provider by provider."""
    return [
        Cell(provider, phase, name)
        for provider in PROVIDERS
        for phase in PHASES
        for name, kind in KINDS.items()
        if _makes_sense(provider, phase, name, kind)
    ]


def _makes_sense(provider: str, phase: str, name: str, kind: Kind) -> bool:
    if provider not in kind.providers or (kind.phases and phase not in kind.phases):
        return False
    if provider == "recogniser":
        return True
    if (provider, phase) not in _REQUESTS_BEFORE:
        return False
    # Before the first word of an answer nothing of it can break off, and a model that
    # is heard already cannot refuse.
    breaks_off = name in BREAKS_OFF
    if provider == "model" and phase in ("thinking", "speaking"):
        return breaks_off == (phase == "speaking")
    return True


def sample(every: Iterable[Cell], count: int, seed: int) -> list[Cell]:
    """Return some cells, the same for the same seed, spread over the providers."""
    chance = random.Random(f"grid:{seed}")
    drawn = list(every)
    chance.shuffle(drawn)
    by_provider = [[c for c in drawn if c.provider == name] for name in PROVIDERS]
    mixed = [cell for row in zip_longest(*by_provider) for cell in row if cell]
    return mixed[:count]
