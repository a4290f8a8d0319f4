"""Enters in the ledger what crosses one WebSocket, whatever its surface."""

from __future__ import annotations

from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.ledger import Attempt, Ledger, UtteranceMade
from fakes.speech import FrameCode

__all__ = ["Bookkeeper"]


class Bookkeeper:
    """Keeps the book of one connection.

    Args:
        ledger: the book.
        attempt: the connection's entry.
    """

    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._made: dict[int, UtteranceMade] = {}

    def received(
        self, message: bytes | str, codes: list[FrameCode], now: float
    ) -> None:
        """Enter one frame of the client, and the speech that was heard in it."""
        attempt = self._attempt
        if isinstance(message, bytes) and message:
            attempt.messages += 1
            attempt.audio_bytes += len(message)
            attempt.longest_message = max(attempt.longest_message, len(message))
        if codes:
            self._ledger.hear(attempt, codes, now)

    def sending(self, item: Outgoing, now: float) -> str | bytes | Ended | None:
        """Enter what a core gave out; returns what of it goes on the wire."""
        match item:
            case Said(text, final):
                if final:
                    self._enter_final(item, now)
                self._answered(now)
                return text
            case AudioPiece(audio, number):
                self._answered(now)
                self._attempt.audio_bytes += len(audio)
                entry = self._made[number]
                entry.first_audio_at = entry.first_audio_at or now
                entry.last_audio_at = now
                entry.audio_bytes += len(audio)
                return audio
            case UtteranceBegun():
                self._begin(item)
            case UtteranceCut(number):
                self._made[number].aborted = True
            case Ended():
                return item
        return None

    def _answered(self, now: float) -> None:
        if self._attempt.first_answer_at is None:
            self._attempt.first_answer_at = now

    def _enter_final(self, said: Said, now: float) -> None:
        turns: dict[tuple[int, int], list[str]] = {}
        for word in said.final or ():
            if word.call is not None and word.turn is not None:
                turns.setdefault((word.call, word.turn), []).append(word.text)
        for (call, turn), words in turns.items():
            self._ledger.finalise(call, turn, words, now)

    def _begin(self, begun: UtteranceBegun) -> None:
        entry = UtteranceMade(
            utterance=begun.number,
            text=begun.speech.text,
            group=self._attempt.group,
            attempt=self._attempt.id,
            requested_at=begun.requested_at,
            frames=len(begun.speech.frames),
        )
        self._made[begun.number] = self._ledger.make(entry)
