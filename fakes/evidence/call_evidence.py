"""What the providers know of one call, found by the code in its audio.

Tags and users that an agent sends are not needed: the caller's frames say on which
connection they arrived, the agent's frames which utterance they are of, and a request
to the model says the words that were transcribed, or answers with those spoken.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fakes.call_record import CallRecord
from fakes.ledger import Ledger
from fakes.ledger_entries import Attempt, CallHeard, FaultFired, UtteranceMade

__all__ = ["CallEvidence", "evidence_of", "evidence_query", "same_words"]

MODEL = "chat"


class CallEvidence(msgspec.Struct, kw_only=True):
    """The providers' side of one call; moments are monotonic seconds of this machine.

    Attributes:
        heard: the caller as it reached the recogniser.
        attempts: connections and requests of the call, oldest first.
        utterances: those of them that the caller was played, as far as they are known.
        faults: that these attempts met. Since version 2 of a trace.
    """

    heard: CallHeard
    attempts: list[Attempt] = []
    utterances: list[UtteranceMade] = []
    faults: list[FaultFired] = []


def evidence_of(
    ledger: Ledger,
    call: int,
    *,
    group: str = "",
    utterances: Iterable[int] = (),
    since: float = 0.0,
    until: float = float("inf"),
) -> CallEvidence:
    """Return what there is of a call.

    Args:
        ledger: the book.
        call: the caller's number.
        group: tag of the call, whose attempts belong to it in any case.
        utterances: numbers that the caller heard in the agent's audio.
        since: when the call was placed.
        until: when it ended.
    """
    heard = ledger.call(call) or CallHeard(call, [], [])
    made = [ledger.utterance(number) for number in utterances]
    known = [utterance for utterance in made if utterance is not None]
    spoken = [utterance.text for utterance in known]
    said = {same_words(turn.transcript) for turn in heard.turns if turn.transcript}
    ids = {*heard.connections, *(utterance.attempt for utterance in known)}
    ids |= {attempt.id for attempt in ledger.group(group)} if group else set()
    ids |= {
        attempt.id
        for attempt in ledger.between(since, until)
        if attempt.surface == MODEL
        # Callers ask the same; where an agent says whose request it is, it is believed.
        and attempt.group in ("", group)
        and (same_words(attempt.said) in said or _answers(attempt, spoken))
    }
    found = (ledger.attempt(number) for number in sorted(ids))
    attempts = [attempt for attempt in found if attempt is not None]
    faults = [fired for one in attempts if (fired := ledger.fault(one.id))]
    return CallEvidence(heard=heard, attempts=attempts, utterances=known, faults=faults)


def evidence_query(record: CallRecord, *, ahead: float = 0.0) -> dict[str, str]:
    """Return what to ask ``/__fakes/evidence/{call}`` of a call that is over.

    ``ahead``: seconds by which the fakes' clock is ahead of the record's.
    """
    return {
        "group": record.call_sid,
        "utterances": ",".join(str(one.utterance) for one in record.utterances),
        "since": repr(record.placed_at + ahead),
        "until": repr(record.placed_at + record.duration + ahead),
    }


def same_words(text: str) -> str:
    """Return a text without what differs between two ways to write the same words."""
    kept = (letter if letter.isalnum() else " " for letter in text.lower())
    return " ".join("".join(kept).split())


def _answers(attempt: Attempt, spoken: Iterable[str]) -> bool:
    reply = same_words(attempt.reply)
    return bool(reply) and any(same_words(text) in reply for text in spoken if text)
