"""What the tests of the conversation say to it, and one that has been greeted."""

from __future__ import annotations

from voiceutils.agent.commands import Say
from voiceutils.agent.settings import Patience, Phrases
from voiceutils.agent.table import State
from voiceutils.agent.turns import Turns
from voiceutils.wire.deepgram_listen import (
    Alternative,
    Channel,
    Results,
    SpeechStarted,
    UtteranceEnd,
    Word,
)

__all__ = [
    "PATIENCE",
    "PHRASES",
    "greeted",
    "results",
    "speech_started",
    "utterance_end",
]

PHRASES = Phrases(greeting="Hello.")
PATIENCE = Patience()


def results(
    text: str,
    at: float,
    *,
    final: bool = False,
    ends: bool = False,
    from_finalize: bool = False,
    timed: bool = True,
) -> Results:
    """A transcript whose words last 0.3 s each, from ``at`` on."""
    words = tuple(
        Word(word, at + 0.3 * i, at + 0.3 * (i + 1), 0.9, punctuated_word=word)
        for i, word in enumerate(text.split())
    )
    duration = 0.3 * max(1, len(words))
    return Results(
        channel_index=(0, 1),
        start=at,
        duration=duration,
        is_final=final or ends,
        speech_final=ends,
        from_finalize=from_finalize,
        channel=Channel((Alternative(text, 0.9, words=words if timed else ()),)),
    )


def utterance_end(at: float) -> UtteranceEnd:
    """A word gap behind a word that ended then."""
    return UtteranceEnd(channel=(0, 1), last_word_end=at)


def speech_started(at: float) -> SpeechStarted:
    """Voice activity at that time."""
    return SpeechStarted(channel=(0, 1), timestamp=at)


def greeted() -> Turns:
    """A conversation whose greeting has been heard."""
    turns = Turns(PHRASES, PATIENCE)
    assert turns.start(0.0) == [Say(1, "Hello.")]
    turns.audio_sent(1, 8000, 0.1)
    turns.sentence_sent(1, "1.1", "Hello.")
    assert turns.reply_ended(1, 0.2) == []
    assert turns.mark_returned("1.1", 1.1) == []
    assert turns.state is State.LISTENING
    return turns
