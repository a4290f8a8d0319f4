"""Whose silence it was: the turn gap taken apart, from the wires alone.

A turn gap runs from the caller's last voiced frame to the first voiced agent audio that
leaves the loudspeaker. In between lie moments that phone and providers saw, each on
the same clock; the parts between them add up to the gap by construction. What a
provider took is apart from what the agent took, so that the agent's own share stands
alone. The part "recognition" holds the silence for which the agent asked the recogniser
to wait (endpointing), beside the recogniser's own delay.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fakes.call_record import CallRecord, TurnRecord, UtteranceHeard
from fakes.evidence.call_evidence import MODEL, CallEvidence, same_words
from fakes.ledger_entries import Attempt, UtteranceMade

__all__ = ["PARTS", "Part", "TurnParts", "moments_of", "waterfall"]

AGENT = "agent"

PARTS: dict[str, str] = {
    "buffering": AGENT,
    "recognition": "recogniser",
    "to the model": AGENT,
    "first token": "model",
    "to the voice": AGENT,
    "first audio": "voice",
    "to the caller": AGENT,
    "playout": "phone",
}
"""The parts in their order, and who takes them:

* buffering: until the last frame of the turn has reached the recogniser;
* recognition: until the last final with words of the turn was sent;
* to the model: until the agent asks the model;
* first token: until the model answers;
* to the voice: until the agent asks for the first speech that is heard in reply, which
  includes what the model takes for a first sentence;
* first audio: until its first byte is sent;
* to the caller: until its first sound has come to the phone;
* playout: until it sounds, behind whatever the agent had sent before.
"""


class Part(msgspec.Struct, frozen=True):
    """One part of a turn gap; seconds, ``began`` since the call was placed.

    A part whose end nobody saw has its name joined to the next one by `` + ``, and the
    agent is not said to have taken it.
    """

    name: str
    owner: str
    began: float
    seconds: float


class TurnParts(msgspec.Struct, frozen=True):
    """One turn's gap in its parts."""

    turn: int
    gap: float
    parts: tuple[Part, ...]

    @property
    def whole(self) -> bool:
        """Whether every moment was seen."""
        return len(self.parts) == len(PARTS)

    @property
    def own(self) -> float:
        """Seconds that were surely the agent's own."""
        return sum(part.seconds for part in self.parts if part.owner == AGENT)


def waterfall(record: CallRecord, evidence: CallEvidence) -> list[TurnParts]:
    """Return the parts of every turn that was answered, in order.

    A turn that the agent talked over has no gap, and is left out.
    """
    found = (_of_turn(turn, record, evidence) for turn in record.turns)
    return [parts for parts in found if parts is not None]


def _of_turn(
    turn: TurnRecord, record: CallRecord, evidence: CallEvidence
) -> TurnParts | None:
    if turn.gap is None or turn.gap < 0 or turn.spoke_until is None:
        return None
    begin = turn.spoke_until
    end = begin + turn.gap
    moments = moments_of(turn, record, evidence)
    parts: list[Part] = []
    names: list[str] = []
    at = begin
    for (name, owner), moment in zip(PARTS.items(), [*moments, end], strict=True):
        names.append(name)
        if moment is None:
            continue
        # A final may come before the last silence has, a sentence before the caller
        # has ended: what was over before its turn came has taken no time.
        until = min(max(at, moment), end)
        sure = owner if len(names) == 1 else ""
        parts.append(Part(" + ".join(names), sure, at, until - at))
        names, at = [], until
    return TurnParts(turn.turn, turn.gap, tuple(parts))


def moments_of(
    turn: TurnRecord, record: CallRecord, evidence: CallEvidence
) -> list[float | None]:
    """Return the moments between the parts, since the call was placed.

    One fewer than :data:`PARTS`, in their order; None for one that nobody saw.
    """
    placed = record.placed_at
    heard = next((t for t in evidence.heard.turns if t.turn == turn.turn), None)
    spoken = _first_utterance(turn, record.utterances, evidence.utterances)
    asked = _request(spoken, turn, record, evidence.attempts)
    moments = [
        heard.last_at if heard else None,
        heard.final_at if heard else None,
        asked.at if asked else None,
        asked.first_answer_at if asked else None,
        spoken.requested_at if spoken else None,
        spoken.first_audio_at if spoken else None,
    ]
    since = [None if moment is None else moment - placed for moment in moments]
    return [*since, turn.media_at]


def _first_utterance(
    turn: TurnRecord,
    heard: Sequence[UtteranceHeard],
    made: Sequence[UtteranceMade],
) -> UtteranceMade | None:
    """Return the utterance that sounded when the reply began."""
    begun = [
        utterance
        for utterance in heard
        if turn.reply_at is not None
        and utterance.first_at - 1e-6 <= turn.reply_at <= utterance.last_at + 1e-6
    ]
    if not begun:
        return None
    number = max(begun, key=lambda utterance: utterance.first_at).utterance
    return next((one for one in made if one.utterance == number), None)


def _request(
    spoken: UtteranceMade | None,
    turn: TurnRecord,
    record: CallRecord,
    attempts: Sequence[Attempt],
) -> Attempt | None:
    """Return the model's request whose reply was spoken, the last one.

    Known by its words; callers who ask the same at the same time can be told apart
    only if the agent says whose request it is (``user``).
    """
    if spoken is None or turn.spoke_from is None:
        return None
    since = record.placed_at + turn.spoke_from
    words = same_words(spoken.text)
    asked = [
        attempt
        for attempt in attempts
        if attempt.surface == MODEL
        and since <= attempt.at <= spoken.requested_at
        and attempt.first_answer_at is not None
        and words
        and words in same_words(attempt.reply)
    ]
    own = [attempt for attempt in asked if attempt.group == record.call_sid]
    if not own and len(asked) > 1:
        return None
    return max(own or asked, key=lambda attempt: attempt.at, default=None)
