"""What one message costs, read and written, by us and by the usual libraries.

The others check nothing and name nothing; a typed message has had every field checked.
"""

from __future__ import annotations

import base64
import json
from binascii import a2b_base64, b2a_base64
from typing import Any, cast

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._installed import needs
from conformance.bench._messages import MEDIA, REPLY, RESULTS, SID
from fakes.twilio.media.stream_messages import StreamMessages
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import SILENCE_FRAME
from voiceutils.wire import deepgram_listen, encode, twilio

LEG = CallLeg.of(7, "CA" + "0" * 32)
SPOKEN = bytes(range(160))
OLD_SOCKETS = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")


@pytest.mark.benchmark(group="wire: read one media message")
def test_read_media(benchmark: BenchmarkFixture) -> None:
    """Parsed, checked and decoded from base64."""
    assert benchmark(twilio.decode_from_twilio, encode(MEDIA)) == MEDIA


@pytest.mark.benchmark(group="wire: read one media message")
def test_read_media_with_json(benchmark: BenchmarkFixture) -> None:
    """Parsed and decoded, nothing checked."""
    text = encode(MEDIA)
    audio = benchmark(lambda: base64.b64decode(json.loads(text)["media"]["payload"]))
    assert audio == SILENCE_FRAME


@pytest.mark.benchmark(group="wire: read one media message")
@needs("orjson")
def test_read_media_with_orjson(benchmark: BenchmarkFixture) -> None:
    """The fastest general parser, and the decoder below base64's own checks."""
    import orjson

    text = encode(MEDIA)
    audio = benchmark(lambda: a2b_base64(orjson.loads(text)["media"]["payload"]))
    assert audio == SILENCE_FRAME


@pytest.mark.benchmark(group="wire: write one media message of the phone")
@pytest.mark.parametrize("audio", [None, SPOKEN], ids=["silence", "speech"])
def test_write_media_prebuilt(benchmark: BenchmarkFixture, audio: bytes | None) -> None:
    """As the fake phone writes it: the text around the numbers stands ready."""
    messages = StreamMessages(LEG, seed=1)
    text = benchmark(messages.next_media, audio)
    read = twilio.decode_from_twilio(text)
    assert isinstance(read, twilio.Media)
    assert read.media.payload == (audio or SILENCE_FRAME)


@pytest.mark.benchmark(group="wire: write one media message of the phone")
def test_write_media_typed(benchmark: BenchmarkFixture) -> None:
    """Made as a typed message, then encoded."""

    def write() -> str:
        body = twilio.MediaBody("inbound", "1000", "20000", SILENCE_FRAME)
        return encode(twilio.Media("1001", body, SID))

    assert benchmark(write) == encode(MEDIA)


def _media(payload: str) -> dict[str, object]:
    return {
        "event": "media",
        "sequenceNumber": "1001",
        "media": {
            "track": "inbound",
            "chunk": "1000",
            "timestamp": "20000",
            "payload": payload,
        },
        "streamSid": SID,
    }


@pytest.mark.benchmark(group="wire: write one media message of the phone")
def test_write_media_with_json(benchmark: BenchmarkFixture) -> None:
    """The same text from the standard library."""

    def write() -> str:
        payload = base64.b64encode(SILENCE_FRAME).decode()
        return json.dumps(_media(payload), separators=(",", ":"))

    assert benchmark(write) == encode(MEDIA)


@pytest.mark.benchmark(group="wire: write one media message of the phone")
@needs("orjson")
def test_write_media_with_orjson(benchmark: BenchmarkFixture) -> None:
    """The same text from the fastest general writer."""
    import orjson

    def write() -> str:
        payload = b2a_base64(SILENCE_FRAME, newline=False).decode()
        written: bytes = orjson.dumps(_media(payload))
        return written.decode()

    assert benchmark(write) == encode(MEDIA)


@pytest.mark.benchmark(group="wire: write one media message of the agent")
def test_write_reply(benchmark: BenchmarkFixture) -> None:
    """From audio to text."""
    assert twilio.decode_from_agent(benchmark(encode, REPLY)) == REPLY


@pytest.mark.benchmark(group="wire: write one media message of the agent")
def test_write_reply_with_json(benchmark: BenchmarkFixture) -> None:
    """The same text from the standard library."""

    def write() -> str:
        payload = base64.b64encode(SILENCE_FRAME).decode()
        return json.dumps(
            {"event": "media", "streamSid": SID, "media": {"payload": payload}},
            separators=(",", ":"),
        )

    assert benchmark(write) == encode(REPLY)


@pytest.mark.benchmark(group="wire: read one transcript")
def test_read_results(benchmark: BenchmarkFixture) -> None:
    """A final of three words, every field checked."""
    assert benchmark(deepgram_listen.decode_from_listen, encode(RESULTS)) == RESULTS


@pytest.mark.benchmark(group="wire: read one transcript")
def test_read_results_with_json(benchmark: BenchmarkFixture) -> None:
    """Nested dictionaries, nothing checked."""
    assert benchmark(json.loads, encode(RESULTS))["is_final"] is True


@pytest.mark.benchmark(group="wire: read one transcript")
@needs("orjson")
def test_read_results_with_orjson(benchmark: BenchmarkFixture) -> None:
    """Nested dictionaries from the fastest general parser."""
    import orjson

    assert benchmark(orjson.loads, encode(RESULTS))["is_final"] is True


@pytest.mark.benchmark(group="wire: read one transcript")
@OLD_SOCKETS
def test_read_results_with_the_sdk(benchmark: BenchmarkFixture) -> None:
    """As deepgram-sdk reads a message of its socket: json, then a pydantic model."""
    from deepgram.core.unchecked_base_model import construct_type
    from deepgram.listen.v1.socket_client import V1SocketClientResponse

    text, any_message = encode(RESULTS), cast("Any", V1SocketClientResponse)
    read = benchmark(
        lambda: construct_type(type_=any_message, object_=json.loads(text))
    )
    assert read.channel.alternatives[0].transcript == "one two three"


@pytest.mark.benchmark(group="wire: read one transcript")
def test_read_results_with_a_checked_model(benchmark: BenchmarkFixture) -> None:
    """The SDK's model of this very message, checked as pydantic can."""
    from deepgram.listen.v1.types import ListenV1Results

    read = benchmark(ListenV1Results.model_validate_json, encode(RESULTS))
    assert read.channel.alternatives[0].transcript == "one two three"
