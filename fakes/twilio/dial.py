"""How an agent is reached: the webhook request, and the media socket's upgrade.

Each way in which that can fail becomes a :class:`CallFailed` with Twilio's error number
and one line that says what happened.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from fakes.twilio.signature import HEADER, sign
from fakes.twilio.twiml import (
    MAX_BYTES,
    StreamOrder,
    TwimlError,
    Warned,
    media_address,
    read_twiml,
)
from fakes.twilio.webhook import WebhookRequest
from voiceutils.errors import VoiceError

__all__ = ["CallFailed", "dial_media", "fetch_twiml", "stream_of_socket_url"]

CONNECT_SECONDS = 5.0
WEBHOOK_SECONDS = 15.0  # the whole request, retry included
HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MAX_MESSAGE = 16 * 1024 * 1024
# The kernel would otherwise hide minutes of audio that the agent does not read.
_SEND_BUFFER = 64 * 1024
_WRITE_LIMIT = 4 * 1024 * 1024  # never awaited: the line discards long before


class CallFailed(VoiceError):  # noqa: N818 - reads as a statement where raised
    """The call did not come about, or ended early.

    Attributes:
        code: Twilio's error number, or "0" where it has none.
    """

    def __init__(self, code: str, cause: str) -> None:
        self.code = code
        super().__init__(cause)


def stream_of_socket_url(url: str) -> StreamOrder:
    """Return the order for an agent that is named by its media socket.

    Raises:
        CallFailed: the address cannot be dialled.
    """
    warnings: list[Warned] = []
    try:
        return StreamOrder(media_address(url, url, warnings), {}, tuple(warnings))
    except TwimlError as error:
        raise CallFailed(error.code, str(error)) from error


async def fetch_twiml(request: WebhookRequest, via: Mapping[str, str]) -> StreamOrder:
    """Post the webhook and return what its TwiML orders.

    A failed TCP connect is tried twice, as Twilio does; nothing else is retried.

    Args:
        request: what to post.
        via: host -> "IP:PORT" to connect to instead; the Host header and the
            signature keep the original.

    Raises:
        CallFailed: unreachable, an error status, or TwiML that orders no stream.
    """
    try:
        async with asyncio.timeout(WEBHOOK_SECONDS):
            try:
                body, kind = await _post(request, via)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                body, kind = await _post(request, via)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        raise _webhook_failure(request.url, error) from error
    try:
        return read_twiml(body, content_type=kind, document_url=request.url)
    except TwimlError as error:
        raise CallFailed(error.code, str(error)) from error


async def _post(request: WebhookRequest, via: Mapping[str, str]) -> tuple[bytes, str]:
    url, host = _detour(request.url, via, plain_scheme="http")
    timeout = httpx.Timeout(WEBHOOK_SECONDS, connect=CONNECT_SECONDS)
    verify = _tls() if url.startswith("https") else False
    headers = [*request.headers, ("Host", host)]
    post = httpx.Request("POST", url, headers=headers, content=request.body)
    post.extensions["timeout"] = timeout.as_dict()
    async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
        answer = await client.send(post, stream=True, follow_redirects=True)
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                break
        await answer.aclose()
    if not answer.is_success:
        text = f"webhook answered {answer.status_code}: {request.url}"
        raise CallFailed("11200", text)
    return bytes(body), answer.headers.get("Content-Type", "")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _webhook_failure(url: str, error: Exception) -> CallFailed:
    reason = _reason(error)
    match error:
        case httpx.ConnectTimeout():
            return CallFailed("11201", f"unreachable: no connection to {url}")
        case httpx.ConnectError() if "SSL" in reason or "certificate" in reason:
            return CallFailed("11220", f"TLS handshake with {url} failed ({reason})")
        case httpx.ConnectError():
            return CallFailed("11202", f"unreachable: {url} ({reason})")
        case TimeoutError() | httpx.TimeoutException():
            text = f"webhook did not answer within {WEBHOOK_SECONDS:g} s: {url}"
            return CallFailed("11203", text)
        case httpx.TooManyRedirects():
            return CallFailed("11215", f"webhook redirects too often: {url}")
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return CallFailed("11100", f"not a webhook address: {url} ({reason})")
        case _:
            text = f"webhook broke off: {url} ({reason or type(error).__name__})"
            return CallFailed("11206", text)


async def dial_media(
    url: str, *, auth_token: str, via: Mapping[str, str]
) -> ClientConnection:
    """Open a media socket as Twilio's client does.

    No Origin, no extensions, signed over its own URL.

    Args:
        url: ``wss://``, or ``ws://`` on this machine.
        auth_token: signs the upgrade.
        via: as for :func:`fetch_twiml`.

    Raises:
        CallFailed: the socket did not open; says why.
    """
    options: dict[str, Any] = {}
    address, _ = _detour(url, via, plain_scheme="ws")
    if address != url:
        parts, there = urlsplit(url), urlsplit(address)
        url_to_open = urlunsplit(parts._replace(scheme="ws"))
        options = {"host": there.hostname, "port": there.port}
    else:
        url_to_open = url
    try:
        media = await _MediaDial(
            url_to_open,
            compression=None,
            user_agent_header="Twilio.TmeWs/1.0",
            additional_headers={HEADER.lower(): sign(auth_token, url)},
            proxy=None,
            open_timeout=HANDSHAKE_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
            max_size=MAX_MESSAGE,
            write_limit=_WRITE_LIMIT,
            **options,
        )
        end: socket.socket = media.transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return media
    except (OSError, TimeoutError, InvalidHandshake, ValueError, EOFError) as error:
        raise _handshake_failure(url, error) from error


class _MediaDial(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none: anything but 101 is a failed handshake."""
        return exc


def _handshake_failure(url: str, error: Exception) -> CallFailed:
    reason = _reason(error)
    match error:
        case InvalidStatus():
            text = f"handshake answered {error.response.status_code}: {url}"
            return CallFailed("31920", text)
        case InvalidMessage():
            return CallFailed("31920", f"handshake broke off: {url} ({reason})")
        case InvalidHandshake():
            return CallFailed("31920", f"handshake failed: {url} ({reason})")
        case TimeoutError():
            text = f"handshake did not end within {HANDSHAKE_SECONDS:g} s: {url}"
            return CallFailed("31901", text)
        case ssl.SSLError():
            return CallFailed("31910", f"TLS handshake with {url} failed ({reason})")
        case ConnectionRefusedError():
            return CallFailed("31902", f"unreachable: {url} (connection refused)")
        case ConnectionResetError() | BrokenPipeError() | EOFError():
            return CallFailed("31920", f"handshake broke off: {url} ({reason})")
        case socket.gaierror() | OSError():
            return CallFailed("31904", f"unreachable: {url} ({reason})")
        case _:
            return CallFailed("31923", f"malformed media address {url} ({reason})")


def _detour(url: str, via: Mapping[str, str], *, plain_scheme: str) -> tuple[str, str]:
    """Return the address to connect to, and what the Host header says."""
    parts = urlsplit(url)
    there = via.get(parts.hostname or "")
    if there is None:
        return url, parts.netloc.rpartition("@")[2]
    plain = parts._replace(scheme=plain_scheme, netloc=there)
    return urlunsplit(plain), parts.netloc.rpartition("@")[2]


def _reason(error: BaseException) -> str:
    """Return one line, without the wrapping of the libraries."""
    if isinstance(error.__cause__, InvalidHandshake | OSError | EOFError):
        return _reason(error.__cause__)
    return " ".join(str(error).split())[:200] or type(error).__name__
