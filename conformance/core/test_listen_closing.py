"""The fake recogniser: commands, timers and how a connection ends."""

from __future__ import annotations

import hashlib
import json

import pytest

from conformance.core._listening import (
    PHONE,
    SAID,
    caller,
    finals,
    listening,
    messages,
    stream,
    words_of,
)
from fakes.deepgram.outbox import Ended, Said
from fakes.deepgram.settings import DeepgramSettings
from voiceutils.mulaw import SILENCE_FRAME


def _reason(what: str, verb: str, page: str) -> str:
    return (
        f"Deepgram did not {verb} {what} within the timeout window. "
        f"See https://dpgr.am/{page}"
    )


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
    """Finalize with hardly any audio pending is not answered."""
    core = listening()
    core.receive(SILENCE_FRAME * 4, 0.5)
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


def test_what_was_taken_belongs_to_the_taker() -> None:
    """A driver that goes on with the list it got sends nothing twice."""
    core = listening()
    taken = core.take()
    taken.append(Said("of the driver's own"))

    assert core.take() == []
