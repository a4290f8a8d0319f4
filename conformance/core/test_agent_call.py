"""One call wired up in memory: what reaches Twilio, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from hashlib import sha1
from typing import Any

import httpx
import pytest

from voiceutils.agent.call import AgentCall
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings, Phrases
from voiceutils.agent.signature import addresses, signature
from voiceutils.errors import NotConnected, ProviderError
from voiceutils.wire.deepgram_listen import (
    FromListen,
    SpeechStarted,
    decode_from_listen,
)

SETTINGS = AgentSettings(phrases=Phrases(greeting=""), start_deadline=0.05)


class Recogniser:
    """Stands for the Deepgram service; says what it is told to."""

    def __init__(self) -> None:
        self.audio = b""
        self.closed = False
        self.said: asyncio.Queue[FromListen] = asyncio.Queue()

    async def connect(self, **options: object) -> None:
        pass

    async def send_audio(self, audio: bytes) -> None:
        if self.closed:
            raise NotConnected("closed")
        self.audio += audio

    async def finalize(self) -> None:
        pass

    async def events(self) -> AsyncGenerator[FromListen, None]:
        while True:
            yield await self.said.get()

    async def close(self, deadline: float = 1.0) -> None:
        self.closed = True
        for _ in range(20):  # last words are still taken in
            await asyncio.sleep(0)


class Chat:
    """Stands for the model."""

    def __init__(self, *pieces: str, then: Exception | None = None) -> None:
        self.pieces = pieces
        self.then = then
        self.asked = 0
        self.open = 0

    async def reply(self, messages: object, *, user: str) -> AsyncGenerator[str, None]:
        self.asked += 1
        self.open += 1
        try:
            for piece in self.pieces:
                yield piece
            if self.then is not None:
                raise self.then
        finally:
            self.open -= 1


class Speech:
    """Stands for the voice: 7 bytes a piece, the sentence's first letter as sound."""

    def __init__(self, size: int = 500, stalls: bool = False) -> None:
        self.size = size
        self.stalls = stalls
        self.open = 0

    async def speak(self, text: str, *, tag: str) -> AsyncGenerator[bytes, None]:
        self.open += 1
        audio = text[0].encode() * self.size
        try:
            for at in range(0, self.size, 7):
                yield audio[at : at + 7]
            if self.stalls:
                await asyncio.sleep(60)
        finally:
            self.open -= 1


class Calls:
    """Stands for Twilio's REST interface, which serves or refuses a hang-up."""

    def __init__(self, refusal: ProviderError | None = None) -> None:
        self.refusal = refusal
        self.ended: list[str] = []

    async def hang_up(self, call_sid: str) -> None:
        self.ended.append(call_sid)
        if self.refusal is not None:
            raise self.refusal


class Phone:
    """Twilio's end of one call, and everything around the agent."""

    def __init__(
        self,
        chat: Chat,
        speech: Speech,
        settings: AgentSettings,
        calls: Calls | None = None,
    ) -> None:
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self.got: list[dict[str, Any]] = []
        self.recogniser = Recogniser()
        recogniser = self.recogniser

        class Call(AgentCall):
            def build_recogniser(self, call_sid: str) -> Any:
                return recogniser

        self.call = Call(settings, chat, speech, self.incoming.get, self.take, calls)  # type: ignore[arg-type]
        self.running = asyncio.create_task(self.call.run())

    async def take(self, text: str) -> None:
        self.got.append(json.loads(text))

    def send(self, event: str, **fields: object) -> None:
        message = {"event": event, "sequenceNumber": "1", "streamSid": "MZ1", **fields}
        self.incoming.put_nowait(json.dumps(message))

    def start(self) -> None:
        body = {"accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1"}
        self.send("start", start=body)

    def frame(self, audio: bytes, **fields: object) -> None:
        payload = base64.b64encode(audio).decode()
        media = {"track": "inbound", "chunk": "1", "timestamp": "1", "payload": payload}
        self.send("media", media=media, **fields)

    def says(self, text: str) -> None:
        word = {"word": text, "start": 1.0, "end": 1.4, "confidence": 0.9}
        best = {"transcript": text, "confidence": 0.9, "words": [word]}
        final = {
            "type": "Results",
            "channel_index": [0, 1],
            "start": 1.0,
            "duration": 0.4,
            "is_final": True,
            "speech_final": True,
            "channel": {"alternatives": [best]},
        }
        event = decode_from_listen(json.dumps(final))
        self.recogniser.said.put_nowait(event)  # type: ignore[arg-type]

    @property
    def kinds(self) -> list[str]:
        return [message["event"] for message in self.got]

    @property
    def audio(self) -> bytes:
        payloads = [m["media"]["payload"] for m in self.got if m["event"] == "media"]
        return b"".join(map(base64.b64decode, payloads))

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"it never came to that; got {self.kinds}")

    async def ends(self) -> None:
        await asyncio.wait_for(self.running, 1.0)


