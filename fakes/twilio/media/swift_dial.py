"""Opens a media socket with picows, in exactly the form of Twilio's client.

One level below ``picows.ws_connect``, which follows redirects, adds what it thinks fit
and, when a call is hung up meanwhile, leaves the connection to itself. The protocol
class is no public part of picows, hence the bound on its version.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any

from picows import (
    WSError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.dial import (
    HANDSHAKE_SECONDS,
    MAX_MESSAGE,
    SEND_BUFFER,
    USER_AGENT,
    MediaTarget,
    Reach,
    handshake_failure,
    media_target,
)
from fakes.twilio.web.fetching import reason_of
from fakes.twilio.web.signature import HEADER, sign

__all__ = ["dial"]

_READ_BUFFER = 2048  # the least that picows takes; it grows when needed


async def dial(
    url: str,
    reach: Reach,
    listener: WSListener,
    *,
    handshake_timeout: float = HANDSHAKE_SECONDS,
    pong: bool = True,
) -> None:
    """Open a socket for a listener, which gets its transport before this returns.

    Raises:
        CallFailed: the socket did not open; says why.
    """
    try:
        target = media_target(url, reach)
        async with asyncio.timeout(handshake_timeout):
            await _open(target, _protocol(url, reach, target, listener, pong))
    except TimeoutError as error:
        text = f"handshake did not end within {handshake_timeout:g} s: {url}"
        raise CallFailed("31901", text) from error
    except WSInvalidStatusError as error:
        status = int(error.response.status) if error.response is not None else 0
        raise CallFailed("31920", f"handshake answered {status}: {url}") from error
    except WSInvalidMessageError as error:
        text = f"handshake broke off: {url} ({reason_of(error)})"
        raise CallFailed("31920", text) from error
    except WSError as error:
        text = f"handshake failed: {url} ({reason_of(error)})"
        raise CallFailed("31920", text) from error
    except (OSError, ValueError, EOFError) as error:
        raise handshake_failure(url, error) from error


async def _open(target: MediaTarget, protocol: Any) -> None:
    loop = asyncio.get_running_loop()
    # Not aiofastnet's, as picows would: its sockets are a little faster, which counts
    # for nothing where frames go past them, and take four kilobytes each.
    transport, _ = await loop.create_connection(
        lambda: protocol,
        target.host,
        target.port,
        ssl=target.tls,
        server_hostname=None if target.tls is None else target.name,
    )
    try:
        await protocol.wait_until_handshake_complete()
        if protocol.listener is None:
            raise EOFError("connection closed")
    except BaseException:
        transport.abort()
        # The protocol keeps the failure, and the failure this frame.
        del protocol, transport, _
        raise
    end: socket.socket = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # the agent has left; the listener knows
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def _protocol(
    url: str, reach: Reach, target: MediaTarget, listener: WSListener, pong: bool
) -> Any:
    headers = [
        (HEADER.lower(), sign(reach.auth_token, url)),
        ("User-Agent", USER_AGENT),
    ]
    return WSProtocol(
        target.shown_host,
        target.resource,
        True,  # is a client
        lambda: listener,
        _LOG,
        True,  # disconnect when the listener raises
        None,  # deadline of the handshake: whoever dials has one
        False,  # pings of its own
        10.0,
        10.0,
        WSMsgType.PING,  # when to ping; never
        pong,
        MAX_MESSAGE,
        headers,
        _READ_BUFFER,
    )


class _Log:
    """A log that keeps to itself what agents do wrong; the call's record has it."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        return False

    def exception(self, message: str, *arguments: object) -> None:
        logging.getLogger("fakes.twilio").exception(message, *arguments)

    def log(self, *arguments: object) -> None:
        return

    debug = info = warning = error = log


_LOG = _Log()
