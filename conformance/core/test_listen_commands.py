"""The fake recogniser: Finalize, Configure, Sync, and what else a client may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._listening import (
    AT_ONCE,
    PHONE,
    SAID,
    caller,
    finals,
    listening,
    messages,
    stream,
    words_of,
)
from conformance.core._opening import opening
from fakes.deepgram.listen.live import Listening
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.outbox import Ended
from fakes.deepgram.settings import DeepgramSettings
from fakes.delays import Uniform
from voiceutils.mulaw import SILENCE_FRAME

NUMBER_LAST = "Hello, this is caller four seven two nine"
SMART = PHONE._replace(smart_format=True)


def said_to(text: str, query: ListenQuery = PHONE) -> dict[str, Any]:
    """Return the only answer to one text message."""
    core = listening(query)
    core.receive(text, 1.0)
    (answer,) = messages(core.take())
    return answer


@settings(max_examples=60)
@given(st.lists(st.integers(1, len(b"".join(caller())) - 1), min_size=1, max_size=5))
def test_finalize_cuts_no_word_in_two(places: list[int]) -> None:
    """Wherever Finalize comes, every word is there once, and finals tile the audio."""
    audio = b"".join(caller()) + SILENCE_FRAME * 40
    core = listening()
    heard: list[dict[str, Any]] = []
    at = 0
    for place in sorted({*places, len(audio)}):
        core.receive(audio[at:place], place / 8000)
        if place < len(audio):
            core.receive('{"type":"Finalize"}', place / 8000)
        heard += messages(core.take())
        at = place
    core.receive('{"type":"CloseStream"}', 20.0)
    heard += messages(core.take())

    words = [word for result in finals(heard) for word in words_of(result)]
    assert " ".join(words) == SAID
    end = 0.0
    for result in finals(heard):
        assert result["start"] == pytest.approx(end, abs=1e-3)
        end = result["start"] + result["duration"]
        for word in result["channel"]["alternatives"][0]["words"]:
            assert result["start"] - 1e-3 <= word["start"] <= word["end"] <= end + 1e-3


def test_finalize_of_one_channel() -> None:
    """With ``channel`` only that channel is finalised; an unknown one is nothing."""
    query = PHONE._replace(channels=2, multichannel=True)
    core = listening(query)
    core.receive(SILENCE_FRAME * 60, 0.6)
    core.take()
    core.receive('{"type":"Finalize","channel":9}', 0.7)
    assert core.take() == []
    core.receive('{"type":"Finalize","channel":1}', 0.7)

    (result,) = messages(core.take())
    assert (result["channel_index"], result["from_finalize"]) == ([1, 2], True)


def test_finalize_after_the_final_is_empty() -> None:
    """When the words went out before, the answer to Finalize has none."""
    core = listening()
    core.receive(b"".join(caller()) + SILENCE_FRAME * 15, 3.0)
    core.receive(SILENCE_FRAME * 10, 3.2)
    core.take()
    core.receive('{"type":"Finalize"}', 3.3)
    (result,) = messages(core.take())

    assert result["from_finalize"]
    assert result["channel"]["alternatives"][0]["transcript"] == ""


@settings(max_examples=20)
@given(st.integers(0, 100))
def test_results_keep_their_order_whatever_the_delay(seed: int) -> None:
    """With a delay that varies, no result overtakes the one before it."""
    options = DeepgramSettings(
        listen_pace=0, recogniser_delay=Uniform(0.0, 3.0), seed=seed
    )
    heard = messages(stream(listening(options=options), b"".join(caller()) * 3))

    end = 0.0
    for result in [message for message in heard if message["type"] == "Results"]:
        assert result["start"] == pytest.approx(end, abs=1e-3)
        end += result["duration"] if result["is_final"] else 0.0


def test_number_in_progress_delays_the_final() -> None:
    """With ``smart_format`` a number may go on for three seconds of silence."""
    core = listening(SMART)
    said = b"".join(caller(NUMBER_LAST))
    core.receive(said + SILENCE_FRAME * 140, 5.0)
    early = [m for m in finals(messages(core.take())) if words_of(m)]
    core.receive(SILENCE_FRAME * 15, 5.3)
    (final,) = [m for m in finals(messages(core.take())) if words_of(m)]

    assert early == []
    assert final["speech_final"]
    assert final["channel"]["alternatives"][0]["transcript"].endswith("caller 4729")


@pytest.mark.parametrize(
    ("query", "text"),
    [(SMART._replace(no_delay=True), NUMBER_LAST), (SMART, SAID), (PHONE, NUMBER_LAST)],
)
def test_other_finals_are_not_delayed(query: ListenQuery, text: str) -> None:
    """``no_delay``, a closing mark, or no ``smart_format``: the endpoint counts."""
    core = listening(query)
    core.receive(b"".join(caller(text)) + SILENCE_FRAME * 15, 3.0)

    assert [m for m in finals(messages(core.take())) if m["speech_final"]]


def test_configure_replaces_key_terms() -> None:
    """ConfigureSuccess names the key terms if they were replaced."""
    answer = said_to('{"type":"Configure","keyterms":["busy hour"]}')

    assert list(answer) == ["type", "request_id", "keyterms"]
    assert answer["type"] == "ConfigureSuccess"
    plain = said_to('{"type":"Configure","features":{"numerals":true}}')
    assert list(plain) == ["type", "request_id"]


def test_configure_changes_features_from_here_on() -> None:
    """``numerals`` set in mid-stream prints the next number in figures."""
    core = listening()
    core.receive('{"type":"Configure","features":{"numerals":true}}', 0.1)
    heard = finals(messages(stream(core, b"".join(caller()))))

    assert words_of(heard[-1])[-1] == "4729."


@pytest.mark.parametrize(
    ("model", "terms", "code"),
    [
        ("nova-2", ["x"], "CONFIGURE_KEYTERMS_NOT_SUPPORTED"),
        ("nova-3", ["x y"] * 251, "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"),
    ],
)
def test_configure_failures(model: str, terms: list[str], code: str) -> None:
    """A change that cannot be made is refused; the stream goes on."""
    text = json.dumps({"type": "Configure", "keyterms": terms})
    answer = said_to(text, PHONE._replace(model=model))

    assert list(answer) == ["type", "request_id", "code", "description"]
    assert answer["code"] == code


def test_unknown_field_of_configure_is_the_captured_error() -> None:
    """A misspelt field is answered with the service's own list of fields."""
    text = '{"type":"Configure","keyterm":["x"]}'

    assert said_to(text) == {
        "type": "Error",
        "variant": "SchemaError",
        "description": "Could not deserialize last text message: unknown field "
        "`keyterm`, expected one of `features`, `processors`, `keyterms`, "
        "`language_hints`",
        "message": text,
    }


