"""Tokens, keys, projects and models on a port."""

from __future__ import annotations

import json
import time

from aiohttp import web

from fakes.deepgram.accounts.admission import Credential, grant
from fakes.deepgram.accounts.manage import manage, manages
from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.faulty import Door

__all__ = ["answer_management", "manages"]


async def answer_management(
    door: Door, settings: DeepgramSettings, request_id: str, shown: list[Credential]
) -> web.StreamResponse:
    """Answer a call that was let through the door.

    Args:
        door: with the request.
        settings: how the service behaves.
        request_id: of the answer.
        shown: credentials that were admitted.
    """
    request = door.request
    path = request.path.rstrip("/")
    content: dict[str, object] | Refusal
    if path.endswith("/v1/auth/grant") and request.method == "POST":
        body = await request.read()
        content = grant(body, shown, settings, time.time())
    else:
        content = manage(request.method, path, shown, settings)
    if isinstance(content, Refusal):
        door.refuse(content.status, content.retry_after)
        return web.Response(
            status=content.status,
            headers=content.headers(request_id),
            body=content.body(request_id),
        )
    door.accept()
    await door.answer()
    door.end("fake")
    text = json.dumps(content, separators=(",", ":"))
    return web.Response(
        headers={"content-type": "application/json", "dg-request-id": request_id},
        body=text.encode(),
    )
