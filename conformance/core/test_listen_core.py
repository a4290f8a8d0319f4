"""The fake recogniser, in virtual time."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.deepgram.answers import transcript
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen import Listening
from fakes.deepgram.outbox import Ended, Outgoing, Said
from fakes.deepgram.query import ListenQuery, parse_listen
from fakes.deepgram.settings import DeepgramSettings
from fakes.speech import CALLER_UTTERANCES, CodedFrame, FrameReader, Speaker, speak
from fakes.speech.heard import WordsHeard
from voiceutils.mulaw import SILENCE_FRAME, encode, to_linear16
from voiceutils.wire import deepgram_listen as wire

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
    **faults: Any,
) -> Listening:
    """Return a connection opened at 0.0."""
    return Listening(
        query,
        options,
        request_id="52cc0efe-fa77-4aa7-b79c-0dda09de2f14",
        created="2026-11-22T19:00:00.000Z",
        now=0.0,
        **faults,
    )


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
    """Send audio as it would come from a phone, cut as told; return all answers."""
    said: list[Outgoing] = []
    cuts = itertools.cycle(sizes or [800])
    at, now = 0, 0.0
    while at < len(audio):
        size = next(cuts)
        now += size / 8000
        core.receive(audio[at : at + size], now)
        said += core.take()
        at += size
    if close:
        core.receive('{"type":"CloseStream"}', now)
        core.on_timer(now + 60)
        said += core.take()
    return said


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


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=30, deadline=None)
@given(scripts, chunkings, chunkings)
def test_chunking_does_not_matter(
    script: list[str | int], sizes: list[int], others: list[int]
) -> None:
    """What is recognised does not depend on how the audio was cut."""
    audio = audio_of(script)

    assert messages(stream(listening(), audio, sizes)) == messages(
        stream(listening(), audio, others)
    )


@settings(max_examples=30, deadline=None)
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


def test_metadata_is_the_epilogue() -> None:
    """CloseStream gives the finals, Metadata with hash and models, then close 1000."""
    audio = b"".join(caller())
    said = stream(listening(), audio)
    metadata = messages(said)[-1]

    assert said[-1] == Ended(1000, "")
    assert list(metadata)[:4] == ["type", "transaction_key", "request_id", "sha256"]
    assert metadata["sha256"] == hashlib.sha256(audio).hexdigest()
    assert metadata["duration"] == pytest.approx(len(audio) / 8000)
    assert metadata["channels"] == 1
    assert metadata["models"] == list(metadata["model_info"])


def test_close_without_audio_has_an_empty_epilogue() -> None:
    """No audio: no Results, duration 0.0, channels 0, no models."""
    core = listening()
    core.receive('{"type":"CloseStream"}', 1.0)
    said = core.take()

    (metadata,) = messages(said)
    assert '"duration":0.0,"channels":0}' in json.dumps(metadata, separators=(",", ":"))
    assert said[-1] == Ended(1000, "")


def test_empty_binary_frame_is_close_stream() -> None:
    """An empty binary frame ends the connection politely."""
    core = listening()
    core.receive(b"", 1.0)

    assert core.take()[-1] == Ended(1000, "")


def test_keepalive_is_not_answered_and_keeps_alive() -> None:
    """KeepAlive has no echo; it resets the ten seconds, not the thirty."""
    core = listening()
    for second in range(5, 30, 5):
        core.receive('{"type":"KeepAlive"}', float(second))
    assert core.take() == []
    assert core.next_timer() == 30.0
    core.on_timer(30.0)

    assert core.take() == [
        Ended(1011, _reason("response message", "provide a", "net0000"))
    ]


def _reason(what: str, verb: str, page: str) -> str:
    return (
        f"Deepgram did not {verb} {what} within the timeout window. "
        f"See https://dpgr.am/{page}"
    )


def test_keepalive_may_reset_the_answer_timeout() -> None:
    """The newer texts' reading of KeepAlive is a setting."""
    options = DeepgramSettings(keepalive_resets_answer_timeout=True)
    core = listening(options=options)
    for second in range(5, 60, 5):
        core.receive('{"type":"KeepAlive"}', float(second))

    assert not core.ended


