"""Streaming speech, WebSocket /v1/speak, in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._opening import opening
from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.form import SpeechForm
from fakes.deepgram.speak.request import SpeakQuery
from fakes.deepgram.speak.stream import Speaking
from fakes.faults import EmptyAudio, Fault, Trickle
from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard

TEXT = "Hello, you have reached the busy hour line."
SETTINGS = DeepgramSettings()


def speaking(
    options: DeepgramSettings = SETTINGS, fault: Fault | None = None
) -> Speaking:
    """Return a connection opened at 0.0."""
    return Speaking(SpeakQuery("aura-2-thalia-en"), opening(options, fault=fault))


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
    core = speaking(DeepgramSettings(flush_limit=0, warning_keys="spec"))
    core.receive(command("Flush"), 0.0)

    assert set(texts(core)[-1]) == {"type", "code", "description"}


@pytest.mark.parametrize(
    ("message", "code", "name"),
    [
        (b"audio", 1003, "MESSAGE-0000"),
        ("junk", 1008, "DATA-0000"),
        ('{"type":"KeepAlive"}', 1008, "DATA-0000"),
        (command("Speak", text="x" * 2001), 1009, "BIG-0001"),
        (command("Speak", text="x" * 70_000), 1009, "BIG-0000"),
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


def test_text_is_put_together_as_it_comes() -> None:
    """Tokens of a language model need no blanks between them."""
    core = speaking()
    for token in ("Hel", "lo, you have", " reached", " us."):
        core.receive(command("Speak", text=token), 0.0)
    core.receive(command("Flush"), 0.0)
    begun = [item for item in core.take() if isinstance(item, UtteranceBegun)]

    assert [item.speech.text for item in begun] == ["Hello, you have reached us."]


def test_whole_sentences_may_sound_before_flush() -> None:
    """By setting; the rest waits for its Flush, and Flushed for all of the audio."""
    core = speaking(DeepgramSettings(speak_before_flush=True))
    core.receive(command("Speak", text="Hello there. How are"), 0.0)
    core.on_timer(9.0)
    early = [item for item in core.take() if isinstance(item, UtteranceBegun)]
    core.receive(command("Speak", text=" you?"), 9.0)
    core.receive(command("Flush"), 9.0)
    core.on_timer(19.0)
    late = core.take()

    assert [item.speech.text for item in early] == ["Hello there."]
    begun = [item for item in late if isinstance(item, UtteranceBegun)]
    assert [item.speech.text for item in begun] == ["How are you?"]
    assert isinstance(late[-1], Said)


def test_close_cuts_or_drains_by_setting() -> None:
    """Audio of a Flush is cut by Close, unless it is let come to its end."""
    for drains in (False, True):
        core = speaking(DeepgramSettings(speak_close_drains=drains))
        core.receive(command("Speak", text=TEXT), 0.0)
        core.receive(command("Flush"), 0.0)
        core.receive(command("Close"), 0.0)
        core.on_timer(30.0)
        said = core.take()
        assert said[-1] == Ended(1000, "")
        assert any(isinstance(item, UtteranceCut) for item in said) != drains
        assert any("Flushed" in i.text for i in said if isinstance(i, Said)) == drains


def test_utterance_whose_rest_is_in_flight_is_not_cut() -> None:
    """A Clear that comes too late to stop anything cuts nothing."""
    core = speaking(DeepgramSettings(in_flight_on_clear=2))
    core.receive(command("Speak", text=TEXT), 0.0)
    core.receive(command("Flush"), 0.0)
    (begun,) = [item for item in core.take() if isinstance(item, UtteranceBegun)]
    core.on_timer(0.1 + begun.speech.seconds / 10 - 0.03)
    core.receive(command("Clear"), 0.1 + begun.speech.seconds / 10 - 0.03)
    said = [begun, *core.take()]

    check_audio(said, SpeechForm())
    assert not any(isinstance(item, UtteranceCut) for item in said)


SPOKEN = {TEXT, "Goodbye.", "...", "", "Hello there. How are you? I am"}
clients = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(command("Speak", text=text) for text in sorted(SPOKEN)),
                command("Flush"),
                command("Flush"),
                command("Clear"),
                command("Close"),
                command("KeepAlive"),
                "junk",
                b"audio",
            ]
        ),
        st.floats(0, 3),
        st.just(100.0),
    ),
    max_size=30,
)


@given(
    clients,
    st.sampled_from(
        [
            SETTINGS,
            DeepgramSettings(flush_limit=2, in_flight_on_clear=3),
            DeepgramSettings(speak_before_flush=True, speak_close_drains=True),
        ]
    ),
    st.sampled_from(["linear16", "mulaw", "alaw"]),
)
@settings(max_examples=80)
def test_whatever_a_client_does(
    client: list[str | bytes | float], options: DeepgramSettings, encoding: str
) -> None:
    """Every byte made is sent or cut once, ids have no gap."""
    form = SpeechForm(encoding, 8000)
    core = Speaking(SpeakQuery("aura-2-thalia-en", form), opening(options))
    now, said, orders = 0.0, list[Outgoing](), list[str]()
    for step in client:
        if isinstance(step, float):
            now += step
        else:
            orders += [step] if isinstance(step, str) and not core.ended else []
            core.receive(step, now)
        core.on_timer(now)
        said += core.take()
        assert (core.next_timer() is None) == core.ended
    core.on_timer(now + 4000)
    said += core.take()

    assert core.ended
    assert isinstance(said[-1], Ended)
    check_audio(said, form)
    told = [json.loads(item.text) for item in said if isinstance(item, Said)]
    numbers = [message["sequence_id"] for message in told if "sequence_id" in message]
    assert len(set(numbers)) == len(numbers)
    if not any(isinstance(item, UtteranceCut) for item in said):
        assert numbers == list(range(len(numbers)))
    kinds = [message["type"] for message in told]
    flushes = [order for order in orders if "Flush" in order]
    assert kinds.count("Flushed") + kinds.count("Warning") <= len(flushes)


def check_audio(said: list[Outgoing], form: SpeechForm) -> None:
    """Check that each utterance was sent whole, or as far as its one cut."""
    made: dict[int, bytes] = {}
    sent: dict[int, bytes] = {}
    cut: set[int] = set()
    for item in said:
        if isinstance(item, UtteranceBegun):
            assert item.number not in made
            made[item.number] = form.convert(item.speech.audio)
            sent[item.number] = b""
        elif isinstance(item, AudioPiece):
            assert item.audio
            assert item.utterance not in cut
            sent[item.utterance] += item.audio
        elif isinstance(item, UtteranceCut):
            assert item.number not in cut
            cut.add(item.number)
    for number, audio in made.items():
        assert audio.startswith(sent[number])
        assert (sent[number] == audio) != (number in cut)
