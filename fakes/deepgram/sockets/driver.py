"""Which of the two kinds of sockets carries the conversations.

The fast one, unless picows is missing or another version than known, or the environment
says ``BUSYHOUR_SOCKETS=plain``; ``BUSYHOUR_SOCKETS=swift`` insists on the fast one.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TypeAlias

from aiohttp import web

from fakes.deepgram.sockets import plain
from fakes.deepgram.sockets.conversation import Conversation
from voiceutils.errors import SettingError

__all__ = ["VARIABLE", "Converse", "sockets_named"]

VARIABLE = "BUSYHOUR_SOCKETS"
_KINDS = ("", "plain", "swift")

Converse: TypeAlias = Callable[
    [web.Request, dict[str, str], Conversation], Awaitable[web.StreamResponse]
]


def sockets_named(kind: str | None = None) -> Converse:
    """Return what carries a conversation.

    Args:
        kind: ``swift``, ``plain``, "" for the fastest there is; None asks the
            environment.

    Raises:
        SettingError: no such kind, or picows is missing and insisted on.
    """
    wanted = os.environ.get(VARIABLE, "") if kind is None else kind
    if wanted not in _KINDS:
        raise SettingError(f"{VARIABLE}={wanted}: use swift or plain, or leave it out")
    if wanted == "plain":
        return plain.converse
    try:
        swift = import_module("fakes.deepgram.sockets.swift")
    except ImportError as error:
        if wanted == "swift":
            raise SettingError(f"{VARIABLE}=swift needs picows: {error}") from error
        return plain.converse
    converse: Converse = swift.converse
    return converse
