r"""A phone agent on websockets and the standard library, as public samples are written.

::

    pytest conformance/agent \
        --agent-command 'python -m conformance.samples.websockets_alone {port}'

Its mistakes are meant: blocking requests in an async handler, a WAV header before each
sentence, every final answered as if it were a turn, retries without a pause, a clear
that does not stop who is sending, no KeepAlive, no deadline on anything, and the task
that hears Deepgram is nobody's when the call is over.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import urllib.request
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

LISTEN = (
    os.environ["DEEPGRAM_WEBSOCKET_URL"]
    + "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&vad_events=true"
    "&interim_results=true"
)
SPEAK = (
    os.environ["DEEPGRAM_URL"]
    + "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000"
)
CHAT = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
TOKEN = {"Authorization": "Token " + os.environ["DEEPGRAM_API_KEY"]}
BEARER = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
GREETING = "Hello, how can I help you?"


def post(url: str, headers: dict[str, str], content: object) -> bytes:
    """Post JSON, and return what comes back."""
    body = json.dumps(content).encode()
    headers = headers | {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return bytes(answer.read())


class Call:
    """A phone call."""

    def __init__(self, twilio: ServerConnection) -> None:
        self.twilio = twilio
        self.stream_sid = ""
        self.history: list[dict[str, str]] = []

    async def run(self) -> None:
        """Talk with the caller until he hangs up."""
        deepgram = await self.dial()
        self.hearing = asyncio.create_task(self.hear(deepgram))
        async for text in self.twilio:
            message = json.loads(text)
            if message["event"] == "start":
                self.stream_sid = message["streamSid"]
                await self.say(GREETING)
            elif message["event"] == "media":
                await deepgram.send(base64.b64decode(message["media"]["payload"]))
            elif message["event"] == "stop":
                await deepgram.send(json.dumps({"type": "CloseStream"}))

    async def dial(self) -> ClientConnection:
        """Connect to Deepgram."""
        while True:
            try:
                return await connect(LISTEN, additional_headers=TOKEN)
            except (OSError, websockets.InvalidHandshake):
                print("deepgram is not there, trying again")

    async def hear(self, deepgram: ClientConnection) -> None:
        """Answer what Deepgram understands."""
        async for text in deepgram:
            message = json.loads(text)
            if message["type"] == "SpeechStarted":
                await self.send({"event": "clear"})
            elif message["type"] == "Results" and message["is_final"]:
                transcript = message["channel"]["alternatives"][0]["transcript"]
                if transcript:
                    await self.answer(transcript)

    async def answer(self, text: str) -> None:
        """Ask the model, and say what it answers."""
        self.history.append({"role": "user", "content": text})
        question = {"model": "gpt-4o-mini", "messages": self.history}
        reply = json.loads(post(CHAT, BEARER, question))
        content = reply["choices"][0]["message"]["content"]
        self.history.append({"role": "assistant", "content": content})
        await self.say(content)

    async def say(self, text: str) -> None:
        """Speak, a sentence at a time."""
        for sentence in text.replace("? ", "?|").replace(". ", ".|").split("|"):
            audio = base64.b64encode(post(SPEAK, TOKEN, {"text": sentence}))
            await self.send({"event": "media", "media": {"payload": audio.decode()}})

    async def send(self, message: dict[str, Any]) -> None:
        """Tell Twilio something."""
        await self.twilio.send(json.dumps({"streamSid": self.stream_sid} | message))


async def main() -> None:
    """Take calls."""
    handler = lambda twilio: Call(twilio).run()  # noqa: E731
    async with serve(handler, "127.0.0.1", int(sys.argv[1])) as server:
        print(json.dumps({"media": f"ws://127.0.0.1:{sys.argv[1]}/"}), flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
