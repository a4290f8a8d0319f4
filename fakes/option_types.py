"""What stands after an option on the command line, read and checked; for argparse."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Callable
from typing import TypeVar

from fakes.deepgram.agent.settings import decode_agent_settings
from fakes.delays import parse_delay
from fakes.llm.rules_file import read_replies
from voiceutils.errors import SettingError

__all__ = ["address", "count", "delay", "port", "replies", "voice_agent"]

T = TypeVar("T")


def _complaining(read: Callable[[str], T]) -> Callable[[str], T]:
    """Return a reader whose complaints argparse prints as they are."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except SettingError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


delay = _complaining(parse_delay)
voice_agent = _complaining(decode_agent_settings)
replies = _complaining(read_replies)


def port(text: str) -> int:
    """A port, or 0 for any."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0-65535)")
    return value


def count(text: str) -> int:
    """A whole number from 0 on."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def address(text: str) -> str:
    """An address that agents can be told, so none that stands for all of them."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no IP address") from None
    if found.is_unspecified or found.is_multicast:
        problem = "give the one address under which agents reach this machine"
        raise argparse.ArgumentTypeError(f"{text} is not one address; {problem}")
    return str(found)
