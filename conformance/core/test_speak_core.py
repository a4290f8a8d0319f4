"""The fake speech service: queries, bodies, and the WebSocket in virtual time."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from conformance.core._opening import opening
from fakes.deepgram.errors import Refusal
from fakes.deepgram.outbox import AudioPiece, Ended, Said, UtteranceCut
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak import (
    SpeakQuery,
    parse_speak,
    read_body,
    say,
    wav_header,
)
from fakes.deepgram.speak_stream import Speaking
from fakes.faults import EmptyAudio, Fault, Trickle
from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard
from voiceutils.mulaw import to_linear16

TEXT = "Hello, you have reached the busy hour line."
SETTINGS = DeepgramSettings()


def speaking(
    settings: DeepgramSettings = SETTINGS, fault: Fault | None = None
) -> Speaking:
    """Return a connection opened at 0.0."""
    return Speaking(SpeakQuery("aura-2-thalia-en"), opening(settings, fault=fault))


def command(kind: str, **fields: str) -> str:
    """Return what a client sends."""
    return json.dumps({"type": kind} | fields)


def texts(core: Speaking) -> list[dict[str, Any]]:
    """Return the text messages to be sent now, decoded."""
    return [json.loads(item.text) for item in core.take() if isinstance(item, Said)]


def test_metadata_comes_on_open() -> None:
    """The socket begins with Metadata, before anything was asked."""
    (metadata,) = texts(speaking())

    assert metadata["type"] == "Metadata"
    assert metadata["model_name"] == "aura-2-thalia-en"
    assert set(metadata) == {
        "type", "request_id", "model_name", "model_version", "model_uuid",
    }  # fmt: skip


def test_no_audio_before_flush_and_flushed_after_all_audio() -> None:
    """Speak alone gives nothing; Flushed with sequence_id 0 follows the last piece."""
    core = speaking()
    core.take()
    core.receive(command("Speak", text=TEXT), 0.0)
    core.on_timer(5.0)
    assert core.take() == []
    core.receive(command("Flush"), 5.0)
    core.on_timer(5.05)
    before_delay = [i for i in core.take() if isinstance(i, AudioPiece)]
    core.on_timer(9.0)
    said = core.take()

    assert before_delay == []
    assert isinstance(said[-1], Said)
    assert json.loads(said[-1].text) == {"type": "Flushed", "sequence_id": 0}
    audio = b"".join(i.audio for i in said if isinstance(i, AudioPiece))
    codes = [f.code for f in FrameReader().feed(audio) if isinstance(f, CodedFrame)]
    assert WordsHeard(codes).text() == TEXT
    assert codes[0].speaker is Speaker.AGENT


def test_audio_is_paced() -> None:
    """The first piece comes after the delay, the others faster than they play."""
    core = speaking()
    core.receive(command("Speak", text=TEXT), 0.0)
    core.receive(command("Flush"), 0.0)
    core.take()
    assert core.next_timer() == pytest.approx(0.1)
    core.on_timer(0.1)

    assert len([i for i in core.take() if isinstance(i, AudioPiece)]) == 1
    assert core.next_timer() == pytest.approx(0.1 + 0.2 / 10)


def test_trickle_slows_the_audio() -> None:
    """With a second for a second, audio comes in real time."""
    core = speaking(fault=Trickle(1.0))
    core.receive(command("Speak", text=TEXT), 0.0)
    core.receive(command("Flush"), 0.0)
    core.on_timer(0.1)

    assert core.next_timer() == pytest.approx(0.3)


def test_clear_drops_what_waits() -> None:
    """After Cleared no audio follows; at most a piece in flight comes before it."""
    core = speaking()
    core.receive(command("Speak", text=TEXT), 0.0)
    core.receive(command("Flush"), 0.0)
    core.on_timer(0.13)
    core.take()
    core.receive(command("Clear"), 0.135)
    said = core.take()
    core.on_timer(60.0)

    kinds = [type(item) for item in said]
    assert kinds == [AudioPiece, UtteranceCut, Said]
    assert isinstance(said[-1], Said)
    assert json.loads(said[-1].text)["type"] == "Cleared"
    assert core.take() == []


def test_speech_goes_on_after_clear() -> None:
    """A cleared socket speaks again, with the next sequence_id."""
    core = speaking()
    core.receive(command("Clear"), 0.0)
    core.receive(command("Speak", text="Goodbye."), 1.0)
    core.receive(command("Flush"), 1.0)
    core.on_timer(9.0)

    assert texts(core)[-1] == {"type": "Flushed", "sequence_id": 1}


def test_flush_twenty_one_is_only_warned_about() -> None:
    """The 21st Flush within a minute gives a Warning, no audio and no Flushed."""
    core = speaking()
    for _ in range(20):
        core.receive(command("Flush"), 1.0)
    assert len(texts(core)) == 21  # Metadata and 20 times Flushed
    core.receive(command("Speak", text="Goodbye."), 1.0)
    core.receive(command("Flush"), 2.0)
    core.on_timer(50.0)
    said = core.take()

    (warning,) = said
    assert isinstance(warning, Said)
    assert json.loads(warning.text) == {
        "type": "Warning",
        "warn_code": "EXCESSIVE_FLUSH",
        "warn_msg": "Rate limit exceeded for flushes. Please try again later.",
    }
    core.receive(command("Flush"), 61.1)
    core.on_timer(99.0)
    assert any(isinstance(item, AudioPiece) for item in core.take())


def test_warning_keys_of_the_schema_are_a_setting() -> None:
    """The published schema calls them code and description."""
    core = speaking(settings=DeepgramSettings(flush_limit=0, warning_keys="spec"))
    core.receive(command("Flush"), 0.0)

    assert set(texts(core)[-1]) == {"type", "code", "description"}


@pytest.mark.parametrize(
    ("message", "code", "name"),
    [
        (b"audio", 1003, "MESSAGE-0000"),
        ("junk", 1008, "DATA-0000"),
        ('{"type":"KeepAlive"}', 1008, "DATA-0000"),
        (command("Speak", text="x" * 2001), 1009, "BIG-0001"),
    ],
)
def test_violations_close_with_distinct_codes(
    message: bytes | str, code: int, name: str
) -> None:
    """Each violation has its own close code."""
    core = speaking()
    core.take()
    core.receive(message, 1.0)
    (end,) = core.take()

    assert isinstance(end, Ended)
    assert end.code == code
    assert name in end.reason
    assert core.next_timer() is None


def test_too_many_characters_a_minute() -> None:
    """More than 2400 characters within a minute close the socket with 1008."""
    core = speaking()
    core.receive(command("Speak", text="x" * 2000), 1.0)
    core.receive(command("Speak", text="x" * 400), 2.0)
    assert not core.ended
    core.receive(command("Speak", text="x"), 3.0)
    assert core.ended

    later = speaking()
    later.receive(command("Speak", text="x" * 2000), 1.0)
    later.receive(command("Speak", text="x" * 2000), 61.5)
    assert not later.ended


def test_close_and_the_end_of_life() -> None:
    """Close gives 1000; after an hour the socket ends by itself with 1011."""
    polite, old = speaking(), speaking()
    polite.receive(command("Close"), 1.0)
    assert old.next_timer() == 3600.0
    old.on_timer(3600.0)

    assert polite.take()[-1] == Ended(1000, "")
    end = old.take()[-1]
    assert isinstance(end, Ended)
    assert end.code == 1011


def test_empty_audio_fault_is_flushed_without_audio() -> None:
    """The fault EmptyAudio leaves Flushed alone."""
    core = speaking(fault=EmptyAudio())
    core.take()
    core.receive(command("Speak", text=TEXT), 0.0)
    core.receive(command("Flush"), 0.0)
    core.on_timer(9.0)

    (flushed,) = texts(core)
    assert flushed["type"] == "Flushed"


# --- requests ------------------------------------------------------------------------


def query_of(text: str, *, streaming: bool = False) -> SpeakQuery | Refusal:
    """Return how a query is read."""
    parts = (part.partition("=") for part in text.split("&"))
    return parse_speak([(key, value) for key, _, value in parts], streaming=streaming)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("encoding=mp3", "does not make `encoding=mp3`"),
        ("encoding=mulaw&sample_rate=44100", "`sample_rate` must be [8000, 16000]"),
        ("encoding=mulaw&container=ogg", "`container=ogg` is invalid"),
        ("encoding=mulaw&bit_rate=1", "`bit_rate` is not applicable"),
        ("encoding=mulaw&model=x", "No such model/version combination found."),
        ("encoding=mulaw&colour=red", "Failed to deserialize query parameters"),
    ],
)
def test_speak_query_is_read_strictly(query: str, problem: str) -> None:
    """Wrong forms are refused with 400 and a sentence that names them."""
    refusal = query_of(query)

    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert problem in refusal.message


def test_container_is_wav_unless_none() -> None:
    """Mu-law comes in a WAV file unless container=none; never on the WebSocket."""
    wav, raw = query_of("encoding=mulaw"), query_of("encoding=mulaw&container=none")
    stream = query_of("encoding=mulaw&container=none", streaming=True)

    assert isinstance(wav, SpeakQuery)
    assert isinstance(raw, SpeakQuery)
    assert isinstance(stream, SpeakQuery)
    assert (wav.content_type, raw.content_type) == (
        "audio/wav",
        "audio/mulaw;rate=8000",
    )
    assert not stream.wav
    assert wav_header(wav).startswith(b"RIFF")
    assert len(wav_header(wav)) == 44


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b'{"text":""}', "application/json", 400, "Input text contains no characters."),
        (b"{}", "application/json", 400, "exactly one of `text` or `url`"),
        (b"no", "application/json", 400, "exactly one of `text` or `url`"),
        (b"\xff", "text/plain", 400, "Failed to decode payload as UTF-8."),
        (b"x", "audio/wav", 415, "`Content-Type` header is not supported."),
        (b"x" * 2001, "text/plain", 413, "maximum character limit of 2000."),
    ],
)
def test_wrong_bodies_are_refused(
    body: bytes, kind: str, status: int, message: str
) -> None:
    """Each wrong body has its documented status and sentence."""
    refusal = read_body(body, kind, SETTINGS)

    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert message in refusal.message


def test_long_text_becomes_several_utterances() -> None:
    """What does not fit into one utterance is spoken sentence by sentence."""
    text = " ".join([TEXT] * 20)
    spoken = say(text, itertools.count(1).__next__)

    assert len(spoken) > 1
    assert len({number for number, _ in spoken}) == len(spoken)
    assert " ".join(speech.text for _, speech in spoken) == text


def test_wider_linear16_repeats_samples() -> None:
    """Linear16 at 24000 Hz is the phone audio with every sample three times."""
    query = query_of("encoding=linear16&container=none")
    assert isinstance(query, SpeakQuery)
    assert query.content_type == "audio/l16;rate=24000"

    assert query.convert(b"\x10\x20") == to_linear16(b"\x10\x10\x10\x20\x20\x20")