def test_ten_silent_seconds_end_the_connection() -> None:
    """Ten seconds without a message: close 1011 with the exact sentence."""
    core = listening()
    core.receive(SILENCE_FRAME * 10, 3.0)
    core.take()
    assert core.next_timer() == 13.0
    core.on_timer(12.9)
    assert core.take() == []
    core.on_timer(13.0)

    reason = _reason("audio data or a text message", "receive", "net0001")
    assert core.take() == [Ended(1011, reason)]
    assert core.next_timer() is None


def test_undecodable_audio_gets_no_answer() -> None:
    """Bytes that are no known audio: nothing for thirty seconds, then net0000."""
    core = listening(PHONE._replace(encoding=None, sample_rate=None))
    for second in range(1, 31):
        core.receive(b"\x1aE\xdf\xa3 webm", float(second))

    said = core.take()
    assert isinstance(said[-1], Ended)
    assert said[-1].reason.endswith("net0000")


def test_finalize_answers_with_from_finalize() -> None:
    """Finalize gives one final of what is pending; words go on after it."""
    core = listening()
    frames = caller()
    core.receive(b"".join(frames[:70]), 0.5)
    core.receive('{"type":"Finalize"}', 0.6)
    (final,) = [m for m in finals(messages(core.take())) if m["from_finalize"]]

    assert words_of(final) == SAID.split()[: len(words_of(final))]
    assert final["duration"] == pytest.approx(1.4)
    core.receive(b"".join(frames[70:]) + SILENCE_FRAME * 20, 1.0)
    assert words_of(finals(messages(core.take()))[0])[-1] == "nine."


def test_finalize_may_answer_nothing() -> None:
    """Finalize with no audio pending is not answered."""
    core = listening()
    core.receive('{"type":"Finalize"}', 0.6)

    assert core.take() == []


@pytest.mark.parametrize("text", ["junk", '{"type":"Nonsense"}', "[]", '{"x":1}', ""])
def test_unparsable_text_is_a_schema_error(text: str) -> None:
    """Text that is no command is answered with SchemaError; the stream goes on."""
    core = listening()
    core.receive(text, 1.0)
    (error,) = messages(core.take())

    assert (error["type"], error["variant"]) == ("Error", "SchemaError")
    assert error["message"] == text
    assert not core.ended


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