def ring(
    chat: Chat | None = None,
    speech: Speech | None = None,
    settings: AgentSettings = SETTINGS,
) -> Phone:
    """Place a call that has not started."""
    return Phone(chat or Chat("Aha. Bye."), speech or Speech(), settings)


async def test_reply_is_whole_frames_in_order_with_marks() -> None:
    """Sentences in order, each padded to whole frames and followed by its mark."""
    phone = ring()
    phone.start()
    phone.says("hello")
    await phone.until(lambda: phone.kinds.count("mark") == 2)

    silence = b"\xff" * 140
    assert phone.audio == b"A" * 500 + silence + b"B" * 500 + silence
    sizes = [
        len(base64.b64decode(message["media"]["payload"]))
        for message in phone.got
        if message["event"] == "media"
    ]
    assert all(size % 160 == 0 for size in sizes)
    assert all(message["streamSid"] == "MZ1" for message in phone.got)
    marks = [m["mark"]["name"] for m in phone.got if m["event"] == "mark"]
    assert marks == ["1.1", "1.2"]
    phone.incoming.put_nowait(None)
    await phone.ends()


@pytest.mark.parametrize("refusal", [None, ProviderError("no", status=401)])
async def test_goodbye_is_answered_and_the_call_ended_over_rest(
    refusal: ProviderError | None, caplog: pytest.LogCaptureFixture
) -> None:
    """When the answer has been heard, once; a refusal leaves the socket's end."""
    calls = Calls(refusal)
    phone = Phone(Chat("Bye."), Speech(), SETTINGS, calls)
    phone.start()
    phone.says("goodbye")
    await phone.until(lambda: phone.kinds.count("mark") == 1)
    assert calls.ended == []

    phone.send("mark", mark={"name": "1.1"})
    await phone.ends()

    assert (calls.ended, phone.call.close_code) == (["CA1"], 1000)
    assert ("Twilio did not hang up: no" in caplog.text) == (refusal is not None)


async def test_interruption_clears_and_stops_model_and_speech() -> None:
    """After the clear nothing of the old turn is sent, and nothing is left open."""
    chat, speech = Chat("Aha. ", "Bye. ", "More."), Speech(stalls=True)
    phone = ring(chat, speech)
    phone.start()
    phone.says("hello")
    await phone.until(lambda: len(phone.audio) >= 480)
    phone.recogniser.said.put_nowait(SpeechStarted(channel=(0, 1), timestamp=2.0))
    await phone.until(lambda: "clear" in phone.kinds)
    await phone.until(lambda: chat.open == speech.open == 0)
    for _ in range(50):
        await asyncio.sleep(0)

    assert phone.kinds[-1] == "clear"
    phone.incoming.put_nowait(None)
    await phone.ends()


async def test_caller_is_heard_while_the_agent_speaks() -> None:
    """Audio reaches the recogniser whatever else goes on; other tracks do not."""
    phone = ring(speech=Speech(stalls=True))
    phone.start()
    phone.frame(b"a" * 160)
    phone.says("hello")
    await phone.until(lambda: phone.audio)
    phone.frame(b"b" * 160)
    phone.frame(b"x" * 160, streamSid="MZ2")
    phone.frame(b"c" * 33)
    phone.send("stop", stop={"accountSid": "AC1", "callSid": "CA1"})
    await phone.ends()

    assert phone.recogniser.audio == b"a" * 160 + b"b" * 160 + b"c" * 33


@pytest.mark.parametrize("ending", ["stop", "left"])
async def test_every_ending_frees_everything(ending: str) -> None:
    """With or without ``stop``: no task, no stream, no recogniser is left."""
    chat, speech = Chat("Aha. ", "Bye."), Speech(stalls=True)
    phone = ring(chat, speech)
    before = asyncio.all_tasks()
    phone.start()
    phone.says("hello")
    await phone.until(lambda: phone.audio)
    if ending == "stop":
        phone.send("stop", stop={"accountSid": "AC1", "callSid": "CA1"})
    else:
        phone.incoming.put_nowait(None)
    await phone.ends()

    assert phone.recogniser.closed
    assert chat.open == speech.open == 0
    assert asyncio.all_tasks() <= before
    assert phone.call.close_code == 1000


async def test_last_words_after_the_hang_up_are_not_answered() -> None:
    """The recogniser is drained when the caller has left; nobody awaits a reply."""
    chat = Chat("Aha.")
    phone = ring(chat)
    phone.start()
    await phone.until(lambda: phone.call.call_sid)
    phone.incoming.put_nowait(None)
    await phone.until(lambda: phone.recogniser.closed)
    phone.says("is anybody there")
    await phone.ends()

    assert (chat.asked, phone.kinds) == (0, [])


