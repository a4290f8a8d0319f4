"""The live link: every byte of the caller once, whatever the link does."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from voiceutils import deepgram_stt
from voiceutils._listen_link import listen_url
from voiceutils._listen_session import ListenSession
from voiceutils.deepgram_stt import (
    DeepgramSTTService,
    LinkLost,
    LinkRestored,
    ListenEvent,
)
from voiceutils.errors import (
    NotConnected,
    ProviderError,
    RetriesExhausted,
    SettingError,
)
from voiceutils.wire.deepgram_listen import Results

KEY = "canary-listen-key"


def result(start: float, text: str = "hi") -> str:
    """A final of one word."""
    word = {"word": text, "start": start, "end": start + 0.2, "confidence": 0.9}
    best = {"transcript": text, "confidence": 0.9, "words": [word]}
    return json.dumps(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start,
            "duration": 0.2,
            "is_final": True,
            "speech_final": True,
            "channel": {"alternatives": [best]},
        }
    )


def refusal(status: int, **headers: str) -> InvalidStatus:
    """What websockets raises when the handshake is refused."""
    named = Headers({name.replace("_", "-"): text for name, text in headers.items()})
    return InvalidStatus(Response(status, "No", named, b'{"err_msg":"no"}'))


class ScriptedLink:
    """A link to Deepgram in the test's hands."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.breaks_after: int | None = None
        self._said: asyncio.Queue[str | Exception] = asyncio.Queue()

    @property
    def audio(self) -> bytes:
        return b"".join(m for m in self.sent if isinstance(m, bytes))

    @property
    def commands(self) -> list[str]:
        return [json.loads(m)["type"] for m in self.sent if isinstance(m, str)]

    def say(self, message: str) -> None:
        self._said.put_nowait(message)

    def drop(self, code: int = 1011) -> None:
        self._said.put_nowait(ConnectionClosedError(Close(code, "gone"), None))

    async def send(self, message: str | bytes) -> None:
        if self.breaks_after is not None and len(self.sent) >= self.breaks_after:
            self.drop()
            raise ConnectionClosedError(None, None)
        self.sent.append(message)
        if isinstance(message, str) and "CloseStream" in message:
            self.drop(1000)

    async def recv(self) -> str | bytes:
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def close(self) -> None:
        pass


class Deepgram:
    """Opens scripted links, or refuses; sleeps without time passing."""

    def __init__(self, *script: ScriptedLink | Exception) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.pauses: list[float] = []
        self.now = 0.0

    async def open(self, url: str, headers: dict[str, str]) -> ScriptedLink:
        self.asked.append((url, headers))
        await asyncio.sleep(0)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def service(self, **options: float) -> DeepgramSTTService:
        return DeepgramSTTService(
            KEY,
            open_link=self.open,
            sleep=self.sleep,
            clock=lambda: self.now,
            **options,  # type: ignore[arg-type]
        )


async def settled(condition: Callable[[], object]) -> None:
    """Let tasks run until the condition holds."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def collected(service: DeepgramSTTService) -> list[ListenEvent]:
    """All events until the end."""
    return [event async for event in service.events()]


# --- connecting --------------------------------------------------------------------


async def test_connect_goes_through_with_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The shared retry is given the single attempt and the caller's figures."""
    seen: dict[str, object] = {}

    async def spy(func: object, **options: object) -> None:
        seen.update(options, func=func)

    monkeypatch.setattr(deepgram_stt, "with_retry", spy)
    service = Deepgram(ScriptedLink()).service()
    monkeypatch.setattr(service, "_serve", lambda: asyncio.sleep(0))

    await service.connect(max_retries=7, backoff_factor=1.7)
    await service.close()

    assert seen["func"] == service._attempt_connection
    assert (seen["max_retries"], seen["backoff_factor"]) == (7, 1.7)


def test_there_is_no_other_retry_loop() -> None:
    """No loop in the module opens links: the shared retry is the only one that does."""
    tree = ast.parse(inspect.getsource(deepgram_stt))
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]

    for loop in loops:
        assert "_attempt_connection()" not in ast.unparse(loop)
        assert "_open_link" not in ast.unparse(loop)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_permanent_refusal_is_not_retried(status: int) -> None:
    """A bad key stays bad: one attempt, the provider's words, no wait."""
    deepgram = Deepgram(refusal(status))
    service = deepgram.service()

    with pytest.raises(ProviderError, match=f"answered {status}: no"):
        await service.connect()

    assert (len(deepgram.asked), deepgram.pauses) == (1, [])
    with pytest.raises(NotConnected):
        await service.send_audio(b"x")


