r"""A phone agent on Starlette, deepgram-sdk and openai, as public samples are written.

::

    pytest conformance/agent \
        --agent-command 'python -m conformance.samples.starlette_and_sdk {port}'

Its mistakes are meant: module globals for stream and conversation, 400 ms of audio in a
message and the tail of it never sent, KeepAlive every 10 s, no clear when the caller
speaks up, nothing cancelled when he hangs up, one attempt at everything.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from typing import Any, cast

import uvicorn
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

BUFFER_SIZE = 20 * 160
KEEPALIVE_SECONDS = 10
GREETING = "Hello, how can I help you?"
PROMPT = "You answer the phone of a shop. Keep it short."

deepgram = AsyncDeepgramClient(
    api_key=os.environ["DEEPGRAM_API_KEY"],
    environment=DeepgramClientEnvironment(
        base=os.environ["DEEPGRAM_URL"],
        production=os.environ["DEEPGRAM_WEBSOCKET_URL"],
        agent=os.environ["DEEPGRAM_WEBSOCKET_URL"],
        agent_rest=os.environ["DEEPGRAM_URL"],
    ),
)
model = AsyncOpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY

stream_sid = ""
messages: list[dict[str, str]] = [{"role": "system", "content": PROMPT}]


async def voice(request: Request) -> Response:
    """Tell Twilio where to stream the call to."""
    host = request.headers["host"]
    twiml = f'<Response><Connect><Stream url="ws://{host}/media"/></Connect></Response>'
    return Response(twiml, media_type="text/xml")


async def media(socket: WebSocket) -> None:
    """Answer a call."""
    await socket.accept()
    async with deepgram.listen.v1.connect(
        model="nova-3",
        encoding="mulaw",
        sample_rate=8000,
        endpointing=300,
        interim_results=True,
    ) as listener:
        await asyncio.gather(
            from_twilio(socket, listener),
            from_deepgram(socket, listener),
            keep_alive(listener),
        )


async def from_twilio(socket: WebSocket, listener: Any) -> None:
    """Pass on what the caller says."""
    global stream_sid
    buffer = bytearray()
    while True:
        message = json.loads(await socket.receive_text())
        if message["event"] == "start":
            stream_sid = message["start"]["streamSid"]
            await say(socket, GREETING)
        elif message["event"] == "media":
            buffer.extend(base64.b64decode(message["media"]["payload"]))
            while len(buffer) >= BUFFER_SIZE:
                await listener.send_media(bytes(buffer[:BUFFER_SIZE]))
                del buffer[:BUFFER_SIZE]
        elif message["event"] == "stop":
            break


async def from_deepgram(socket: WebSocket, listener: Any) -> None:
    """Answer what was understood."""
    async for result in listener:
        if result.type != "Results" or not result.is_final:
            continue
        text = result.channel.alternatives[0].transcript
        if text:
            await answer(socket, text)


async def keep_alive(listener: Any) -> None:
    """Keep Deepgram from closing the connection."""
    while True:
        await asyncio.sleep(KEEPALIVE_SECONDS)
        await listener.send_keep_alive()


async def answer(socket: WebSocket, text: str) -> None:
    """Ask the model, and say what it answers."""
    messages.append({"role": "user", "content": text})
    completion = await model.chat.completions.create(
        model="gpt-4o-mini", messages=cast("Any", messages)
    )
    reply = completion.choices[0].message.content or ""
    messages.append({"role": "assistant", "content": reply})
    await say(socket, reply)


async def say(socket: WebSocket, text: str) -> None:
    """Speak to the caller."""
    async for chunk in deepgram.speak.v1.audio.generate(
        text=text,
        model="aura-2-thalia-en",
        encoding="mulaw",
        sample_rate=8000,
        container="none",
    ):
        payload = base64.b64encode(chunk).decode("ascii")
        media_message = {"event": "media", "streamSid": stream_sid}
        await socket.send_json(media_message | {"media": {"payload": payload}})


app = Starlette(
    routes=[
        Route("/voice", voice, methods=["GET", "POST"]),
        WebSocketRoute("/media", media),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
