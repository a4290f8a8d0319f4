"""Every direction of every wire, for the tests that go through all of them."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from voiceutils.wire import deepgram_listen, deepgram_speak, twilio

# How each direction is read, and what can be said on it.
WIRES: dict[str, tuple[Any, Any]] = {
    "Twilio to agent": (twilio.decode_from_twilio, twilio.FromTwilio),
    "agent to Twilio": (twilio.decode_from_agent, twilio.FromAgent),
    "listen to client": (
        deepgram_listen.decode_from_listen,
        deepgram_listen.FromListen,
    ),
    "client to listen": (
        deepgram_listen.decode_from_client,
        deepgram_listen.FromClient,
    ),
    "speak to client": (deepgram_speak.decode_from_speak, deepgram_speak.FromSpeak),
    "client to speak": (deepgram_speak.decode_from_client, deepgram_speak.FromClient),
}
TAG = {wire: "event" if "Twilio" in wire else "type" for wire in WIRES}
MESSAGES = [
    pytest.param(wire, kind, id=f"{wire}, {kind.__name__}")
    for wire, (_, union) in WIRES.items()
    for kind in typing.get_args(union)
]
