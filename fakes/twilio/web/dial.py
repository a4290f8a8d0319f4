"""How an agent is reached: the webhook request, and the media socket's upgrade.

Each way in which that can fail becomes a :class:`CallFailed` with Twilio's error number
and one line that says what happened.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from fakes.loopback import is_loopback
from fakes.twilio.twiml import (
    StreamOrder,
    TwimlError,
    Warned,
    media_address,
    read_twiml,
)
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.fetching import fetch, reason_of
from fakes.twilio.web.signature import HEADER, sign
from fakes.twilio.web.trust import trusting
from fakes.twilio.web.webhook import WebhookRequest

__all__ = [
    "HANDSHAKE_REFUSED",
    "CallFailed",
    "MediaTarget",
    "Reach",
    "dial_media",
    "fetch_twiml",
    "handshake_failure",
    "media_target",
    "stream_of_socket_url",
]

HANDSHAKE_SECONDS = 10.0
HANDSHAKE_REFUSED = "31920"
"""Twilio's error number of an upgrade that was answered with anything but 101."""
CLOSE_SECONDS = 2.0
MAX_MESSAGE = 16 * 1024 * 1024
USER_AGENT = "Twilio.TmeWs/1.0"
# The kernel would otherwise hide minutes of audio that the agent does not read.
SEND_BUFFER = 64 * 1024
_WRITE_LIMIT = 4 * 1024 * 1024  # never awaited: the line discards long before


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


async def fetch_twiml(
    request: WebhookRequest, via: Mapping[str, str], authority: str = ""
) -> StreamOrder:
    """Post the webhook and return what its TwiML orders.

    Args:
        request: what to post.
        via: see :func:`fakes.twilio.web.fetching.fetch`.
        authority: likewise.

    Raises:
        CallFailed: unreachable, an error status, or TwiML that orders no stream.
    """
    # The tester has named this address himself.
    found = await fetch(request, via=via, authority=authority, anywhere=True)
    try:
        return read_twiml(
            found.body, content_type=found.content_type, document_url=request.url
        )
    except TwimlError as error:
        raise CallFailed(error.code, str(error)) from error


class Reach(NamedTuple):
    """How whatever a call names is reached.

    Attributes:
        auth_token: signs webhooks and upgrades.
        via: host -> "IP:PORT" to connect to instead; the Host header and the signature
            keep the original.
        authority: path of a file with certificates of authorities. When given, ``via``
            leads to a TLS port, and certificates are checked against these and the
            original host name; else it leads to a plain port.
        anywhere: whether addresses outside this machine may be asked.
        sign_with_port: sign the standard port of webhooks, too.
        percent_spaces: send ``%20`` for a space in forms, instead of ``+``.
    """

    auth_token: str = ""
    via: Mapping[str, str] = MappingProxyType({})
    authority: str = ""
    anywhere: bool = False
    sign_with_port: bool = False
    percent_spaces: bool = False

    @property
    def style(self) -> dict[str, bool]:
        """What :mod:`fakes.twilio.web.webhook` is to be told of requests."""
        names = ("sign_with_port", "percent_spaces")
        return {name: getattr(self, name) for name in names}


async def dial_media(
    url: str,
    reach: Reach,
    *,
    handshake_timeout: float = HANDSHAKE_SECONDS,
    pong: bool = True,
    signed: bool = True,
) -> ClientConnection:
    """Open a media socket as Twilio's client does.

    No Origin, no extensions, signed over its own URL.

    Args:
        url: ``wss://``, or ``ws://`` on this machine.
        reach: how to get there.
        handshake_timeout: seconds until the upgrade must have been answered.
        pong: answer pings.
        signed: send a signature at all; Twilio always does.

    Raises:
        CallFailed: the socket did not open; says why.
    """
    signature = {HEADER.lower(): sign(reach.auth_token, url)} if signed else {}
    try:
        media = await _MediaDial(
            **_target(url, reach),
            compression=None,
            user_agent_header=USER_AGENT,
            additional_headers=signature,
            proxy=None,
            open_timeout=handshake_timeout,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
            max_size=MAX_MESSAGE,
            write_limit=_WRITE_LIMIT,
        )
    except TimeoutError as error:
        text = f"handshake did not end within {handshake_timeout:g} s: {url}"
        raise CallFailed("31901", text) from error
    except (OSError, InvalidHandshake, ValueError, EOFError) as error:
        raise handshake_failure(url, error) from error
    end: socket.socket = media.transport.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if not pong:
        _never_pong(media.protocol)
    return media


