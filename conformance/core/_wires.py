"""Every direction of every wire, for the tests that go through all of them."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from voiceutils.wire import (
    deepgram_agent,
    deepgram_agent_commands,
    deepgram_flux,
    deepgram_listen,
    deepgram_speak,
    deepgram_speak_flux,
    twilio,
    twilio_relay,
)

# How each direction is read, and what can be said on it.
WIRES: dict[str, tuple[Any, Any]] = {
    "Twilio to agent": (twilio.decode_from_twilio, twilio.FromTwilio),
    "agent to Twilio": (twilio.decode_from_agent, twilio.FromAgent),
    "relay to agent": (twilio_relay.decode_from_relay, twilio_relay.FromRelay),
    "agent to relay": (twilio_relay.decode_from_agent, twilio_relay.FromAgent),
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
    "Flux to client": (deepgram_flux.decode_from_flux, deepgram_flux.FromFlux),
    "client to Flux": (deepgram_flux.decode_from_client, deepgram_flux.FromClient),
    "Flux speech to client": (
        deepgram_speak_flux.decode_from_speak_flux,
        deepgram_speak_flux.FromSpeakFlux,
    ),
    "client to Flux speech": (
        deepgram_speak_flux.decode_from_client,
        deepgram_speak_flux.FromClient,
    ),
    "voice agent to client": (
        deepgram_agent.decode_from_agent,
        deepgram_agent.FromAgent,
    ),
    "client to voice agent": (
        deepgram_agent_commands.decode_from_client,
        deepgram_agent_commands.FromClient,
    ),
}
TAG = {wire: "event" if "Twilio" in wire else "type" for wire in WIRES}
# Here the service refuses what it does not know.
STRICT = ("client to Flux", "client to Flux speech", "client to voice agent")
MESSAGES = [
    pytest.param(wire, kind, id=f"{wire}, {kind.__name__}")
    for wire, (_, union) in WIRES.items()
    for kind in typing.get_args(union)
]
LOOSE = [message for message in MESSAGES if message.values[0] not in STRICT]
