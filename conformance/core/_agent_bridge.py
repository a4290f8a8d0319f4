"""A tiny phone agent that joins Twilio's media stream and Deepgram's Voice Agent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

__all__ = ["agent_bridge"]


class _Bridge:
    """Joins one phone call after another to a voice agent.

    Args:
        agent: base address of the voice agent, ``ws://``.
        settings: the Settings message.
    """

    def __init__(self, agent: str, settings: dict[str, Any]) -> None:
        self._agent = agent
        self._settings = settings
        self.messages: list[dict[str, Any]] = []

    async def serve(self, media: ServerConnection) -> None:
        async for text in media:
            message = json.loads(text)
            if message["event"] == "start":
                await self._talk(media, message["streamSid"])
                return

    async def _talk(self, media: ServerConnection, sid: str) -> None:
        async with connect(
            f"{self._agent}/v1/agent/converse", proxy=None, compression=None
        ) as agent:
            await agent.send(json.dumps(self._settings))
            answers = asyncio.create_task(self._from_agent(agent, media, sid))
            async for text in media:
                message = json.loads(text)
                if message["event"] == "media":
                    await agent.send(base64.b64decode(message["media"]["payload"]))
                elif message["event"] == "stop":
                    break
        await answers

    async def _from_agent(
        self, agent: ClientConnection, media: ServerConnection, sid: str
    ) -> None:
        async for said in agent:
            if isinstance(said, bytes):
                payload = base64.b64encode(said).decode()
                await self._send(media, "media", sid, media={"payload": payload})
                continue
            self.messages.append(json.loads(said))
            if self.messages[-1]["type"] == "UserStartedSpeaking":
                await self._send(media, "clear", sid)

    async def _send(
        self, socket: ServerConnection, event: str, sid: str, **more: Any
    ) -> None:
        await socket.send(json.dumps({"event": event, "streamSid": sid} | more))


@asynccontextmanager
async def agent_bridge(
    agent: str, settings: dict[str, Any]
) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Serve the bridge; yields its media socket and what the voice agent said."""
    bridge = _Bridge(agent, settings)
    async with serve(bridge.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/media", bridge.messages
