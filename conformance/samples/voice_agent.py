"""A phone in front of Deepgram's Voice Agent API, on websockets alone.

::

    pytest conformance/agent --agent-command 'python -m conformance.samples.voice_agent'

One socket hears, thinks and speaks; this only carries audio to and fro, as public
samples do. It says nowhere which call it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

URL = os.environ["DEEPGRAM_WEBSOCKET_URL"] + "/v1/agent/converse"
TOKEN = {"Authorization": "Token " + os.environ["DEEPGRAM_API_KEY"]}
FORM = {"encoding": "mulaw", "sample_rate": 8000}
SETTINGS = {
    "type": "Settings",
    "audio": {"input": FORM, "output": FORM | {"container": "none"}},
    "agent": {
        "greeting": "Hello, how can I help you?",
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    },
}


async def answer(twilio: ServerConnection) -> None:
    """Carry one call's audio to the agent and back."""
    sid = asyncio.get_running_loop().create_future()
    async with connect(URL, additional_headers=TOKEN) as agent:
        await agent.send(json.dumps(SETTINGS))
        speaking = asyncio.create_task(to_twilio(twilio, agent, sid))
        try:
            await to_agent(twilio, agent, sid)
        finally:
            speaking.cancel()


async def to_agent(
    twilio: ServerConnection, agent: ClientConnection, sid: asyncio.Future[str]
) -> None:
    """Pass on what the caller says, until he hangs up."""
    async for text in twilio:
        message = json.loads(text)
        if message["event"] == "start":
            sid.set_result(message["streamSid"])
        elif message["event"] == "media":
            await agent.send(base64.b64decode(message["media"]["payload"]))
        elif message["event"] == "stop":
            break


async def to_twilio(
    twilio: ServerConnection, agent: ClientConnection, sid: asyncio.Future[str]
) -> None:
    """Pass on what the agent says, and let it be silent when the caller speaks."""
    async for message in agent:
        if isinstance(message, bytes):
            payload = base64.b64encode(message).decode()
            content = {"event": "media", "media": {"payload": payload}}
        elif json.loads(message)["type"] == "UserStartedSpeaking":
            content = {"event": "clear"}
        else:
            continue
        await twilio.send(json.dumps({"streamSid": await sid} | content))


async def main() -> None:
    """Take calls."""
    async with serve(answer, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(json.dumps({"media": f"ws://127.0.0.1:{port}/"}), flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
