"""Speech over REST: only audio comes out, and only what may help is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from voiceutils.deepgram_tts import DeepgramTTSService, WavHeader
from voiceutils.errors import DeadlineExceeded, ProviderError, RetriesExhausted

URL = "http://speech.test"
KEY = "canary-speech-key"
AUDIO = bytes(range(256)) * 3
HEADERS = {"content-type": "audio/mulaw;rate=8000"}


class Pauses:
    """Takes the place of sleep and notes for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Broken(httpx.AsyncByteStream):
    """A body that is cut, or stops, after its pieces."""

    def __init__(self, *pieces: bytes, stalls: bool = False) -> None:
        self.pieces = pieces
        self.stalls = stalls
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.stalls:
            await asyncio.sleep(60)
        raise httpx.RemoteProtocolError("peer closed without the last chunk")

    async def aclose(self) -> None:
        self.closed = True


def service(pauses: Pauses | None = None, **options: float) -> DeepgramTTSService:
    """A service whose pauses take no time."""
    return DeepgramTTSService(KEY, url=URL, sleep=pauses or Pauses(), **options)  # type: ignore[arg-type]


async def spoken(tts: DeepgramTTSService, text: str = "Hello.") -> bytes:
    """All audio of a text."""
    return b"".join([piece async for piece in tts.speak(text, tag="CA1")])


@respx.mock
async def test_asks_for_raw_phone_audio() -> None:
    """The request is what Deepgram documents, and all audio of the answer comes out."""
    route = respx.post(f"{URL}/v1/speak").respond(200, content=AUDIO, headers=HEADERS)

    assert await spoken(service()) == AUDIO

    request = route.calls.last.request
    assert request.content == b'{"text":"Hello."}'
    assert request.headers["authorization"] == f"Token {KEY}"
    assert dict(request.url.params) == {
        "model": "aura-2-thalia-en",
        "encoding": "mulaw",
        "sample_rate": "8000",
        "container": "none",
        "tag": "CA1",
    }


@respx.mock
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413])
async def test_permanent_refusal_is_not_retried(status: int) -> None:
    """The same request would fail the same way; its body never becomes audio."""
    body = {"err_code": "X", "err_msg": f"No. Key {KEY}.", "request_id": "1"}
    route = respx.post(f"{URL}/v1/speak").respond(status, json=body)

    with pytest.raises(ProviderError, match=r"answered \d+: No. Key \*\*\*") as error:
        await spoken(service())

    assert error.value.status == status
    assert route.call_count == 1


@respx.mock
async def test_retry_after_is_honoured() -> None:
    """429 with Retry-After waits as long as it was told to, then succeeds."""
    pauses = Pauses()
    respx.post(f"{URL}/v1/speak").mock(
        side_effect=[
            httpx.Response(429, headers={"retry-after": "2"}, json={"err_msg": "x"}),
            httpx.Response(200, content=AUDIO, headers=HEADERS),
        ]
    )

    assert await spoken(service(pauses)) == AUDIO
    assert pauses.seconds == [2.0]


@respx.mock
async def test_server_error_is_retried() -> None:
    """500 is tried again; the caller hears only the second answer."""
    pauses = Pauses()
    respx.post(f"{URL}/v1/speak").mock(
        side_effect=[
            httpx.Response(500, text="oops"),
            httpx.ConnectError("refused"),
            httpx.Response(200, content=AUDIO, headers=HEADERS),
        ]
    )

    assert await spoken(service(pauses)) == AUDIO
    assert len(pauses.seconds) == 2


@respx.mock
async def test_retries_end() -> None:
    """A provider that stays down is reported, with the last reason."""
    route = respx.post(f"{URL}/v1/speak").respond(503, json={"err_msg": "later"})

    with pytest.raises(RetriesExhausted, match=r"failed after 3 attempts.*later"):
        await spoken(service())

    assert route.call_count == 3