async def test_refusals_are_retried_with_growing_delays() -> None:
    """429 and 5xx come back later, as long as Retry-After says at least."""
    deepgram = Deepgram(
        refusal(503), refusal(429, retry_after="3"), OSError("x"), ScriptedLink()
    )
    service = deepgram.service()

    await service.connect(max_retries=4)
    await service.close()

    assert len(deepgram.asked) == 4
    assert 0.125 <= deepgram.pauses[0] <= 0.25
    assert deepgram.pauses[1] == 3.0


async def test_key_that_cannot_be_sent_is_a_setting_error() -> None:
    """A pasted line break is stripped, worse is refused, and neither is shown."""
    link = ScriptedLink()
    deepgram = Deepgram(link)
    service = DeepgramSTTService(f" {KEY}\n", open_link=deepgram.open)
    await service.connect()
    await service.close()

    assert deepgram.asked[0][1] == {"Authorization": f"Token {KEY}"}
    with pytest.raises(SettingError) as error:
        DeepgramSTTService(f"{KEY}\nX-Evil: 1")
    assert KEY not in str(error.value)


async def test_no_key_sends_no_header() -> None:
    """An empty credential is not a legal header; a proxy may add its own."""
    link = ScriptedLink()
    deepgram = Deepgram(link)
    service = DeepgramSTTService("", open_link=deepgram.open)
    await service.connect()
    await service.close()

    assert deepgram.asked[0][1] == {}


async def test_exhaustion_says_how_often_it_was_tried() -> None:
    """Three attempts by default."""
    deepgram = Deepgram(refusal(500))

    with pytest.raises(RetriesExhausted, match="failed after 3 attempts"):
        await deepgram.service().connect()

    assert len(deepgram.asked) == 3


# --- audio -------------------------------------------------------------------------


async def test_audio_before_the_link_is_kept_in_order() -> None:
    """The caller's first word is not lost while Deepgram connects."""
    link = ScriptedLink()
    service = Deepgram(link).service()
    frames = [bytes([i]) * 160 for i in range(7)]
    for frame in frames[:4]:
        await service.send_audio(frame)
    await service.connect()
    for frame in frames[4:]:
        await service.send_audio(frame)
    await service.close()

    assert link.audio == b"".join(frames)
    assert [len(m) for m in link.sent if isinstance(m, bytes)] == [800, 320]


async def test_close_sends_tail_then_close_stream() -> None:
    """What is in the buffer goes first, then the polite end; nothing after it."""
    link = ScriptedLink()
    service = Deepgram(link).service()
    await service.connect()
    await service.send_audio(b"x" * 950)
    await service.finalize()
    await service.send_audio(b"y" * 10)
    await service.close()

    kinds = [len(m) if isinstance(m, bytes) else json.loads(m) for m in link.sent]
    assert kinds == [800, 150, {"type": "Finalize"}, 10, {"type": "CloseStream"}]
    with pytest.raises(NotConnected):
        await service.send_audio(b"x")


async def test_nothing_empty_is_ever_sent() -> None:
    """An empty message would end the stream."""
    link = ScriptedLink()
    service = Deepgram(link).service()
    await service.connect()
    await service.send_audio(b"")
    await service.finalize()
    await service.close()

    assert b"" not in link.sent


async def test_link_that_never_closes_is_left() -> None:
    """Deepgram's last words are waited for only so long."""
    link = ScriptedLink()
    link.drop = lambda code=1011: None  # type: ignore[method-assign]
    service = Deepgram(link).service()
    await service.connect()

    await asyncio.wait_for(service.close(deadline=0.02), 1.0)

    assert link.commands == ["CloseStream"]


# --- a link that fails -------------------------------------------------------------


