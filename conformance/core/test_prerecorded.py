"""A recording becomes a transcript: the body, key for key, and what is refused."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._listening import SAID, audio_of, caller, scripts
from fakes.deepgram.listen.prerecorded import CORRUPT, Transcription, transcribe
from fakes.deepgram.listen.query import ListenQuery, RecordedQuery
from fakes.deepgram.speak.codecs import Encoder
from fakes.deepgram.speak.form import SpeechForm
from fakes.speech import CALLER_UTTERANCES
from voiceutils.mulaw import SILENCE_FRAME, decode

REQUEST = "1ef3b141-68af-4a3e-80c3-ee1f6ef05a35"
CREATED = "2026-11-22T19:00:00.000Z"
RAW = ListenQuery(model="nova-3", encoding="mulaw", sample_rate=8000, punctuate=True)
CALL = b"".join(caller()) + SILENCE_FRAME * 10
LONG = audio_of([CALLER_UTTERANCES[0], 100, CALLER_UTTERANCES[3], 100, SAID])


def answer(audio: bytes, listen: ListenQuery = RAW, **options: Any) -> dict[str, Any]:
    """Return the answer to a recording, decoded."""
    query = RecordedQuery(listen, **options)
    done = transcribe(audio, query, request_id=REQUEST, created=CREATED)
    assert isinstance(done, Transcription)
    content: dict[str, Any] = json.loads(done.body)
    return content


def best(content: dict[str, Any], channel: int = 0) -> dict[str, Any]:
    """Return the alternative of a channel."""
    listed: dict[str, Any] = content["results"]["channels"][channel]["alternatives"][0]
    return listed


def test_body_has_the_recorded_order_of_keys() -> None:
    """Metadata first, then results; a word ends with its punctuated form."""
    content = answer(CALL)

    assert list(content) == ["metadata", "results"]
    assert list(content["metadata"]) == [
        "transaction_key",
        "request_id",
        "sha256",
        "created",
        "duration",
        "channels",
        "models",
        "model_info",
    ]
    assert content["metadata"]["sha256"] == hashlib.sha256(CALL).hexdigest()
    assert content["metadata"]["duration"] == pytest.approx(len(CALL) / 8000)
    assert list(content["results"]) == ["channels"]
    assert list(best(content)) == ["transcript", "confidence", "words"]
    assert list(best(content)["words"][0]) == [
        "word",
        "start",
        "end",
        "confidence",
        "punctuated_word",
    ]
    assert best(content)["transcript"] == SAID


@settings(max_examples=30)
@given(scripts)
def test_all_that_was_said_is_in_the_transcript(script: list[str | int]) -> None:
    """Any script comes back word for word, each word within the recording."""
    content = answer(audio_of([*script, 10]))
    said = " ".join(part for part in script if isinstance(part, str))

    assert best(content)["transcript"] == said
    times = [time for w in best(content)["words"] for time in (w["start"], w["end"])]
    assert times == sorted(times)
    assert not times or times[-1] <= content["metadata"]["duration"]


@pytest.mark.parametrize(
    "audio",
    [b"", b"not audio at all", b"RIFF", b"\x1aE\xdf\xa3webm", b"OggS" + b"\0" * 99],
)
def test_undecodable_recording_is_refused(audio: bytes) -> None:
    """What is no audio is the documented 400."""
    query = RecordedQuery(ListenQuery(model="nova-3"))

    assert transcribe(audio, query, request_id=REQUEST, created=CREATED) == CORRUPT


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3"])
)
def test_junk_never_crashes(junk: bytes, magic: bytes) -> None:
    """Any bytes are a transcript or a refusal."""
    query = RecordedQuery(ListenQuery(model="nova-3"))

    transcribe(magic + junk, query, request_id=REQUEST, created=CREATED)


def test_every_feature_has_its_place() -> None:
    """With all features on, every part is there, in order, and speaks of the words."""
    listen = RAW._replace(
        smart_format=True,
        detect_entities=True,
        diarize="v2",
        search=("opening hours", "unicorn"),
        tag=("CA1",),
        extra=("a:b",),
    )
    content = answer(
        LONG,
        listen,
        utterances=True,
        paragraphs=True,
        summarize=True,
        topics=True,
        intents=True,
        sentiment=True,
        detect_language=True,
        custom_topics=("caller",),
    )

    assert list(content["results"]) == [
        "channels",
        "utterances",
        "summary",
        "topics",
        "intents",
        "sentiments",
    ]
    (channel,) = content["results"]["channels"]
    assert list(channel) == [
        "search",
        "alternatives",
        "detected_language",
        "language_confidence",
    ]
    found, missing = channel["search"]
    assert found["hits"][0]["snippet"] == "opening hours"
    assert missing == {"query": "unicorn", "hits": []}
    assert len(content["results"]["utterances"]) == 3
    assert content["results"]["summary"]["result"] == "success"
    topics = [
        topic["topic"]
        for segment in content["results"]["topics"]["segments"]
        for topic in segment["topics"]
    ]
    assert topics == ["Opening hours", "Technical support", "caller"]
    assert content["results"]["sentiments"]["average"]["sentiment"] in (
        "negative",
        "neutral",
    )
    for name in ("diarize_info", "summary_info", "sentiment_info", "extra", "tags"):
        assert name in content["metadata"]


def test_paragraphs_and_utterances_cover_the_words() -> None:
    """Nothing is lost or doubled when words are put into sentences and utterances."""
    content = answer(LONG, utterances=True, paragraphs=True)
    words = best(content)["words"]
    listed = best(content)["paragraphs"]["paragraphs"]

    assert sum(paragraph["num_words"] for paragraph in listed) == len(words)
    again = [w for part in content["results"]["utterances"] for w in part["words"]]
    assert again == words
    text = best(content)["paragraphs"]["transcript"]
    assert text.startswith("\n")
    assert text.split() == best(content)["transcript"].split()


@pytest.mark.parametrize(("split", "parts"), [(0.8, 3), (10.0, 1)])
def test_utterances_are_split_by_silence(split: float, parts: int) -> None:
    """``utt_split`` is the silence between utterances."""
    content = answer(LONG, utterances=True, utterance_split=split)

    assert len(content["results"]["utterances"]) == parts


def test_channels_are_transcribed_apart() -> None:
    """With multichannel each channel has its own alternatives."""
    left, right = CALL, b"".join(caller("Goodbye.", call=7)).ljust(len(CALL), b"\xff")
    both = bytes(byte for pair in zip(left, right, strict=True) for byte in pair)
    content = answer(both, RAW._replace(channels=2, multichannel=True), utterances=True)

    assert best(content, 0)["transcript"] == SAID
    assert best(content, 1)["transcript"] == "Goodbye."
    assert content["metadata"]["channels"] == 2
    assert [part["channel"] for part in content["results"]["utterances"]] == [0, 1]


@pytest.mark.parametrize("extensible", [False, True])
def test_wav_file_needs_no_encoding(extensible: bool) -> None:
    """The header of a WAV file tells its form."""
    kind = struct.pack("<H", 0xFFFE if extensible else 7)
    form = kind + struct.pack("<HIIHH", 1, 8000, 8000, 1, 8)
    form += struct.pack("<HHIH14x", 22, 8, 0, 7) if extensible else b""
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form
    audio = head + b"data" + struct.pack("<I", len(CALL)) + CALL
    content = answer(audio, RAW._replace(encoding=None, sample_rate=None))

    assert best(content)["transcript"] == SAID


def test_stereo_file_with_multichannel_is_heard_twice() -> None:
    """The header tells the number of channels; the query need not."""
    form = struct.pack("<HHIIHH", 7, 2, 8000, 16000, 2, 8)
    both = bytes(byte for pair in zip(CALL, CALL, strict=True) for byte in pair)
    audio = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\0\0\0\0" + both
    plain = RAW._replace(encoding=None, sample_rate=None)

    assert (
        best(answer(audio, plain._replace(multichannel=True)), 1)["transcript"] == SAID
    )
    assert len(answer(audio, plain)["results"]["channels"]) == 1


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_floating_point_samples(rate: int) -> None:
    """linear32 is 32-bit floating point, at any rate."""
    samples = [s / 32768 for s in decode(CALL) for _ in range(rate // 8000)]
    audio = struct.pack(f"<{len(samples)}f", *samples)
    content = answer(audio, RAW._replace(encoding="linear32", sample_rate=rate))

    assert best(content)["transcript"] == SAID


@pytest.mark.parametrize("encoding", ["mp3", "opus", "flac", "aac"])
def test_compressed_files_are_heard(encoding: str) -> None:
    """What the fake itself would speak in that form; FLAC loses nothing of the code."""
    rate = {"mp3": 22050, "opus": 48000, "flac": 8000, "aac": 22050}[encoding]
    encoder = Encoder(SpeechForm(encoding, rate, "none"))
    audio = encoder.encode(CALL) + encoder.finish()
    heard = best(answer(audio, ListenQuery(model="nova-3", punctuate=True)))

    assert heard["transcript"]
    assert heard["transcript"] == SAID or encoding != "flac"


def test_a_broken_compressed_file_is_corrupt_data() -> None:
    """Whatever the libraries think of it: a refusal, not a crash."""
    query = RecordedQuery(ListenQuery(model="nova-3"))
    broken = b"fLaC" + bytes(100)
    assert transcribe(broken, query, request_id=REQUEST, created=CREATED) == CORRUPT
