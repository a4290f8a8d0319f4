"""The fake recogniser in virtual time: what it says when."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._listening import (
    PHONE,
    QUIET,
    SAID,
    audio_of,
    caller,
    chunkings,
    finals,
    listening,
    messages,
    scripts,
    stream,
    words_of,
)
from fakes.deepgram.outbox import Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import LateFinal, NoFinal
from fakes.speech import CALLER_UTTERANCES, CodedFrame, FrameReader, Speaker, speak
from fakes.speech.heard import WordsHeard
from voiceutils.mulaw import SILENCE_FRAME
from voiceutils.wire import deepgram_listen as wire


@settings(max_examples=40)
@given(scripts, chunkings, st.sampled_from([None, 10, 200, 1000]))
def test_finals_tile_the_audio(
    script: list[str | int], sizes: list[int], endpointing: int | None
) -> None:
    """Each final begins where the one before ended; together they cover the audio."""
    audio = audio_of(script)
    query = PHONE._replace(endpointing=endpointing)
    results = finals(messages(stream(listening(query), audio, sizes)))

    end = 0.0
    for result in results:
        assert result["start"] == pytest.approx(end, abs=1e-3)
        end = result["start"] + result["duration"]
    assert end == pytest.approx(len(audio) / 8000, abs=1e-3)


@settings(max_examples=40)
@given(st.data(), chunkings)
def test_words_are_those_whose_frames_arrived(
    data: st.DataObject, sizes: list[int]
) -> None:
    """With frames lost anywhere, for any chunking, the words are those that arrived."""
    frames = caller(data.draw(st.sampled_from((SAID, *CALLER_UTTERANCES))))
    lost = data.draw(st.sets(st.integers(0, len(frames) - 1), max_size=60))
    kept = [frame for number, frame in enumerate(frames) if number not in lost]
    audio = b"".join(kept)
    read = FrameReader().feed(audio)
    codes = [found.code for found in read if isinstance(found, CodedFrame)]
    expected = WordsHeard(codes).text().split()

    core = listening(PHONE._replace(endpointing=None))
    results = finals(messages(stream(core, audio + SILENCE_FRAME * QUIET, sizes)))
    assert [word for result in results for word in words_of(result)] == expected


@settings(max_examples=30)
@given(scripts)
def test_interims_restate_the_open_segment(script: list[str | int]) -> None:
    """An interim begins where its segment begins and repeats the words before."""
    open_start, so_far = 0.0, list[str]()
    for result in messages(stream(listening(), audio_of(script))):
        if result["type"] != "Results":
            continue
        words = words_of(result)
        assert result["start"] == pytest.approx(open_start, abs=1e-3)
        if result["is_final"]:
            open_start, so_far = result["start"] + result["duration"], []
        else:
            assert words[: len(so_far)] == so_far
            so_far = words


def test_nothing_is_said_on_open() -> None:
    """Silence on open: no greeting of any kind before audio."""
    core = listening()
    core.on_timer(9.9)

    assert core.take() == []


def test_no_interims_unless_asked() -> None:
    """Without interim_results there are finals only, and no UtteranceEnd."""
    query = PHONE._replace(interim_results=False)
    audio = b"".join(caller()) + SILENCE_FRAME * 100
    heard = messages(stream(listening(query), audio))

    results = [m for m in heard if m["type"] == "Results"]
    assert all(result["is_final"] for result in results)
    assert "UtteranceEnd" not in {m["type"] for m in heard}


def test_speech_final_comes_after_endpointing_and_delay() -> None:
    """The endpoint is ``endpointing`` ms of silence, then the recogniser's delay."""
    options = DeepgramSettings(listen_pace=0, recogniser_delay=0.12)
    core = listening(options=options)
    audio = b"".join(caller())
    stream(core, audio, [160], close=False)
    spoken = len(audio) / 8000
    word_end = speak(SAID, speaker=Speaker.CALLER, call=1).words[-1].end
    at = None
    for step in range(1, 100):
        core.receive(SILENCE_FRAME, spoken + step * 0.02)
        due = core.next_timer()
        assert due is not None
        for tick in (due, spoken + step * 0.02):
            core.on_timer(tick) if tick <= spoken + step * 0.02 else None
        if any(m["speech_final"] for m in finals(messages(core.take()))):
            at = spoken + step * 0.02
            break

    assert at is not None
    assert at - word_end == pytest.approx(0.2 + 0.12, abs=0.041)


def test_backlog_is_heard_at_the_documented_pace() -> None:
    """Audio that comes faster than 1.25 times real time delays what follows."""
    options = DeepgramSettings(listen_pace=1.25, recogniser_delay=0)
    core = listening(options=options)
    audio = b"".join(caller()) + SILENCE_FRAME * 30
    for at in range(0, len(audio), 800):
        core.receive(audio[at : at + 800], 0.0)
    core.on_timer(1.0)
    early = [m for m in finals(messages(core.take())) if m["speech_final"]]
    core.on_timer(len(audio) / 8000 / 1.25 + 0.2)

    assert early == []
    assert any(m["speech_final"] for m in finals(messages(core.take())))