@pytest.mark.parametrize("where", ["receiving", "sending"])
async def test_reconnect_keeps_audio_and_moves_times(where: str) -> None:
    """The next link goes on where the last one stopped, in the caller's time."""
    first, second = ScriptedLink(), ScriptedLink()
    deepgram = Deepgram(first, second)
    service = deepgram.service()
    events = asyncio.create_task(collected(service))
    await service.connect()
    await service.send_audio(b"a" * 1600)
    await settled(lambda: len(first.sent) == 2)
    first.say(result(0.0, "one"))
    if where == "receiving":
        first.drop()
        await settled(lambda: not service.is_connected)
    else:
        first.breaks_after = 2
    await service.send_audio(b"b" * 800)
    await service.send_audio(b"c" * 800)
    await settled(lambda: len(second.sent) == 2)
    second.say(result(0.5, "two"))
    await settled(lambda: second._said.empty())
    await asyncio.sleep(0)
    await service.close()

    assert first.audio + second.audio == b"a" * 1600 + b"b" * 800 + b"c" * 800
    heard = await events
    finals = [event for event in heard if isinstance(event, Results)]
    assert [final.start for final in finals] == [0.0, pytest.approx(0.7)]
    assert finals[1].channel.alternatives[0].words[0].end == pytest.approx(0.9)
    kinds = [type(event) for event in heard]
    assert kinds == [Results, LinkLost, LinkRestored, Results]
    assert all(url == deepgram.asked[0][0] for url, _ in deepgram.asked)


async def test_accept_then_close_is_bounded_and_spaced() -> None:
    """Links that end at once are failed attempts, not successes."""
    link = ScriptedLink()
    deepgram = Deepgram(link)
    service = deepgram.service()
    await service.connect(max_retries=4)
    for _ in range(10):
        link.drop(1008)

    with pytest.raises(RetriesExhausted, match=r"accepted and left: closed 1008 gone"):
        await asyncio.wait_for(collected(service), 2.0)

    assert len(deepgram.asked) == 4
    assert len(deepgram.pauses) == 3
    with pytest.raises(NotConnected):
        await service.send_audio(b"x")
    await service.close()


async def test_permanent_refusal_in_mid_call_ends_the_events() -> None:
    """A revoked key is reported to whoever listens, after one attempt."""
    link = ScriptedLink()
    deepgram = Deepgram(link, refusal(401))
    service = deepgram.service()
    await service.connect()
    link.drop()

    with pytest.raises(ProviderError, match="401"):
        await asyncio.wait_for(collected(service), 2.0)

    assert len(deepgram.asked) == 2
    await service.close()


async def test_closing_stops_reconnecting() -> None:
    """A caller who has left is not transcribed."""
    link = ScriptedLink()
    deepgram = Deepgram(link, refusal(503))
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.sleep(60)

    deepgram.sleep = sleep  # type: ignore[method-assign]
    service = deepgram.service()
    await service.connect()
    link.drop()
    await waiting.wait()

    await asyncio.wait_for(service.close(), 1.0)

    heard = await asyncio.wait_for(collected(service), 1.0)
    assert heard == [LinkLost("closed 1011 gone")]


