"""A phone agent on deepgram-sdk, openai and twilio, all with their defaults.

Usage: python agent.py PORT
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from typing import Any

import uvicorn
from deepgram import AsyncDeepgramClient
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

deepgram = AsyncDeepgramClient()
openai = AsyncOpenAI()
twilio = Client()

PROMPT = {"role": "system", "content": "You answer the phone of a parcel service."}


async def voice(request: Request) -> Response:
    """Connect the call to the socket below."""
    stream = f'<Stream url="wss://{request.headers["host"]}/media"/>'
    twiml = f"<Response><Connect>{stream}</Connect></Response>"
    return Response(twiml, media_type="text/xml")


class Call:
    """One call."""

    def __init__(self, socket: WebSocket, sid: str, stream: str) -> None:
        self.socket = socket
        self.sid = sid
        self.stream = stream
        self.messages: list[Any] = [PROMPT]
        self.said: list[str] = []
        self.reply: asyncio.Task[None] | None = None
        self.playing = False

    async def send(self, event: str, **content: Any) -> None:
        message = {"event": event, "streamSid": self.stream, **content}
        await self.socket.send_text(json.dumps(message))

    async def say(self, text: str) -> None:
        self.playing = True
        async for audio in deepgram.speak.v1.audio.generate(
            text=text,
            model="aura-2-thalia-en",
            encoding="mulaw",
            sample_rate=8000,
            container="none",
        ):
            payload = base64.b64encode(audio).decode()
            await self.send("media", media={"payload": payload})
        await self.send("mark", mark={"name": "said"})

    async def answer(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})
        answer = await openai.chat.completions.create(
            model="gpt-4o-mini", messages=self.messages, stream=True
        )
        whole, sentence = "", ""
        async for chunk in answer:
            token = chunk.choices[0].delta.content or "" if chunk.choices else ""
            whole += token
            sentence += token
            if sentence.rstrip().endswith((".", "!", "?")):
                await self.say(sentence)
                sentence = ""
        if sentence.strip():
            await self.say(sentence)
        self.messages.append({"role": "assistant", "content": whole})
        if "goodbye" in text.lower():
            with contextlib.suppress(TwilioException):
                call = twilio.calls(self.sid)
                await asyncio.to_thread(call.update, status="completed")

    async def interrupt(self) -> None:
        if self.reply is not None and not self.reply.done():
            self.reply.cancel()
        if self.playing:
            self.playing = False
            await self.send("clear")

    async def heard(self, result: Any) -> None:
        words = result.channel.alternatives[0].transcript
        if words:
            await self.interrupt()
        if words and result.is_final:
            self.said.append(words)
        if result.speech_final and self.said:
            text = " ".join(self.said)
            self.said.clear()
            self.reply = asyncio.create_task(self.answer(text))


async def media(socket: WebSocket) -> None:
    """Talk to one caller."""
    await socket.accept()
    async with deepgram.listen.v1.connect(
        model="nova-3",
        encoding="mulaw",
        sample_rate=8000,
        interim_results=True,
        endpointing=300,
    ) as listening:
        call: Call | None = None

        async def hear() -> None:
            async for result in listening:
                if call is not None and getattr(result, "type", "") == "Results":
                    await call.heard(result)

        hearing = asyncio.create_task(hear())
        try:
            while True:
                message = json.loads(await socket.receive_text())
                if message["event"] == "start":
                    start = message["start"]
                    call = Call(socket, start["callSid"], start["streamSid"])
                    call.reply = asyncio.create_task(
                        call.say("Hello, how can I help you?")
                    )
                elif message["event"] == "media":
                    audio = base64.b64decode(message["media"]["payload"])
                    await listening.send_media(audio)
                elif message["event"] == "mark" and call is not None:
                    call.playing = False
                elif message["event"] == "stop":
                    break
        except WebSocketDisconnect:
            pass
        finally:
            hearing.cancel()
            if call is not None and call.reply is not None:
                call.reply.cancel()


app = Starlette(
    routes=[
        Route("/voice", voice, methods=["POST"]),
        WebSocketRoute("/media", media),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