def test_sync_comes_back() -> None:
    """Sync is echoed with its number."""
    assert said_to('{"type":"Sync", "id": 18446744073709551615}') == {
        "type": "Sync",
        "id": 2**64 - 1,
    }


def test_command_in_a_binary_frame_is_audio() -> None:
    """It is garbage audio to the service, and noted; by setting it is a command."""
    notes: list[str] = []
    core = Listening(PHONE, opening(AT_ONCE)._replace(note=notes.append))
    core.receive(b'{"type":"CloseStream"}', 1.0)
    core.receive(b'{"type":"KeepAlive"}', 1.1)
    assert core.take() == []
    assert notes == ['a command in a binary frame: {"type":"CloseStream"}']

    lenient = listening(options=DeepgramSettings(control_in_binary=True))
    lenient.receive(b'{"type":"CloseStream"}', 1.0)
    assert lenient.take()[-1] == Ended(1000, "")


@pytest.mark.parametrize(("minus_one", "expected"), [(False, 2.4), (True, -1.0)])
def test_utterance_end_of_what_was_final(minus_one: bool, expected: float) -> None:
    """After a final UtteranceEnd has the word's time, or -1 by setting."""
    options = DeepgramSettings(
        listen_pace=0, recogniser_delay=0, utterance_end_minus_one=minus_one
    )
    audio = b"".join(caller()) + SILENCE_FRAME * 100
    heard = messages(stream(listening(options=options), audio))
    (ended,) = [m for m in heard if m["type"] == "UtteranceEnd"]

    assert ended["last_word_end"] == pytest.approx(expected, abs=0.4)


def test_utterance_end_may_be_late() -> None:
    """By setting UtteranceEnd comes long after its word gap."""
    options = DeepgramSettings(
        listen_pace=0, recogniser_delay=0, utterance_end_delay=2.0
    )
    core = listening(options=options)
    core.receive(b"".join(caller()) + SILENCE_FRAME * 60, 4.0)
    assert "UtteranceEnd" not in {m["type"] for m in messages(core.take())}
    core.on_timer(6.0)

    assert [m["type"] for m in messages(core.take())] == ["UtteranceEnd"]


def test_debug_tells_before_the_close() -> None:
    """With ``debug=true`` an Error of variant Closing comes before the close frame."""
    core = listening(PHONE._replace(debug=True))
    core.on_timer(10.0)
    said = core.take()
    (error,) = messages(said)

    assert list(error) == ["type", "variant", "code", "description"]
    assert (error["variant"], error["code"]) == ("Closing", "NET-0001")
    assert isinstance(said[-1], Ended)
    assert error["description"] == said[-1].reason


def test_epilogue_warns_of_deprecated_parameters() -> None:
    """A deprecated parameter has its warning in Metadata; ``extra`` comes back."""
    query = PHONE._replace(deprecated=("tier",), extra=("order:7", "plain"))
    metadata = messages(stream(listening(query), SILENCE_FRAME))[-1]

    assert metadata["warnings"] == [
        {
            "parameter": "tier",
            "type": "DEPRECATED",
            "message": "The parameter tier is deprecated.",
        }
    ]
    assert metadata["extra"] == {"order": "7", "plain": ""}