@respx.mock
@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_success_that_is_not_audio_is_an_error(kind: str) -> None:
    """200 with a JSON body is still not a sound."""
    respx.post(f"{URL}/v1/speak").respond(
        200, content=b'{"message":"not today"}', headers={"content-type": kind}
    )

    with pytest.raises(ProviderError, match="not today"):
        await spoken(service())


@respx.mock
async def test_no_audio_is_an_error() -> None:
    """An empty answer would be silence; it is retried and then reported."""
    route = respx.post(f"{URL}/v1/speak").respond(200, content=b"", headers=HEADERS)

    with pytest.raises(RetriesExhausted, match="no audio"):
        await spoken(service())

    assert route.call_count == 3


@respx.mock
async def test_cut_audio_is_given_then_reported_never_repeated() -> None:
    """What came before the cut is spoken once; a retry would say it twice."""
    route = respx.post(f"{URL}/v1/speak").respond(
        200, stream=Broken(AUDIO), headers=HEADERS
    )
    heard = []

    with pytest.raises(ProviderError, match="link failed"):  # noqa: PT012
        async for piece in service().speak("Hello."):
            heard.append(piece)  # noqa: PERF401 - kept when the stream breaks

    assert b"".join(heard) == AUDIO
    assert route.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    ("pieces", "awaited"),
    [((), "the first audio from Deepgram"), ((AUDIO,), "more audio from Deepgram")],
)
async def test_stalled_audio_is_reported(
    pieces: tuple[bytes, ...], awaited: str
) -> None:
    """A healthy link that goes quiet does not hold the turn."""
    stream = Broken(*pieces, stalls=True)
    respx.post(f"{URL}/v1/speak").respond(200, stream=stream, headers=HEADERS)

    with pytest.raises(DeadlineExceeded, match=awaited):
        await spoken(service(first_byte_deadline=0.02, gap_deadline=0.02))

    assert stream.closed


@respx.mock
async def test_leaving_closes_the_stream() -> None:
    """An interrupted sentence stops the download."""
    stream = Broken(AUDIO, stalls=True)
    respx.post(f"{URL}/v1/speak").respond(200, stream=stream, headers=HEADERS)
    speech = service().speak("Hello.")

    assert await anext(speech) == AUDIO
    await speech.aclose()

    assert stream.closed


def wav(audio: bytes, *extra: bytes, size: int = 0xFFFFFFFF) -> bytes:
    """A mu-law WAV file as a streaming server writes it: sizes unknown."""
    fmt = b"fmt " + (18).to_bytes(4, "little") + bytes.fromhex("0700" + "00" * 16)
    head = b"RIFF" + size.to_bytes(4, "little") + b"WAVE" + fmt + b"".join(extra)
    return head + b"data" + size.to_bytes(4, "little") + audio


@given(
    audio=st.binary(min_size=1, max_size=200),
    extra=st.sampled_from([(), (b"LIST\x03\x00\x00\x00abc\x00",)]),
    cuts=st.lists(st.integers(1, 20), max_size=30),
    has_header=st.booleans(),
)
def test_wav_header_is_removed_in_any_chunking(
    audio: bytes, extra: tuple[bytes, ...], cuts: list[int], has_header: bool
) -> None:
    """Header bytes are never audio, audio bytes are never lost."""
    rest = wav(audio, *extra) if has_header else b"\x7f" + audio
    expected = audio if has_header else rest
    header, heard = WavHeader(), b""
    for cut in [*cuts, len(rest)]:
        heard += header.strip(rest[:cut])
        rest = rest[cut:]

    assert heard + header.rest() == expected


@given(st.sampled_from([b"R", b"RIFF", b"RIFF\x00\x00\x00\x00WAV", b"RIFX12345678"]))
def test_audio_that_only_looks_like_a_header_is_kept(audio: bytes) -> None:
    """Unless it is a header without audio, everything is passed on in the end."""
    header = WavHeader()

    heard = header.strip(audio) + header.rest()

    assert heard == (b"" if audio.startswith(b"RIFF") else audio)