async def test_malformed_message_is_logged_and_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nonsense and unknown kinds do not end the transcript."""
    link = ScriptedLink()
    service = Deepgram(link).service()
    await service.connect()
    for said in ("{nonsense", '{"type":"Results"}', '{"type":"New"}', result(0.0)):
        link.say(said)
    await settled(lambda: not service._events.empty())
    await service.close()

    assert [type(event) for event in await collected(service)] == [Results]
    assert "bad message" in caplog.text


# --- the pure session --------------------------------------------------------------


def test_keepalive_only_in_silence() -> None:
    """Four seconds without a message are due one KeepAlive, audio postpones it."""
    session = ListenSession(buffer_size=10)
    assert session.next_timer() is None
    session.opened(100.0)
    assert session.next_timer() == 104.0
    session.on_timer(103.9)
    assert session.take(103.9) is None

    session.on_timer(104.0)
    assert session.take(104.0) == '{"type":"KeepAlive"}'
    session.audio(b"x" * 10)
    assert session.take(106.0) == b"x" * 10
    assert session.next_timer() == 110.0
    session.audio(b"y" * 10)
    session.on_timer(110.0)
    assert [session.take(110.0), session.take(110.0)] == [b"y" * 10, None]

    session.finish()
    assert session.next_timer() is None


@given(
    st.lists(
        st.one_of(
            st.binary(min_size=0, max_size=50),
            st.sampled_from(["take", "fail", "lose", "open", "finalize"]),
        ),
        max_size=60,
    )
)
def test_every_byte_goes_out_once(steps: list[bytes | str]) -> None:
    """Any order of audio, losses and failed sends: sent equals given, in order."""
    session = ListenSession(buffer_size=16)
    given_audio, sent = b"", b""
    for step in steps:
        if isinstance(step, bytes):
            session.audio(step)
            given_audio += step
        elif step == "open" and not session.is_open:
            session.opened(0.0)
            assert session._offset == len(sent) / 8000
        elif step == "lose":
            session.lost()
        elif step == "finalize":
            session.finalize()
        elif (message := session.take(0.0)) is not None:
            if step == "fail":
                session.put_back(message)
            elif isinstance(message, bytes):
                assert 0 < len(message) <= 16
                sent += message
    if not session.is_open:
        session.opened(0.0)
    session.finish()
    while (message := session.take(0.0)) is not None:
        sent += message if isinstance(message, bytes) else b""

    assert sent == given_audio
    assert session.dropped_bytes == 0


@given(seconds=st.integers(1, 40))
def test_kept_audio_is_bounded_and_newest(seconds: int) -> None:
    """Without a link the oldest audio goes, and times still fit the caller's."""
    session = ListenSession(keep_seconds=10)
    for second in range(seconds):
        session.audio(bytes([second]) * 8000)
    session.opened(0.0)
    first = session.take(0.0)

    assert isinstance(first, bytes)
    assert first[0] == max(0, seconds - 10)
    assert session.dropped_bytes == 8000 * max(0, seconds - 10)
    event = session.receive(result(0.5))
    assert isinstance(event, Results)
    assert event.start == pytest.approx(0.5 + max(0, seconds - 10))


def test_parameters_are_written_as_deepgram_reads_them() -> None:
    """Booleans in lower case, lists repeated, both kinds of base address."""
    url = listen_url("http://h:1/", {"a": True, "keyterm": ["x y", "z"], "n": 200})

    assert url == "ws://h:1/v1/listen?a=true&keyterm=x+y&keyterm=z&n=200"
    assert listen_url("wss://h", {}) == "wss://h/v1/listen?"


# --- a real socket -----------------------------------------------------------------


@asynccontextmanager
async def listening(
    handler: Callable[[ServerConnection], object], status: int = 101
) -> AsyncIterator[str]:
    """A real server on a free port, or one that refuses."""

    def process(link: ServerConnection, request: object) -> Response | None:
        return None if status == 101 else link.respond(status, "no")

    async def handle(link: ServerConnection) -> None:
        result = handler(link)
        if inspect.isawaitable(result):
            await result

    async with serve(handle, "127.0.0.1", 0, process_request=process) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def test_real_link_and_no_key_in_any_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Over a real WebSocket: right headers, all audio, and the key in no log line."""
    caplog.set_level(logging.DEBUG)
    got: list[str | bytes] = []
    asked: list[Headers] = []

    async def handler(link: ServerConnection) -> None:
        assert link.request is not None
        asked.append(link.request.headers)
        async for message in link:
            got.append(message)
            if isinstance(message, str):
                await link.send(result(0.0))
                return

    async with listening(handler) as url:
        server_logger = logging.getLogger("websockets.server")
        server_logger.setLevel(logging.INFO)  # the fake's log, not ours
        service = DeepgramSTTService(KEY, url=url)
        await service.connect()
        await service.send_audio(b"x" * 1000)
        await service.close()
        heard = await collected(service)

    assert b"".join(m for m in got if isinstance(m, bytes)) == b"x" * 1000
    assert asked[0]["authorization"] == f"Token {KEY}"
    assert "sec-websocket-extensions" not in asked[0]
    assert [type(event) for event in heard] == [Results]
    assert KEY not in caplog.text


async def test_real_refusal_becomes_a_provider_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The status of a refused handshake is known, and the key is not shown."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.INFO)
    async with listening(lambda link: None, status=402) as url:
        service = DeepgramSTTService(KEY, url=url)
        with pytest.raises(ProviderError) as error:
            await service.connect()

    assert error.value.status == 402
    assert KEY not in caplog.text
