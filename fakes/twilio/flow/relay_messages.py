"""Reads what the agent sends over the relay socket.

What does not fit is answered with an error and ignored; ten such messages in a row end
the session (https://www.twilio.com/docs/api/errors/64105).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from voiceutils.errors import WireError
from voiceutils.wire import Unknown
from voiceutils.wire import twilio_relay as wire

__all__ = ["RelayMessages"]

_HOPELESS = 10
_SHOWN = 200  # characters of a bad message in the answer
_DIGITS = re.compile(r"[0-9w#*]{1,64}")
_LONGEST_TOKEN = 64 * 1024
_MOST_LOOPS = 1000


class RelayMessages:
    """Decoder of one session.

    Attributes:
        hopeless: whether too many bad messages came in a row.
    """

    def __init__(self) -> None:
        self._bad = 0

    @property
    def hopeless(self) -> bool:
        """Whether too many bad messages came in a row."""
        return self._bad >= _HOPELESS

    def read(self, text: str) -> wire.FromAgent | wire.RelayError:
        """Return what the agent wants, or what to answer to a bad message."""
        try:
            message = wire.decode_from_agent(text)
        except WireError:
            return self._refuse(text)
        if isinstance(message, Unknown) or not _fits(message):
            return self._refuse(text)
        self._bad = 0
        return message

    def _refuse(self, text: str) -> wire.RelayError:
        self._bad += 1
        return wire.RelayError(f"Invalid message received: {text[:_SHOWN]}")


def _fits(message: wire.FromAgent) -> bool:
    match message:
        case wire.AgentText(token=token):
            return len(token) <= _LONGEST_TOKEN
        case wire.PlayMedia(source=source, loop=loop):
            return 0 <= loop <= _MOST_LOOPS and _is_address(source)
        case wire.SendDigits(digits=digits):
            return _DIGITS.fullmatch(digits) is not None
        case wire.Language(tts_language=speech, transcription_language=hearing):
            return bool(speech or hearing)
        case wire.End():
            return True


def _is_address(source: str) -> bool:
    try:
        parts = urlsplit(source)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    spaces = any(character.isspace() for character in source)
    return parts.scheme in ("http", "https") and bool(host) and not spaces
