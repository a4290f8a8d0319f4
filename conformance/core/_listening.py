"""A connection to the fake recogniser in virtual time, and what it says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from conformance.core._opening import opening, streamed
from fakes.deepgram.listen.live import Listening
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.outbox import Outgoing, Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import Fault
from fakes.speech import CALLER_UTTERANCES, Speaker, speak
from voiceutils.mulaw import SILENCE_FRAME

PHONE = ListenQuery(
    model="nova-3",
    encoding="mulaw",
    sample_rate=8000,
    interim_results=True,
    endpointing=200,
    utterance_end_ms=1000,
    vad_events=True,
    punctuate=True,
)
AT_ONCE = DeepgramSettings(listen_pace=0, recogniser_delay=0)
SAID = "Hello, this is caller four seven two nine."
QUIET = 60  # frames: 1.2 s


def caller(text: str = SAID, call: int = 4729, turn: int = 1) -> tuple[bytes, ...]:
    """Return the frames of what a caller says."""
    return speak(text, speaker=Speaker.CALLER, call=call, turn=turn).frames


def listening(
    query: ListenQuery = PHONE,
    options: DeepgramSettings = AT_ONCE,
    fault: Fault | None = None,
) -> Listening:
    """Return a connection opened at 0.0."""
    return Listening(query, opening(options, fault=fault))


def messages(items: list[Outgoing]) -> list[dict[str, Any]]:
    """Return the text messages, decoded."""
    return [json.loads(item.text) for item in items if isinstance(item, Said)]


def finals(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the final results."""
    return [m for m in heard if m["type"] == "Results" and m["is_final"]]


def words_of(result: dict[str, Any]) -> list[str]:
    """Return the words of a result as they were spoken."""
    listed = result["channel"]["alternatives"][0]["words"]
    return [word["punctuated_word"] for word in listed]


def stream(
    core: Listening, audio: bytes, sizes: list[int] | None = None, *, close: bool = True
) -> list[Outgoing]:
    """Send audio in messages of 100 ms, or cut as told; return all answers."""
    return streamed(core, audio, sizes or [800], close=close)


chunkings = st.lists(st.integers(1, 2000), min_size=1, max_size=12)
scripts = st.lists(
    st.one_of(st.sampled_from((SAID, *CALLER_UTTERANCES)), st.integers(1, 150)),
    min_size=1,
    max_size=4,
)


def audio_of(script: list[str | int]) -> bytes:
    """Return texts spoken one after the other, with silent frames between."""
    frames: list[bytes] = []
    for turn, part in enumerate(script):
        if isinstance(part, int):
            frames += [SILENCE_FRAME] * part
        else:
            frames += caller(part, turn=turn)
    return b"".join(frames)
