"""A small agent, written as Twilio's and Starlette's documentation show it.

It checks every signature with Twilio's validator, answers calls with a stream that
echoes, and keeps what it was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import (
    Connect,
    VoiceResponse,
)

__all__ = ["EchoAgent", "serving_agent"]


class EchoAgent:
    """Attributes: what it was asked, told and sent; and the frames it echoed."""

    def __init__(self, auth_token: str) -> None:
        self.port = 0
        self.validator = RequestValidator(auth_token)
        self.voice: list[dict[str, str]] = []
        self.told: list[dict[str, str]] = []
        self.events: list[str] = []
        self.parameters: dict[str, str] = {}
        self.echoed = 0
        self.forged = 0

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/voice", self._voice, methods=["POST"]),
                Route("/status", self._status, methods=["POST"]),
                WebSocketRoute("/media", self._media),
            ]
        )

    async def _form(self, request: Request) -> dict[str, str]:
        body = (await request.body()).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self.validator.validate(str(request.url), form, signature):
            self.forged += 1
        return form

    async def _voice(self, request: Request) -> Response:
        self.voice.append(await self._form(request))
        response, connect = VoiceResponse(), Connect()
        stream = connect.stream(url=f"ws://127.0.0.1:{self.port}/media")
        stream.parameter(name="caller", value="Jane")
        response.append(connect)
        return Response(str(response), media_type="text/xml")

    async def _status(self, request: Request) -> Response:
        self.told.append(await self._form(request))
        return Response(status_code=204)

    async def _media(self, socket: WebSocket) -> None:
        signature = socket.headers.get("x-twilio-signature", "")
        if not self.validator.validate(str(socket.url), {}, signature):
            self.forged += 1
        await socket.accept()
        try:
            while True:
                message = await socket.receive_json()
                if message["event"] == "media":
                    self.echoed += 1
                    media = {"payload": message["media"]["payload"]}
                    sid = message["streamSid"]
                    await socket.send_json(
                        {"event": "media", "streamSid": sid, "media": media}
                    )
                    continue
                self.events.append(message["event"])
                if message["event"] == "start":
                    self.parameters = message["start"]["customParameters"]
                if message["event"] == "stop":
                    return
        except WebSocketDisconnect:
            self.events.append("gone")


@asynccontextmanager
async def serving_agent(auth_token: str) -> AsyncIterator[EchoAgent]:
    """Serve the agent on a free port."""
    agent = EchoAgent(auth_token)
    config = uvicorn.Config(
        agent.app(),
        host="127.0.0.1",
        port=0,
        log_level="warning",
        ws="websockets-sansio",
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)
    agent.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield agent
    finally:
        server.should_exit = True
        await serving
