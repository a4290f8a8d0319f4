"""Runs agent.sh for each request and each socket, as websocketd does.

Usage: python serve.py PORT
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

AGENT = str(Path(__file__).with_name("agent.sh"))
LONGEST_LINE = 1024 * 1024


async def voice(request: Request) -> Response:
    """Answer with what ``agent.sh voice`` prints."""
    env = {**os.environ, "HTTP_HOST": request.headers["host"]}
    script = await asyncio.create_subprocess_exec(
        "bash", AGENT, "voice", stdout=asyncio.subprocess.PIPE, env=env
    )
    said, _ = await script.communicate()
    return Response(said, media_type="text/xml")


async def media(socket: WebSocket) -> None:
    """Let ``agent.sh media`` read and write the messages, a line each."""
    await socket.accept()
    script = await asyncio.create_subprocess_exec(
        "bash",
        AGENT,
        "media",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    assert script.stdin is not None
    assert script.stdout is not None
    said = script.stdout

    async def send() -> None:
        async for line in said:
            await socket.send_text(line.decode().rstrip())

    sending = asyncio.create_task(send())
    try:
        while True:
            message = await socket.receive_text()
            script.stdin.write(message.replace("\n", " ").encode() + b"\n")
    except WebSocketDisconnect:
        pass
    finally:
        sending.cancel()
        script.stdin.close()
        await script.wait()


app = Starlette(
    routes=[
        Route("/voice", voice, methods=["POST"]),
        WebSocketRoute("/media", media),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
