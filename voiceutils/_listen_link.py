"""One WebSocket to /v1/listen: its address, how it is opened, why it ended."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias
from urllib.parse import urlencode

from websockets.asyncio.client import connect as _open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from voiceutils._http import authorization, refused, websocket_base
from voiceutils.errors import ProviderError

__all__ = [
    "PHONE_PARAMETERS",
    "Link",
    "OpenLink",
    "described",
    "listen_url",
    "open_websocket",
    "opened_link",
]

# websockets writes the request's headers, and so the key, to its debug log. Its logger
# stays above that level whatever the root logger is set to.
_link_logger = logging.getLogger(f"{__name__}.link")
_link_logger.setLevel(logging.INFO)

OPEN_SECONDS = 5.0

# What a phone call needs; override any of them.
PHONE_PARAMETERS: Mapping[str, object] = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": 8000,
    "channels": 1,
    "interim_results": True,
    "endpointing": 200,
    "utterance_end_ms": 1000,
    "vad_events": True,
    "smart_format": True,
}


class Link(Protocol):
    """What the service needs of a WebSocket connection."""

    async def send(self, message: str | bytes, /) -> None:
        """Send one message; raises ConnectionClosed or OSError."""

    async def recv(self) -> str | bytes:
        """Return one message; raises ConnectionClosed or OSError."""

    async def close(self) -> None:
        """Close with a handshake."""


OpenLink: TypeAlias = Callable[[str, dict[str, str]], Awaitable[Link]]


async def open_websocket(url: str, headers: dict[str, str]) -> Link:
    """Open a WebSocket as Deepgram wants it: no compression, no key in any log."""
    return await _open_websocket(
        url,
        additional_headers=headers,
        compression=None,
        logger=_link_logger,
        open_timeout=OPEN_SECONDS,
        close_timeout=1.0,
    )


async def opened_link(open_link: OpenLink, url: str, api_key: str) -> Link:
    """Open one link; raises ProviderError, which says whether to try again."""
    try:
        return await open_link(url, authorization("Token", api_key))
    except InvalidStatus as error:
        answer = error.response
        raise refused(
            "Deepgram STT",
            answer.status_code,
            answer.headers,
            bytes(answer.body or b""),
            secret=api_key,
        ) from None
    except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
        raise ProviderError(f"no link to Deepgram STT: {described(error)}") from None


def listen_url(base: str, parameters: Mapping[str, object]) -> str:
    """Return the address of ``/v1/listen``; Deepgram wants ``true``, not ``True``."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        many = isinstance(value, Sequence) and not isinstance(value, str)
        for one in value if many else (value,):  # type: ignore[attr-defined]
            text = str(one).lower() if isinstance(one, bool) else str(one)
            pairs.append((name, text))
    return f"{websocket_base(base)}/v1/listen?{urlencode(pairs)}"


def described(error: BaseException) -> str:
    """Return why a link ended or did not come about."""
    if isinstance(error, ConnectionClosed):
        close = error.rcvd
        return f"closed {close.code} {close.reason}".strip() if close else "cut off"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
