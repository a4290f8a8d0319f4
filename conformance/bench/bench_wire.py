"""What one message costs, read and written, beside the standard library's json."""

from __future__ import annotations

import base64
import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from voiceutils import mulaw
from voiceutils.wire import deepgram_listen, encode, twilio

SID = "MZ0123456789abcdef0123456789abcdef"
MEDIA = twilio.Media(
    "1001", twilio.MediaBody("inbound", "1000", "20000", mulaw.SILENCE_FRAME), SID
)
REPLY = twilio.AgentMedia(SID, twilio.AgentPayload(mulaw.SILENCE_FRAME))
RESULTS = deepgram_listen.Results(
    channel_index=(0, 1),
    duration=1.5,
    start=3.0,
    is_final=True,
    channel=deepgram_listen.Channel(
        (
            deepgram_listen.Alternative(
                "one two three",
                0.99,
                words=tuple(
                    deepgram_listen.Word(word, 3.0 + n, 3.4 + n, 0.99)
                    for n, word in enumerate(["one", "two", "three"])
                ),
            ),
        )
    ),
)


@pytest.mark.benchmark(group="wire: read one media message")
def test_read_media(benchmark: BenchmarkFixture) -> None:
    """Parsed, checked and decoded from base64."""
    assert benchmark(twilio.decode_from_twilio, encode(MEDIA)) == MEDIA


@pytest.mark.benchmark(group="wire: read one media message")
def test_read_media_with_json(benchmark: BenchmarkFixture) -> None:
    """Parsed and decoded, nothing checked."""
    text = encode(MEDIA)
    audio = benchmark(lambda: base64.b64decode(json.loads(text)["media"]["payload"]))
    assert audio == mulaw.SILENCE_FRAME


@pytest.mark.benchmark(group="wire: write one media message")
def test_write_media(benchmark: BenchmarkFixture) -> None:
    """From audio to text."""
    assert twilio.decode_from_agent(benchmark(encode, REPLY)) == REPLY


@pytest.mark.benchmark(group="wire: write one media message")
def test_write_media_with_json(benchmark: BenchmarkFixture) -> None:
    """The same text from the standard library."""

    def write() -> str:
        payload = base64.b64encode(mulaw.SILENCE_FRAME).decode()
        return json.dumps(
            {"event": "media", "streamSid": SID, "media": {"payload": payload}},
            separators=(",", ":"),
        )

    assert benchmark(write) == encode(REPLY)


@pytest.mark.benchmark(group="wire: read one transcript")
def test_read_results(benchmark: BenchmarkFixture) -> None:
    """A final of three words."""
    assert benchmark(deepgram_listen.decode_from_listen, encode(RESULTS)) == RESULTS
