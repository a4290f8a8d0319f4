"""What the providers saw: every attempt, every caller frame, every utterance made.

All moments are seconds of the machine's monotonic clock, taken on receipt, so that
they compare with those of the phone in another process of the same machine. Keys and
other credentials are never stored. The oldest entries go when a limit is reached.
:mod:`fakes.ledger_export` writes it as JSON lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from fakes.calls_heard import Call, Turn
from fakes.ledger_entries import (
    Attempt,
    CallHeard,
    FaultFired,
    TurnHeard,
    UtteranceMade,
)
from fakes.speech import FrameCode, Speaker
from fakes.timeline import Timeline

__all__ = ["Attempt", "CallHeard", "FaultFired", "Ledger", "TurnHeard", "UtteranceMade"]

ATTEMPTS_KEPT = 100_000
CALLS_KEPT = 50_000
UTTERANCES_KEPT = 100_000
FAULTS_KEPT = 100_000
TIMELINES_KEPT = 2_000

K = TypeVar("K")
V = TypeVar("V")


class _Speaking(NamedTuple):
    """Who spoke last on a connection: most frames belong to the turn before them."""

    call: int
    turn: int
    frames: int
    entry: Turn


def _keep(kept: dict[K, V], key: K, value: V, limit: int) -> None:
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]


class Ledger:
    """The book of one world; not shared between threads."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._utterance_numbers = itertools.count(1)
        self._late: dict[int, Callable[[], None]] = {}
        self.adopting = ""
        self.reset()

    def reset(self) -> None:
        """Forget everything; numbers go on, so that old audio never passes for new."""
        self._catch_up()
        self.adopting = ""
        self._attempts: dict[int, Attempt] = {}
        self._groups: dict[str, list[int]] = {}
        self._calls: dict[int, Call] = {}
        self._speaking: dict[int, _Speaking] = {}
        self._timelines: dict[int, Timeline] = {}
        self._utterances: dict[int, UtteranceMade] = {}
        self._faults: dict[int, FaultFired] = {}

    # --- who enters things late --------------------------------------------------

    def expect(self, attempt: Attempt, catch_up: Callable[[], None] | None) -> None:
        """Call this before anything is read, for it has more to enter; None ends it."""
        if catch_up is None:
            self._late.pop(attempt.id, None)
        else:
            self._late[attempt.id] = catch_up

    def _catch_up(self) -> None:
        for catch_up in list(self._late.values()):
            catch_up()

    def _catch_up_with(self, attempt: int) -> None:
        catch_up = self._late.get(attempt)
        if catch_up is not None:
            catch_up()

    # --- writing -----------------------------------------------------------------

    def group_for(self, named: str) -> str:
        """Return the group of an attempt that names this one, or none.

        While ``adopting`` says so, what names none belongs to the only call that there
        is: agents that tell their providers nothing of the call can be put one at a
        time to what is meant for one call.
        """
        return named or self.adopting

    def knock(self, surface: str, group: str, now: float) -> Attempt:
        """Enter a new attempt; the caller fills in what becomes of it."""
        attempt = Attempt(id=next(self._ids), surface=surface, at=now, group=group)
        _keep(self._attempts, attempt.id, attempt, ATTEMPTS_KEPT)
        _keep(self._groups, group, self._groups.get(group, []), ATTEMPTS_KEPT)
        self._groups[group].append(attempt.id)
        del self._groups[group][:-ATTEMPTS_KEPT]
        return attempt

    def hear(self, attempt: Attempt, codes: Iterable[FrameCode], now: float) -> None:
        """Enter frames that arrived on a connection."""
        self.hear_run(attempt, [(codes, now)])

    def hear_run(
        self, attempt: Attempt, heard: Iterable[tuple[Iterable[FrameCode], float]]
    ) -> None:
        """Enter frames that arrived on a connection at several times."""
        speaking = self._speaking.get(attempt.id)
        for codes, now in heard:
            for code in codes:
                speaker, call, turn, frame, frames = code[:5]
                if speaker is not Speaker.CALLER:
                    attempt.echoed += 1
                    continue
                if (
                    speaking is None
                    or speaking[0] != call
                    or speaking[1] != turn
                    or speaking[2] != frames
                ):
                    speaking = self._begin_turn(attempt, code, now)
                # In place, for this is the path of every frame of every call.
                entry = speaking[3]
                if entry.counts[frame] < 255:
                    entry.counts[frame] += 1
                if frame > entry.furthest:
                    entry.furthest = frame
                else:
                    entry.disordered += 1
                entry.last_at = now

    def _begin_turn(self, attempt: Attempt, code: FrameCode, now: float) -> _Speaking:
        call = self._calls.get(code.call)
        if call is None:
            call = Call()
            _keep(self._calls, code.call, call, CALLS_KEPT)
        if code.call not in attempt.calls:
            attempt.calls.append(code.call)
        if attempt.id not in call.connections:
            call.connections.append(attempt.id)
        turn = call.turn(code, now)
        speaking = _Speaking(code.call, code.turn, code.frames, turn)
        _keep(self._speaking, attempt.id, speaking, CALLS_KEPT)
        return speaking

    def finalise(self, call: int, turn: int, words: list[str], now: float) -> None:
        """Enter the words of a caller's turn that went out in a final."""
        heard = self._calls.get(call)
        for entry in heard.turns.values() if heard else ():
            if entry.turn == turn:
                entry.words += words
                entry.final_at = now

    def new_utterance_number(self) -> int:
        """Return the next number, 1 to 2**24 - 1 and round again."""
        return (next(self._utterance_numbers) - 1) % (2**24 - 1) + 1

    def make(self, utterance: UtteranceMade) -> UtteranceMade:
        """Enter an utterance; the caller fills in how it went out."""
        _keep(self._utterances, utterance.utterance, utterance, UTTERANCES_KEPT)
        attempt = self._attempts.get(utterance.attempt)
        if attempt is not None:
            attempt.utterances.append(utterance.utterance)
        return utterance

    def fire(self, attempt: Attempt, fault: str, meant_at: float) -> FaultFired:
        """Enter a fault; the caller fills in when it happened."""
        fired = FaultFired(
            fault=fault,
            surface=attempt.surface,
            group=attempt.group,
            attempt=attempt.id,
            meant_at=meant_at,
        )
        _keep(self._faults, attempt.id, fired, FAULTS_KEPT)
        return fired

    # --- reading -----------------------------------------------------------------

    def call(self, number: int) -> CallHeard | None:
        """Return what was heard of a caller, turns in order; None if nothing was."""
        self._catch_up()
        call = self._calls.get(number)
        return None if call is None else call.report(number)

    def timeline(self, attempt: Attempt) -> Timeline:
        """Return where to enter what crosses a connection."""
        found = self._timelines.get(attempt.id)
        if found is None:
            found = Timeline()
            _keep(self._timelines, attempt.id, found, TIMELINES_KEPT)
        return found

    def kept_timeline(self, attempt: int) -> Timeline | None:
        """Return a timeline to be read; only those of the newest sockets are kept."""
        self._catch_up_with(attempt)
        return self._timelines.get(attempt)

    def attempt(self, number: int) -> Attempt | None:
        """Return an attempt by its id."""
        self._catch_up_with(number)
        return self._attempts.get(number)

    def utterance(self, number: int) -> UtteranceMade | None:
        """Return an utterance by its number."""
        return self._utterances.get(number)

    def fault(self, attempt: int) -> FaultFired | None:
        """Return the last fault that an attempt met."""
        return self._faults.get(attempt)

    @property
    def groups(self) -> list[str]:
        """The groups seen, in order of their first attempt."""
        return list(self._groups)

    def group(self, name: str) -> list[Attempt]:
        """Return the attempts of a group, oldest first."""
        self._catch_up()
        found = (self._attempts.get(number) for number in self._groups.get(name, ()))
        return [attempt for attempt in found if attempt is not None]

    def faults(self, group: str | None = None) -> list[FaultFired]:
        """Return the faults that fired, of one group or of all."""
        every = self._faults.values()
        return [fired for fired in every if group in (None, fired.group)]

    def utterances(self, group: str | None = None) -> list[UtteranceMade]:
        """Return the utterances made, of one group or of all."""
        every = self._utterances.values()
        return [made for made in every if group in (None, made.group)]

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt, oldest first."""
        self._catch_up()
        return list(self._attempts.values())

    def between(self, since: float, until: float) -> list[Attempt]:
        """Return what reached the door in that time, newest first."""
        found: list[Attempt] = []
        for attempt in reversed(self._attempts.values()):
            if attempt.at < since:
                break
            if attempt.at <= until:
                found.append(attempt)
        return found

    @property
    def calls(self) -> list[CallHeard]:
        """Every caller heard, by number."""
        self._catch_up()
        return [self._calls[number].report(number) for number in sorted(self._calls)]