class _MediaDial(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none: anything but 101 is a failed handshake."""
        return exc


class MediaTarget(NamedTuple):
    """Where a media socket is to be connected to.

    Attributes:
        host: name or address to connect to.
        port: likewise.
        tls: None for a plain connection.
        name: the host that the address names, which certificates are checked against.
        shown_host: what the Host header says.
        resource: path and query.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    name: str
    shown_host: str
    resource: str


def media_target(url: str, reach: Reach) -> MediaTarget:
    """Return where to connect to for an address.

    Raises:
        CallFailed: a plain address that is neither on this machine nor detoured.
        ValueError: no address at all.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    secure = parts.scheme == "wss"
    if not secure and name not in reach.via and not is_loopback(name):
        cause = f"wrong scheme: {url} must be wss:// (ws:// on loopback)"
        raise CallFailed("31922", cause)
    host, port = name, parts.port or (443 if secure else 80)
    if name in reach.via:
        there = urlsplit(f"//{reach.via[name]}")
        host, port = there.hostname or "", there.port or port
        secure = secure and bool(reach.authority)
    tls = trusting(reach.authority) if secure else None
    shown = parts.netloc.rpartition("@")[2]
    resource = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return MediaTarget(host, port, tls, name, shown, resource)


def _target(url: str, reach: Reach) -> dict[str, Any]:
    """Return where to connect to, as arguments of websockets' connect."""
    there = media_target(url, reach)
    scheme = "ws" if there.tls is None else "wss"
    found: dict[str, Any] = {"uri": urlunsplit(urlsplit(url)._replace(scheme=scheme))}
    if there.host != there.name:
        found |= {"host": there.host, "port": there.port}
    if there.tls is not None:
        found["ssl"] = there.tls
    return found


def _never_pong(protocol: Protocol) -> None:
    """Make a connection leave pings unanswered, as a dead one does."""
    send_frame = protocol.send_frame

    def send_unless_pong(frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            send_frame(frame)

    protocol.send_frame = send_unless_pong  # type: ignore[method-assign]


def handshake_failure(url: str, error: Exception) -> CallFailed:
    """Return what a failed handshake means to a call."""
    reason = _reason(error)
    match error:
        case InvalidStatus():
            text = f"handshake answered {error.response.status_code}: {url}"
            return CallFailed(HANDSHAKE_REFUSED, text)
        case InvalidMessage():
            return CallFailed(
                HANDSHAKE_REFUSED, f"handshake broke off: {url} ({reason})"
            )
        case InvalidHandshake():
            return CallFailed(HANDSHAKE_REFUSED, f"handshake failed: {url} ({reason})")
        case ssl.SSLError():
            return CallFailed("31910", f"TLS handshake with {url} failed ({reason})")
        case ConnectionRefusedError():
            return CallFailed("31902", f"unreachable: {url} (connection refused)")
        case ConnectionResetError() | BrokenPipeError() | EOFError():
            return CallFailed(
                HANDSHAKE_REFUSED, f"handshake broke off: {url} ({reason})"
            )
        case socket.gaierror() | OSError():
            return CallFailed("31904", f"unreachable: {url} ({reason})")
        case _:
            return CallFailed("31923", f"malformed media address {url} ({reason})")


def _reason(error: BaseException) -> str:
    """Return one line, without the wrapping of the libraries."""
    if isinstance(error.__cause__, InvalidHandshake | OSError | EOFError):
        return _reason(error.__cause__)
    return reason_of(error)
