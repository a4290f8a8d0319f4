"""What is read from a transcript: paragraphs, utterances, topics and so on.

The service uses language models for the last ones; here a few key words decide, so that
the answer has the right shape and is the same every time
(https://developers.deepgram.com/docs/stt-intelligence-feature-overview).
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fakes.speech.texts import spoken_form
from voiceutils.wire.deepgram_listen import f32

__all__ = [
    "Content",
    "intents",
    "paragraphs",
    "sentiments",
    "summary",
    "topics",
    "utterances",
]

Content: TypeAlias = dict[str, object]
Listed: TypeAlias = Sequence[dict[str, object]]

_PARAGRAPH_GAP = 1.5  # seconds
_PARAGRAPH_SENTENCES = 5
_SUMMARY_SENTENCES = 2
_TOPIC_OF = {
    "hours": "Opening hours", "book": "Reservation", "table": "Reservation",
    "balance": "Account balance", "internet": "Technical support",
    "appointment": "Appointment", "parcel": "Delivery", "order": "Orders",
    "parking": "Parking", "person": "Human agent",
}  # fmt: skip
_INTENT_OF = {
    "book": "Book a table", "balance": "Check account balance",
    "stopped": "Report a problem", "move": "Reschedule appointment",
    "parcel": "Track parcel", "cancel": "Cancel order", "speak": "Speak to a person",
    "hours": "Ask about opening hours", "parking": "Ask about parking",
}  # fmt: skip
_GOOD = frozenset(("thank", "thanks", "great", "good", "like", "confirmed", "free"))
_BAD = frozenset(("stopped", "cancel", "wrong", "sorry", "problem", "bad"))
_TURNING = 1 / 3  # a score beyond it is no longer neutral


def _text(words: Iterable[dict[str, object]]) -> str:
    return " ".join(str(word.get("punctuated_word") or word["word"]) for word in words)


def _seconds(word: dict[str, object], name: str) -> float:
    value = word[name]
    assert isinstance(value, float)
    return value


def _sentences(words: Listed) -> list[tuple[int, list[dict[str, object]]]]:
    """Return the sentences, each with the number of its first word."""
    found: list[tuple[int, list[dict[str, object]]]] = []
    open_one: list[dict[str, object]] = []
    for number, word in enumerate(words):
        open_one.append(word)
        if _text([word]).endswith((".", "?", "!")) or number == len(words) - 1:
            found.append((number + 1 - len(open_one), open_one))
            open_one = []
    return found


def paragraphs(words: Listed) -> Content:
    """Return the transcript in paragraphs of sentences."""
    grouped: list[list[list[dict[str, object]]]] = []
    last: dict[str, object] | None = None
    for _, sentence in _sentences(words):
        first = sentence[0]
        new = (
            last is None
            or len(grouped[-1]) == _PARAGRAPH_SENTENCES
            or last.get("speaker") != first.get("speaker")
            or _seconds(first, "start") - _seconds(last, "end") >= _PARAGRAPH_GAP
        )
        if new:
            grouped.append([])
        grouped[-1].append(sentence)
        last = sentence[-1]
    listed = [_paragraph(sentences) for sentences in grouped]
    spoken = "\n\n".join(
        " ".join(_text(sentence) for sentence in sentences) for sentences in grouped
    )
    return {"transcript": f"\n{spoken}" if spoken else "", "paragraphs": listed}


def _paragraph(sentences: list[list[dict[str, object]]]) -> Content:
    words = list(itertools.chain.from_iterable(sentences))
    content: Content = {
        "sentences": [
            {"text": _text(part), "start": part[0]["start"], "end": part[-1]["end"]}
            for part in sentences
        ]
    }
    if "speaker" in words[0]:
        content["speaker"] = words[0]["speaker"]
    content["num_words"] = len(words)
    content["start"], content["end"] = words[0]["start"], words[-1]["end"]
    return content


def utterances(
    words: Listed, channel: int, split: float, request_id: str
) -> list[Content]:
    """Return the words cut where nothing was said for ``split`` seconds."""
    cut: list[list[dict[str, object]]] = []
    for word in words:
        last = cut[-1][-1] if cut else None
        if (
            last is None
            or _seconds(word, "start") - _seconds(last, "end") >= split
            or word.get("speaker") != last.get("speaker")
        ):
            cut.append([])
        cut[-1].append(word)
    return [
        _utterance(part, channel, uuid.uuid5(uuid.UUID(request_id), f"{channel}-{n}"))
        for n, part in enumerate(cut)
    ]


def _utterance(words: Listed, channel: int, number: uuid.UUID) -> Content:
    confidence = sum(_seconds(word, "confidence") for word in words) / len(words)
    content: Content = {
        "start": words[0]["start"],
        "end": words[-1]["end"],
        "confidence": f32(confidence),
        "channel": channel,
        "transcript": _text(words),
        "words": list(words),
    }
    if "speaker" in words[0]:
        content["speaker"] = words[0]["speaker"]
    return {**content, "id": str(number)}


def summary(words: Listed) -> Content:
    """Return the first sentences; a short text is its own summary."""
    parts = [_text(part) for _, part in _sentences(words)[:_SUMMARY_SENTENCES]]
    return {"result": "success", "short": " ".join(parts)}


def topics(words: Listed, custom: Sequence[str] = (), *, only: bool = False) -> Content:
    """Return what sentences are about; ``only`` the client's own topics if told so."""
    segments = _labelled(words, {} if only else _TOPIC_OF, custom, "topic")
    return {"segments": segments}


def intents(
    words: Listed, custom: Sequence[str] = (), *, only: bool = False
) -> Content:
    """Return what speakers want; see :func:`topics`."""
    segments = _labelled(words, {} if only else _INTENT_OF, custom, "intent")
    return {"segments": segments}


def _labelled(
    words: Listed, label_of: dict[str, str], custom: Sequence[str], kind: str
) -> list[Content]:
    segments: list[Content] = []
    for first, sentence in _sentences(words):
        plain = [spoken_form(str(word["word"])) for word in sentence]
        line = " ".join(plain)
        found = [label_of[word] for word in plain if word in label_of]
        found += [term for term in custom if term.lower() in line]
        if found:
            labels = [
                {kind: label, "confidence_score": 0.95 if label in custom else 0.875}
                for label in dict.fromkeys(found)
            ]
            segments.append({**_place(first, sentence), f"{kind}s": labels})
    return segments


def sentiments(words: Listed) -> Content:
    """Return how each sentence sounds, and the average."""
    segments: list[Content] = []
    scores: list[float] = []
    for first, sentence in _sentences(words):
        plain = {spoken_form(str(word["word"])) for word in sentence}
        score = 0.5 * bool(plain & _GOOD) - 0.5 * bool(plain & _BAD)
        scores.append(score)
        segments.append({**_place(first, sentence), **_feeling(score)})
    average = sum(scores) / len(scores) if scores else 0.0
    return {"segments": segments, "average": _feeling(average)}


def _feeling(score: float) -> Content:
    name = "positive" if score >= _TURNING else "neutral"
    name = "negative" if score <= -_TURNING else name
    return {"sentiment": name, "sentiment_score": f32(score)}


def _place(first: int, sentence: Listed) -> Content:
    last = first + len(sentence) - 1
    return {"text": _text(sentence), "start_word": first, "end_word": last}