def test_silence_yields_empty_finals() -> None:
    """Silence gives empty finals, the lead-in first, confidence 0.0, no words."""
    results = finals(messages(stream(listening(), SILENCE_FRAME * 400)))

    assert len(results) >= 3
    assert results[0]["duration"] == pytest.approx(0.74)
    for result in results:
        alternative = result["channel"]["alternatives"][0]
        assert alternative == {"transcript": "", "confidence": 0.0, "words": []}


def test_final_may_be_shorter_than_the_interim_before() -> None:
    """Without a pause a segment is cut behind the newest words; they come again."""
    text = " ".join(CALLER_UTTERANCES[:5]).replace("?", "").replace(".", "")
    audio = b"".join(caller(text))
    query = PHONE._replace(endpointing=None)
    heard = [m for m in messages(stream(listening(query), audio)) if "start" in m]
    cut = next(i for i, m in enumerate(heard) if m["is_final"] and words_of(m))

    assert not heard[cut]["speech_final"]
    assert heard[cut]["duration"] <= 4.5
    everything = [word for m in finals(heard) for word in words_of(m)]
    assert " ".join(everything) == text


def test_key_order_and_f32_prints() -> None:
    """Results have the documented order of keys, and times of 32-bit floats."""
    core = listening()
    said = stream(core, SILENCE_FRAME * 7 + b"".join(caller()))
    text = next(i.text for i in said if isinstance(i, Said) and i.final)
    content = json.loads(text)

    assert list(content) == [
        "type",
        "channel_index",
        "duration",
        "start",
        "is_final",
        "speech_final",
        "channel",
        "metadata",
        "from_finalize",
    ]
    assert list(content["channel"]["alternatives"][0]["words"][0]) == [
        "word",
        "start",
        "end",
        "confidence",
        "punctuated_word",
    ]
    decoded = wire.decode_from_listen(text)
    assert isinstance(decoded, wire.Results)
    listed = content["channel"]["alternatives"][0]
    ranked = sorted(word["confidence"] for word in listed["words"])
    assert listed["confidence"] == ranked[len(ranked) // 2]
    assert decoded.duration == wire.f32(decoded.duration)


def test_utterance_end_follows_the_last_word() -> None:
    """UtteranceEnd comes once, a second after the last word, with its end."""
    audio = b"".join(caller()) + SILENCE_FRAME * 150
    heard = messages(stream(listening(), audio))
    (ended,) = [m for m in heard if m["type"] == "UtteranceEnd"]

    last = [m for m in finals(heard) if words_of(m)][-1]
    word = last["channel"]["alternatives"][0]["words"][-1]
    assert ended == {
        "type": "UtteranceEnd",
        "channel": [0, 1],
        "last_word_end": word["end"],
    }


def test_speech_started_comes_once_a_burst() -> None:
    """SpeechStarted comes for each burst, not at the start of its first word."""
    burst = b"".join(caller("Goodbye."))
    audio = SILENCE_FRAME * 50 + burst + SILENCE_FRAME * 50 + burst
    heard = messages(stream(listening(), audio))
    started = [m for m in heard if m["type"] == "SpeechStarted"]

    assert len(started) == 2
    assert started[0]["channel"] == [0, 1]
    assert 1.0 < started[0]["timestamp"] < 1.3


def test_faults_withhold_or_delay_finals() -> None:
    """NoFinal leaves the interims; LateFinal moves finals only."""
    audio = b"".join(caller()) + SILENCE_FRAME * 30
    withheld = messages(stream(listening(fault=NoFinal()), audio))
    core = listening(fault=LateFinal(2.0))
    early = messages(stream(core, audio, close=False))
    core.on_timer(len(audio) / 8000 + 2.1)

    assert finals(withheld) == []
    assert any(m["type"] == "Results" for m in withheld)
    assert finals(early) == [m for m in finals(early) if not words_of(m)]
    assert any(words_of(m) for m in finals(messages(core.take())))


def test_transcript_without_punctuation_is_plain() -> None:
    """Without punctuate or smart_format words are lower case and bare."""
    said = stream(listening(PHONE._replace(punctuate=False)), b"".join(caller()))
    texts = [
        result["channel"]["alternatives"][0]["transcript"]
        for result in finals(messages(said))
    ]

    assert " ".join(texts).strip() == "hello this is caller four seven two nine"


def test_short_pause_does_not_end_a_burst() -> None:
    """A pause of 160 ms within speech is no new SpeechStarted."""
    audio = b"".join(caller("Hello, this is caller."))
    heard = messages(stream(listening(), audio))

    assert len([m for m in heard if m["type"] == "SpeechStarted"]) == 1
