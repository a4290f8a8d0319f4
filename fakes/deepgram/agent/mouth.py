"""Says replies: text sentence by sentence, and the audio of each, all in time.

A sentence is sent when the one before has nearly been played, its audio faster than
real time; what is cut is never sent. Every piece given out belongs to an utterance
that was begun, and every utterance begun is sent whole or cut once.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from msgspec import UNSET

from fakes.deepgram.outbox import (
    AudioPiece,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.form import SpeechForm
from fakes.deepgram.speak.request import say
from fakes.deepgram.surface import Opening
from fakes.faults import EmptyAudio, Trickle
from fakes.speech import Speech, sentences
from voiceutils.wire import encode
from voiceutils.wire.deepgram_agent import (
    AgentAudioDone,
    AgentStartedSpeaking,
    ConversationText,
    History,
    LatencyReport,
)

__all__ = ["Mouth", "Reply"]

MOST_REPLIES = 100  # that wait for their turn to be said


class Reply(NamedTuple):
    """What the agent says in one go.

    Attributes:
        text: one sentence or many.
        asked_at: when the user's words were known; None for what nobody asked for
            (the greeting, an injected message), which has no latency to report.
        tts: seconds from the text to the first byte of audio.
        stt: seconds from the end of the user's turn to his words.
        behavior: what kind of remark it is.
    """

    text: str
    asked_at: float | None = None
    tts: float = 0.0
    stt: float = 0.0
    behavior: str = "default"


class _NextSentence(NamedTuple):
    pass


class Mouth:
    """Says one reply after the other.

    Args:
        form: of the audio.
        opening: of the connection; :class:`EmptyAudio` and :class:`Trickle` count.
        history: whether each text has its History.
    """

    def __init__(self, form: SpeechForm, opening: Opening, *, history: bool) -> None:
        self._form = form
        self._settings: DeepgramSettings = opening.settings
        self._new_number = opening.new_number
        self._history = history
        self._silent = isinstance(opening.fault, EmptyAudio)
        self._seconds_a_second = 1 / opening.settings.speech_pace
        if isinstance(opening.fault, Trickle):
            self._seconds_a_second = opening.fault.seconds
        self._replies: deque[Reply] = deque()
        self._reply: Reply | None = None
        self._sentences: deque[str] = deque()
        self._waiting: deque[tuple[float, Outgoing | _NextSentence]] = deque()
        self._unsent: Counter[int] = Counter()  # pieces of utterances that were begun
        self._started = self._said = False

    @property
    def busy(self) -> bool:
        """Whether something is being said or waits to be said."""
        return self._reply is not None

    @property
    def full(self) -> bool:
        """Whether no more can wait."""
        return len(self._replies) >= MOST_REPLIES

    @property
    def next_due(self) -> float | None:
        """When :meth:`step` has something to do; None when all is said."""
        return self._waiting[0][0] if self._waiting else None

    def say(self, reply: Reply, due: float) -> None:
        """Say this, from ``due`` or when all before it is said."""
        if self._reply is None:
            self._begin(reply, due)
        elif not self.full:
            self._replies.append(reply)

    def cut(self) -> tuple[list[Outgoing], bool]:
        """Stop; returns what to give out, and whether a reply was heard in part."""
        cut: list[Outgoing] = [UtteranceCut(number) for number in self._unsent]
        begun = self._reply is not None and self._said
        self._unsent.clear()
        self._waiting.clear()
        self._replies.clear()
        self._reply = None
        return cut, begun

    def step(self, now: float) -> list[Outgoing]:
        """Return what is to be sent by now, in order."""
        sent: list[Outgoing] = []
        while self._waiting and self._waiting[0][0] <= now:
            due, item = self._waiting.popleft()
            if isinstance(item, _NextSentence):
                self._next_sentence(due)
                continue
            self._enter(item)
            sent.append(item)
            if not self._waiting:
                self._finish(due)
        return sent

    # --- one reply -----------------------------------------------------------------

    def _begin(self, reply: Reply, due: float) -> None:
        self._reply = reply
        self._sentences = deque(sentences(reply.text))
        self._started = self._said = False
        self._waiting.append((due, _NextSentence()))

    def _finish(self, due: float) -> None:
        self._reply = None
        if self._replies:
            self._begin(self._replies.popleft(), due)

    def _next_sentence(self, due: float) -> None:
        """Let a sentence wait: text, then audio, then what comes after it."""
        speeches = self._speeches()
        for number, speech in speeches:
            self._wait(due, UtteranceBegun(number, speech, due))
        for said in self._texts(speeches, due):
            self._wait(due, Said(said))
        sent = played = due
        for number, speech in speeches:
            sent = self._wait_audio(number, speech, sent)
            played += speech.seconds
        if self._sentences:
            lead = self._settings.agent.sentence_lead
            self._waiting.append((max(sent, played - lead), _NextSentence()))
        else:
            done = Said(encode(AgentAudioDone()))
            self._wait(sent + self._settings.agent.done_delay, done)

    def _speeches(self) -> list[tuple[int, Speech]]:
        if self._silent or not self._sentences:
            return []
        return say(self._sentences[0], self._new_number, self._settings.speech)

    def _texts(self, speeches: list[tuple[int, Speech]], due: float) -> list[str]:
        """Return the messages before the audio of the next sentence."""
        assert self._reply is not None
        if not self._sentences:
            return []
        text = self._sentences.popleft()
        behavior = self._reply.behavior if self._settings.agent.behavior else UNSET
        message = ConversationText("assistant", text, conversational_behavior=behavior)
        texts = [encode(message)]
        if self._history:
            texts.append(encode(History(role="assistant", content=text)))
        if speeches and not self._started:
            self._started = True
            if self._reply.asked_at is not None:
                texts += self._latencies(self._reply, due - self._reply.asked_at)
        return texts

    def _latencies(self, reply: Reply, total: float) -> list[str]:
        tts = round(min(reply.tts, total), 9)
        ttt = round(total - tts, 9)
        total = round(tts + ttt, 9)
        texts = [encode(AgentStartedSpeaking(total, tts, ttt))]
        if self._settings.agent.latency_report:
            report = LatencyReport(
                stt_latency=reply.stt,
                ttt_token_latency=ttt,
                ttt_text_latency=ttt,
                tts_latency=tts,
                total_latency=total,
            )
            texts.append(encode(report))
        return texts

    def _wait_audio(self, number: int, speech: Speech, due: float) -> float:
        """Let the pieces of an utterance wait; returns when the last one is sent."""
        audio = self._form.header + self._form.convert(speech.audio)
        a_second = self._form.bytes_a_second
        # Never in the middle of a sample.
        size = max(2, int(self._settings.chunk_seconds * a_second) // 2 * 2)
        for at in range(0, len(audio), size):
            piece = AudioPiece(audio[at : at + size], number)
            self._wait(due, piece)
            due += len(piece.audio) / a_second * self._seconds_a_second
        return due

    def _wait(self, due: float, item: Outgoing) -> None:
        self._waiting.append((due, item))

    def _enter(self, item: Outgoing) -> None:
        if isinstance(item, Said):
            self._said = True
        elif isinstance(item, UtteranceBegun):
            self._unsent[item.number] = sum(
                isinstance(other, AudioPiece) and other.utterance == item.number
                for _, other in self._waiting
            )
        elif isinstance(item, AudioPiece):
            self._unsent[item.utterance] -= 1
            if not self._unsent[item.utterance]:
                del self._unsent[item.utterance]
