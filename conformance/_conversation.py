"""What a call was, without its moments: what two runs of one script have in common."""

from __future__ import annotations

from conformance._line import Line
from fakes.ledger_entries import Attempt

__all__ = ["conversation_of"]


async def conversation_of(line: Line) -> dict[str, object]:
    """Return what a call that is over must share with any other of the same script.

    Numbers that tell calls apart are left out, and so is how much was heard of a
    sentence that was interrupted, which is a matter of milliseconds.
    """
    assert line.record is not None, "talk first"
    record, attempts = line.record, await line.attempts()
    heard = await line.heard()
    return {
        "outcome": (record.outcome, record.cause),
        "turns": [(turn.said, turn.barge_in, turn.awaited) for turn in record.turns],
        "utterances": [
            utterance.text if not utterance.cut else "interrupted"
            for utterance in record.utterances
        ],
        "frames lost or heard twice": [
            (utterance.lost, utterance.repeated) for utterance in record.utterances
        ],
        "words heard in someone else's place": len(record.foreign),
        "findings": sorted(finding.code for finding in record.findings),
        "words at the recogniser": [
            (turn.transcript, turn.missing, turn.repeated) for turn in heard
        ],
        "links to the recogniser": [a.outcome for a in _on("listen", attempts)],
        "requests to the model": [
            (a.outcome, a.said, a.remembered) for a in _on("chat", attempts)
        ],
        "requests for speech": [
            (a.outcome, a.characters) for a in _on("speak_rest", attempts)
        ],
        "misconduct": sorted({finding.code for finding in await line.findings()}),
    }


def _on(surface: str, attempts: list[Attempt]) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.surface == surface]
