"""The model's stream: text as it comes, errors as errors, nothing left open."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from voiceutils.chat import ChatModel, Message, _lines
from voiceutils.errors import DeadlineExceeded, ProviderError, RetriesExhausted

URL = "http://model.test/v1"
KEY = "canary-model-key"
ASKED = (Message("system", "Be brief."), Message("user", "Hi"))


def event(text: str | None, finish: str | None = None) -> bytes:
    """One chunk as a server-sent event."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "c", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class Stream(httpx.AsyncByteStream):
    """An answer in pieces that may be cut or stop."""

    def __init__(self, *pieces: bytes, cut: bool = False, stalls: bool = False) -> None:
        self.pieces = pieces
        self.cut = cut
        self.stalls = stalls
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.stalls:
            await asyncio.sleep(60)
        if self.cut:
            raise httpx.RemoteProtocolError("cut")

    async def aclose(self) -> None:
        self.closed = True


class Pauses:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def model(pauses: Pauses | None = None, **options: float) -> ChatModel:
    """A model whose pauses take no time."""
    return ChatModel(KEY, url=URL, model="m", sleep=pauses or Pauses(), **options)  # type: ignore[arg-type]


def answers(*answer: httpx.Response | Exception) -> respx.Route:
    """Have the model answer so, one request after the other."""
    return respx.post(f"{URL}/chat/completions").mock(side_effect=list(answer))


async def replied(chat: ChatModel) -> list[str]:
    """All pieces of one reply."""
    return [piece async for piece in chat.reply(ASKED, user="CA1")]


@respx.mock
async def test_text_comes_piece_by_piece() -> None:
    """The request streams and names the caller; role and finish events say nothing."""
    stream = Stream(event(None), event("Hel"), b": ping\n\n", event("lo", "stop"), DONE)
    route = answers(httpx.Response(200, stream=stream))

    assert await replied(model()) == ["Hel", "lo"]

    request = route.calls.last.request
    assert json.loads(request.content) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "stream": True,
        "user": "CA1",
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert stream.closed


@respx.mock
async def test_done_ends_the_reply() -> None:
    """``[DONE]`` is the end even without a finish reason, and nothing follows it."""
    answers(httpx.Response(200, stream=Stream(event("Yes"), DONE, event("no"))))

    assert await replied(model()) == ["Yes"]


@respx.mock
async def test_empty_reply_is_not_an_error_here() -> None:
    """A reply without text ends; what to do about it is the agent's affair."""
    answers(httpx.Response(200, stream=Stream(event(None, "tool_calls"), DONE)))

    assert await replied(model()) == []


@respx.mock
@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_permanent_refusal_is_not_retried(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad key stays bad; it is in no message and in no log."""
    caplog.set_level(logging.DEBUG)
    body = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    route = answers(httpx.Response(status, json=body))

    with pytest.raises(ProviderError, match="Incorrect API key") as error:
        await replied(model())

    assert route.call_count == 1
    assert KEY not in str(error.value)
    assert KEY not in caplog.text


@respx.mock
async def test_retry_after_is_honoured_and_500_retried() -> None:
    """Two refusals, one answer: the first wait is the one asked for."""
    pauses = Pauses()
    answers(
        httpx.Response(429, headers={"retry-after": "1.5"}, json={}),
        httpx.Response(500, text="oops"),
        httpx.Response(200, stream=Stream(event("Yes", "stop"), DONE)),
    )

    assert await replied(model(pauses)) == ["Yes"]
    assert pauses.seconds[0] == 1.5
    assert len(pauses.seconds) == 2


@respx.mock
async def test_long_retry_after_is_a_refusal() -> None:
    """Nobody holds the line for half a minute."""
    route = answers(httpx.Response(429, headers={"retry-after": "30"}, json={}))

    with pytest.raises(RetriesExhausted):
        await replied(model())

    assert route.call_count == 1


@respx.mock
@pytest.mark.parametrize(
    "stream",
    [
        Stream(event("Hel"), cut=True),
        Stream(event("Hel")),
        Stream(event("Hel"), b'data: {"error": {"message": "overloaded"}}\n\n'),
        Stream(event("Hel"), b"data: {nonsense\n\n"),
    ],
    ids=["cut", "ended early", "error event", "not JSON"],
)
async def test_broken_stream_is_an_error_and_not_retried(stream: Stream) -> None:
    """Half a reply has been spoken; asking again would say it twice."""
    route = answers(httpx.Response(200, stream=stream))
    heard = []

    with pytest.raises(ProviderError):  # noqa: PT012
        async for piece in model().reply(ASKED):
            heard.append(piece)  # noqa: PERF401 - kept when the stream breaks

    assert heard == ["Hel"]
    assert route.call_count == 1
    assert stream.closed


@respx.mock
@pytest.mark.parametrize(
    ("pieces", "awaited"),
    [((b": ping\n\n",), "the first text"), ((event("Hel"),), "more text")],
)
async def test_stalled_stream_is_reported(
    pieces: tuple[bytes, ...], awaited: str
) -> None:
    """Pings are not text; the deadline names what did not come."""
    stream = Stream(*pieces, stalls=True)
    answers(httpx.Response(200, stream=stream))

    with pytest.raises(DeadlineExceeded, match=awaited):
        await replied(model(first_token_deadline=0.02, token_deadline=0.02))

    assert stream.closed


@respx.mock
async def test_cancelling_closes_the_stream() -> None:
    """An interruption stops the model at once."""
    stream = Stream(event("Hel"), stalls=True)
    answers(httpx.Response(200, stream=stream))
    task = asyncio.create_task(replied(model()))
    while not stream.closed and not task.done():
        await asyncio.sleep(0)
        if stream.pieces:
            task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@given(
    text=st.text(max_size=40),
    cuts=st.lists(st.integers(1, 9), max_size=60),
)
def test_any_chunking_gives_the_same_lines(text: str, cuts: list[int]) -> None:
    """Bytes may be cut anywhere, even inside a character or before a line feed."""
    body = event(text).replace(b"\n", b"\r\n")

    async def read() -> list[str]:
        async def pieces() -> AsyncIterator[bytes]:
            rest = body
            for cut in [*cuts, len(rest)]:
                yield rest[:cut]
                rest = rest[cut:]

        return [line async for line in _lines(pieces())]

    assert asyncio.run(read()) == [event(text).decode().split("\n")[0], ""]
