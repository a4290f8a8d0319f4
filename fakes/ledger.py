"""What the providers saw: every attempt, every caller frame, every utterance made.

All moments are seconds of the machine's monotonic clock, taken on receipt, so that
they compare with those of the phone in another process of the same machine. Keys and
other credentials are never stored. The oldest entries go when a limit is reached.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from fakes.speech import FrameCode, Speaker

__all__ = ["Attempt", "CallHeard", "FaultFired", "Ledger", "TurnHeard", "UtteranceMade"]

ATTEMPTS_KEPT = 100_000
CALLS_KEPT = 50_000
UTTERANCES_KEPT = 100_000
FAULTS_KEPT = 100_000

K = TypeVar("K")
V = TypeVar("V")


class Attempt(msgspec.Struct, kw_only=True):
    """One connection or request.

    Attributes:
        surface: ``listen``, ``speak`` (WebSocket), ``speak_rest`` or ``chat``.
        at: when it reached the door.
        group: ``tag`` or ``user`` as the client gave it, else "".
        outcome: ``pending``, ``accepted`` or ``refused 503``.
        retry_after: seconds that a refusal asked to wait.
        opened: when it was let in.
        closed: when it was over.
        close_code: of the WebSocket; 1006 without close frame.
        closed_by: ``client`` or ``fake``.
        aborted: whether the client left before its answer was complete.
        first_answer_at: first message, token or byte of audio sent.
        messages: audio messages received, or tokens sent.
        audio_bytes: audio received (listen) or sent (speak).
        longest_message: bytes of the longest audio message received.
        calls: numbers of the callers heard on it; more than one is cross-talk.
        echoed: frames of agent speech received: the agent transcribes itself.
        said: what the model was asked.
        reply: what it answered.
        utterances: numbers of the utterances made for it.
    """

    id: int
    surface: str
    at: float
    group: str = ""
    outcome: str = "pending"
    retry_after: float | None = None
    opened: float | None = None
    closed: float | None = None
    close_code: int | None = None
    closed_by: str = ""
    aborted: bool = False
    first_answer_at: float | None = None
    messages: int = 0
    audio_bytes: int = 0
    longest_message: int = 0
    calls: list[int] = msgspec.field(default_factory=list)
    echoed: int = 0
    said: str = ""
    reply: str = ""
    utterances: list[int] = msgspec.field(default_factory=list)


class TurnHeard(msgspec.Struct):
    """One caller turn as it reached the recogniser.

    Attributes:
        frames: how many frames the turn has.
        heard: how many different ones arrived.
        disordered: how many arrived after a later one.
        final_at: when the last final with words of the turn was sent.
        transcript: the words of the turn in finals.
    """

    turn: int
    frames: int
    heard: int
    missing: list[int]
    repeated: list[int]
    disordered: int
    first_at: float
    last_at: float
    final_at: float | None
    transcript: str


class CallHeard(msgspec.Struct):
    """All that was heard of one caller; ``connections`` are ids of attempts."""

    call: int
    turns: list[TurnHeard]
    connections: list[int]


class UtteranceMade(msgspec.Struct, kw_only=True):
    """One utterance spoken for an agent; its number is in the code of its frames.

    Attributes:
        frames: how many frames it has.
        audio_bytes: how many bytes of it were sent, without file header.
        aborted: whether it was cut by the client (gone, or Clear) or by a fault.
    """

    utterance: int
    text: str
    group: str
    attempt: int
    requested_at: float
    frames: int
    first_audio_at: float | None = None
    last_audio_at: float | None = None
    audio_bytes: int = 0
    aborted: bool = False


class FaultFired(msgspec.Struct, kw_only=True):
    """A fault that an attempt met; ``happened_at`` is None while it is awaited."""

    fault: str
    surface: str
    group: str
    attempt: int
    meant_at: float
    happened_at: float | None = None


class _Turn:
    """Arrivals of one turn's frames; a byte each, counted up to 255."""

    def __init__(self, code: FrameCode, now: float) -> None:
        self.turn = code.turn
        self.counts = bytearray(code.frames)
        self.disordered = 0
        self.furthest = -1
        self.first_at = self.last_at = now
        self.final_at: float | None = None
        self.words: list[str] = []

    def add(self, frame: int, now: float) -> None:
        self.counts[frame] = min(self.counts[frame] + 1, 255)
        if frame <= self.furthest:
            self.disordered += 1
        self.furthest = max(self.furthest, frame)
        self.last_at = now

    def report(self) -> TurnHeard:
        counts = self.counts
        missing = [frame for frame, times in enumerate(counts) if not times]
        return TurnHeard(
            turn=self.turn,
            frames=len(counts),
            heard=len(counts) - len(missing),
            missing=missing,
            repeated=[frame for frame, times in enumerate(counts) if times > 1],
            disordered=self.disordered,
            first_at=self.first_at,
            last_at=self.last_at,
            final_at=self.final_at,
            transcript=" ".join(self.words),
        )


class _Call:
    def __init__(self) -> None:
        self.turns: dict[tuple[int, int], _Turn] = {}
        self.connections: list[int] = []


def _keep(kept: dict[K, V], key: K, value: V, limit: int) -> None:
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]


class Ledger:
    """The book of one world; not shared between threads."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._utterance_numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget everything; numbers go on, so that old audio never passes for new."""
        self._attempts: dict[int, Attempt] = {}
        self._groups: dict[str, list[int]] = {}
        self._calls: dict[int, _Call] = {}
        self._utterances: dict[int, UtteranceMade] = {}
        self._faults: dict[int, FaultFired] = {}

    # --- writing -----------------------------------------------------------------

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
        for code in codes:
            if code.speaker is not Speaker.CALLER:
                attempt.echoed += 1
                continue
            call = self._calls.get(code.call)
            if call is None:
                call = _Call()
                _keep(self._calls, code.call, call, CALLS_KEPT)
            key = (code.turn, code.frames)
            turn = call.turns.get(key)
            if turn is None:
                turn = call.turns[key] = _Turn(code, now)
            turn.add(code.frame, now)
            if code.call not in attempt.calls:
                attempt.calls.append(code.call)
            if attempt.id not in call.connections:
                call.connections.append(attempt.id)

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
        call = self._calls.get(number)
        if call is None:
            return None
        turns = [call.turns[key].report() for key in sorted(call.turns)]
        return CallHeard(number, turns, list(call.connections))

    def group(self, name: str) -> list[Attempt]:
        """Return the attempts of a group, oldest first."""
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
        return list(self._attempts.values())

    @property
    def calls(self) -> list[CallHeard]:
        """Every caller heard, by number."""
        heard = (self.call(number) for number in sorted(self._calls))
        return [call for call in heard if call is not None]