async def test_malformed_messages_do_not_end_the_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nonsense of every kind is logged once and skipped."""
    phone = ring()
    phone.start()
    nonsense = ["{", "[]", "null", '"x"', '{"event":1}', '{"event":"new"}', ""]
    for text in [*nonsense, '{"event":"media"}', *nonsense]:
        phone.incoming.put_nowait(text)
    phone.send("start", start={"accountSid": "A", "streamSid": "M", "callSid": "C"})
    phone.frame(b"")
    phone.send("mark", mark={"name": "never sent"})
    phone.send("dtmf", dtmf={"track": "inbound_track", "digit": "1"})
    phone.frame(b"a" * 160)
    await phone.until(lambda: phone.recogniser.audio == b"a" * 160)
    phone.incoming.put_nowait(None)
    await phone.ends()

    assert len(caplog.records) <= 3


async def test_socket_without_start_is_closed_in_time() -> None:
    """Nobody holds a socket open without being a call."""
    phone = ring()
    phone.frame(b"a" * 160)
    await phone.ends()

    assert phone.call.close_code == 1008
    assert phone.recogniser.audio == b""


async def test_silent_line_is_given_up() -> None:
    """A half-open socket ends like any other."""
    phone = ring(settings=replace(SETTINGS, silence_limit=0.02))
    phone.start()
    await phone.ends()

    assert phone.recogniser.closed


async def test_failed_model_is_apologised_for() -> None:
    """The caller hears something instead of nothing."""
    phone = ring(Chat(then=ProviderError("down", status=503)))
    phone.start()
    phone.says("hello")
    await phone.until(lambda: "mark" in phone.kinds)

    assert phone.audio.startswith(SETTINGS.phrases.apology[0].encode())
    phone.incoming.put_nowait(None)
    await phone.ends()


# --- the web application -----------------------------------------------------------

TOKEN = "canary-auth-token"


def test_signature_is_twilios() -> None:
    """The published vector, and the media socket's without fields."""
    fields = {
        "CallSid": ["CA1234567890ABCDE"],
        "Caller": ["+12349013030"],
        "Digits": ["1234"],
        "From": ["+12349013030"],
        "To": ["+18005551212"],
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    assert signature("12345", url, fields) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    socket = signature("12345", "wss://h.example/media-stream", {})
    assert socket == "HOADvfWDwyUZjkszEi8cNQPqUDg="


def test_addresses_cover_proxies_and_ports() -> None:
    """As configured, with and without port, secure or not."""
    known = set(addresses("ws", ["h.example"], "/media"))

    assert known == {
        "ws://h.example/media",
        "ws://h.example:80/media",
        "wss://h.example/media",
        "wss://h.example:443/media",
    }
    assert "https://h/v" in set(addresses("http", ["h:8080"], "/v"))


async def posted(settings: AgentSettings, **headers: str) -> httpx.Response:
    """The answer of the webhook."""
    app = build_app(settings)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://a.test:81"
        ) as client,
    ):
        form = {"CallSid": "CA1", "From": "+1"}
        return await client.post("/voice", data=form, headers=named)


async def test_webhook_connects_the_call() -> None:
    """TwiML with the address under which we were called."""
    answer = await posted(AgentSettings())
    assert answer.headers["content-type"].startswith("text/xml")
    assert '<Connect><Stream url="ws://a.test:81/media"/></Connect>' in answer.text

    proxied = await posted(
        AgentSettings(), x_forwarded_proto="https", x_forwarded_host="pub.example"
    )
    assert 'url="wss://pub.example/media"' in proxied.text


@pytest.mark.parametrize(
    ("login", "status"),
    [(("", ""), 401), (("SK1", "wrong"), 401), (("SK1", "secret"), 400)],
)
async def test_calls_are_placed_for_those_who_could_do_it_themselves(
    login: tuple[str, str], status: int
) -> None:
    """Everybody else is refused before anything is read; without account, all are."""
    account = {"account_sid": "AC1", "api_key": "SK1", "api_secret": "secret"}
    for settings, expected in (
        (AgentSettings(**account), status),  # type: ignore[arg-type]
        (AgentSettings(), 404),
    ):
        app = build_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://a.test") as client,
        ):
            answer = await client.post("/calls", auth=login, data={"To": "+1"})
        assert answer.status_code == expected


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://a.test:81/voice", 200),
        ("https://a.test/voice", 200),
        ("https://evil.test/voice", 403),
    ],
)
async def test_webhook_demands_twilios_signature(url: str, status: int) -> None:
    """With an auth token only Twilio's requests are answered."""
    digest = hmac.new(TOKEN.encode(), f"{url}CallSidCA1From+1".encode(), sha1).digest()
    signed = base64.b64encode(digest).decode()
    settings = AgentSettings(auth_token=TOKEN)

    answer = await posted(settings, x_twilio_signature=signed)

    assert answer.status_code == status
    assert (await posted(settings)).status_code == 403
    assert TOKEN not in repr(settings)
