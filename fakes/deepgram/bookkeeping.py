"""Enters in the ledger what crosses one WebSocket, whatever its surface."""

from __future__ import annotations

from collections.abc import Iterable

from fakes.conduct import is_control
from fakes.deepgram.ear.audio_rate import bytes_a_second_of_agent
from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.surface import CodesAt, HeardAt
from fakes.ledger import Attempt, Ledger, UtteranceMade
from fakes.moments import kind_of
from fakes.speech import FrameCode

__all__ = ["Bookkeeper", "enter_words"]

_BRACE = ord("{")


class Bookkeeper:
    """Keeps the book of one connection.

    Args:
        ledger: the book.
        attempt: the connection's entry.
    """

    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._conduct = attempt.conduct
        self._timeline = ledger.timeline(attempt)
        self._made: dict[int, UtteranceMade] = {}

    def received(
        self, message: bytes | str, codes: list[FrameCode], now: float
    ) -> None:
        """Enter one frame of the client, and the speech that was heard in it."""
        attempt, conduct = self._attempt, self._conduct
        if conduct.last_at is None:
            conduct.last_at = attempt.opened
        size = len(message)
        if size and isinstance(message, bytes) and message[0] != _BRACE:
            kind = "audio"  # the path of every frame
            self._audio(size, now)
        elif isinstance(message, str):
            kind = kind_of(message)
            attempt.characters += conduct.text(kind, message, now)
            if kind == "Settings":
                attempt.bytes_a_second = bytes_a_second_of_agent(message)
        elif not size:
            kind = "empty audio"
            conduct.empty(now)
        elif message[0] == _BRACE and is_control(message):
            kind = "control in binary"
            conduct.binary_control(now)
        else:
            kind = "audio"
            self._audio(size, now)
        self._timeline.add("client", kind, size, now)
        if codes:
            self._ledger.hear(attempt, codes, now)

    def received_run(self, run: list[HeardAt], heard: list[CodesAt]) -> None:
        """Enter several audio messages in a row, as :meth:`received` would each."""
        attempt, conduct = self._attempt, self._conduct
        if conduct.last_at is None:
            conduct.last_at = attempt.opened
        pace = attempt.bytes_a_second
        longest, total = attempt.longest_message, 0
        for message, now in run:
            size = len(message)
            total += size
            if size > longest:
                longest = size
            conduct.audio(size, pace, now)
            self._timeline.add("client", "audio", size, now)
        attempt.messages += len(run)
        attempt.audio_bytes += total
        attempt.longest_message = longest
        if heard:
            self._ledger.hear_run(attempt, heard)

    def _audio(self, size: int, now: float) -> None:
        attempt = self._attempt
        attempt.messages += 1
        attempt.audio_bytes += size
        if size > attempt.longest_message:
            attempt.longest_message = size
        self._conduct.audio(size, attempt.bytes_a_second, now)

    def sending(self, item: Outgoing, now: float) -> str | bytes | Ended | None:
        """Enter what a core gave out; returns what of it goes on the wire."""
        match item:
            case Said(text, final):
                if final:
                    enter_words(self._ledger, final, now)
                self._answered(kind_of(text), len(text), now)
                return text
            case AudioPiece(audio, number):
                self._answered("audio", len(audio), now)
                if self._attempt.surface != "agent":
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
            case Ended(code):
                self._timeline.add("fake", f"close {code}", 0, now)
                return item
        return None

    def _answered(self, kind: str, size: int, now: float) -> None:
        attempt = self._attempt
        if attempt.first_answer_at is None:
            attempt.first_answer_at = now
        attempt.answers += 1
        self._timeline.add("fake", kind, size, now)

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


def enter_words(ledger: Ledger, words: Iterable[SpokenWord], now: float) -> None:
    """Enter the words of a final, each with the turn of the caller who said it."""
    turns: dict[tuple[int, int], list[str]] = {}
    for word in words:
        if word.call is not None and word.turn is not None:
            turns.setdefault((word.call, word.turn), []).append(word.text)
    for (call, turn), texts in turns.items():
        ledger.finalise(call, turn, texts, now)