def test_plain_audio_is_heard_by_its_energy() -> None:
    """A burst of sound without code becomes scripted words; silence ends it."""
    tone = encode([8000 if n // 20 % 2 else -8000 for n in range(8000)])
    audio = SILENCE_FRAME * 20 + tone + SILENCE_FRAME * 40
    results = finals(messages(stream(listening(), audio)))
    (spoken,) = [result for result in results if words_of(result)]

    assert words_of(spoken) == CALLER_UTTERANCES[0].split()[:4]
    assert spoken["speech_final"]


@pytest.mark.parametrize("times", [1, 2])
def test_linear16_keeps_the_code(times: int) -> None:
    """Linear16 at 8000 Hz, or 16000 by repeated samples, is heard word for word."""
    audio = b"".join(caller()) + SILENCE_FRAME * 20
    wide = bytes(byte for byte in audio for _ in range(times))
    query = PHONE._replace(encoding="linear16", sample_rate=8000 * times)
    results = finals(messages(stream(listening(query), to_linear16(wide), [333])))

    assert " ".join(w for r in results for w in words_of(r)) == SAID


def test_wav_header_is_understood() -> None:
    """A WAV file needs no encoding in the query."""
    from fakes.deepgram.speak import SpeakQuery, wav_header

    audio = wav_header(SpeakQuery(wav=True)) + b"".join(caller()) + SILENCE_FRAME * 20
    query = PHONE._replace(encoding=None, sample_rate=None)
    results = finals(messages(stream(listening(query), audio, [7, 800])))

    assert " ".join(w for r in results for w in words_of(r)) == SAID


def test_channels_are_heard_apart() -> None:
    """Multichannel gives each channel its own results, ``[i, total]``."""
    left, right = b"".join(caller()), b"".join(caller("Goodbye.", call=7))
    size = max(len(left), len(right)) + 160 * 20
    pairs = zip(left.ljust(size, b"\xff"), right.ljust(size, b"\xff"), strict=True)
    audio = bytes(byte for pair in pairs for byte in pair)
    query = PHONE._replace(channels=2, multichannel=True)
    heard = finals(messages(stream(listening(query), audio)))

    said: dict[tuple[int, ...], list[str]] = {}
    for result in heard:
        said.setdefault(tuple(result["channel_index"]), []).extend(words_of(result))
    assert said == {(0, 2): SAID.split(), (1, 2): ["Goodbye."]}


def test_faults_withhold_or_delay_finals() -> None:
    """NoFinal leaves the interims; LateFinal moves finals only."""
    audio = b"".join(caller()) + SILENCE_FRAME * 30
    withheld = messages(stream(listening(finals=False), audio))
    core = listening(final_delay=2.0)
    early = messages(stream(core, audio, close=False))
    core.on_timer(len(audio) / 8000 + 2.1)

    assert finals(withheld) == []
    assert any(m["type"] == "Results" for m in withheld)
    assert finals(early) == [m for m in finals(early) if not words_of(m)]
    assert any(words_of(m) for m in finals(messages(core.take())))


def test_transcript_without_punctuation_is_plain() -> None:
    """Without punctuate or smart_format words are lower case and bare."""
    said = stream(listening(PHONE._replace(punctuate=False)), b"".join(caller()))
    words = next(item.final for item in said if isinstance(item, Said) and item.final)

    assert (
        transcript(words, punctuate=False) == "hello this is caller four seven two nine"
    )


@pytest.mark.parametrize(
    ("query", "status", "code", "text"),
    [
        ("utterance_end_ms=999", 400, "INVALID_QUERY_PARAMETER",
         "Invalid 'utterance_end_ms' value of '999'."),
        ("endpointing=banana", 400, "Bad Request", "Invalid query string."),
        ("interim_results=False", 400, "Bad Request", "Invalid query string."),
        ("model=flux-general-en", 400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT",
         ("Flux models are not supported on the `/v1/listen` endpoint. Please use "
          "`/v2/listen`.")),
        ("model=nova-2&keyterm=x", 400, "INVALID_QUERY_PARAMETER",
         ("`keyterm` is only supported for Nova-3 and Flux. Please use `keywords` "
          "instead.")),
        ("model=nova3", 403, "INSUFFICIENT_PERMISSIONS",
         "Project does not have access to the requested model."),
        ("model=nova-3&language=Martian!", 400, "Bad Request",
         "Bad Request: No such model/language/tier combination found."),
        ("encoding=mulaw", 400, "Bad Request", "Invalid query string."),
        ("summarize=true", 400, "Bad Request",
         "Summarization is not available for streaming."),
        ("topics=true", 403, "UNAUTHORIZED_FEATURES_REQUESTED",
         "Project does not have access to the requested features."),
    ],
)  # fmt: skip
def test_query_is_read_strictly(query: str, status: int, code: str, text: str) -> None:
    """Wrong values are refused with the service's own words."""
    pairs = [(k, v) for k, _, v in (part.partition("=") for part in query.split("&"))]

    assert parse_listen(pairs, AT_ONCE) == Refusal(status, code, text)


def test_refusal_body_is_the_captured_one() -> None:
    """The body has 145 bytes in the captured reply, key for key."""
    refusal = parse_listen([("utterance_end_ms", "999")], AT_ONCE)
    assert isinstance(refusal, Refusal)
    body = refusal.body("x" * 36)

    assert len(body) == 145
    assert list(json.loads(body)) == ["err_code", "err_msg", "request_id"]


def test_unknown_and_unsupported_parameters_are_ignored() -> None:
    """Unknown parameters and sentiment are ignored; defaults are the service's."""
    query = parse_listen([("nonsense", "1"), ("sentiment", "true")], AT_ONCE)

    assert query == ListenQuery(endpointing=10)
