"""Answers that go to an address of the client instead of the response.

Documented at https://developers.deepgram.com/docs/callback: the body of the answer is
posted with the identifier of the key in the header ``dg-token``; what is not answered
with 2xx is sent again, ten times, half a minute apart.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx

from fakes.deepgram.settings import DeepgramSettings
from fakes.loopback import is_loopback

__all__ = ["deliver", "may_be_reached"]

_CALLBACK_SECONDS = 10.0


def may_be_reached(url: str, *, anywhere: bool) -> bool:
    """Whether a URL is one that the fake asks: on this machine, unless ``anywhere``."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    usual = parts.scheme in ("http", "https") and bool(host)
    return usual and (anywhere or is_loopback(host))


async def deliver(
    address: str,
    body: bytes,
    *,
    settings: DeepgramSettings,
    key_id: str,
    method: str = "POST",
    content_type: str = "application/json",
) -> bool:
    """Send an answer until it is taken; returns whether it was.

    Args:
        address: where to; other machines are never asked unless a setting allows it.
        body: the answer.
        settings: how often it is sent, and how far apart.
        key_id: goes out as ``dg-token``; never the key itself.
        method: POST or PUT.
        content_type: of the body.
    """
    if not may_be_reached(address, anywhere=settings.callback_anywhere):
        return False
    headers = {"content-type": content_type, "dg-token": key_id}
    async with httpx.AsyncClient(timeout=_CALLBACK_SECONDS, trust_env=False) as client:
        for attempt in range(1 + settings.callback_retries):
            if attempt:
                await asyncio.sleep(settings.callback_retry_delay)
            try:
                answer = await client.request(
                    method, address, content=body, headers=headers
                )
            except httpx.HTTPError:
                continue
            if answer.is_success:
                return True
    return False
