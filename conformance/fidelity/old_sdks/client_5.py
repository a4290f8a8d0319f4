# mypy: ignore-errors
"""What an application sees with deepgram-sdk 5 or 6; run in that SDK's environment.

``python client_5.py BASE AUDIO TEXT`` prints one JSON object: surface -> what was seen.
AUDIO is a file of mu-law at 8000 Hz that says something.
"""

import json
import sys
import threading
from importlib.metadata import version
from pathlib import Path

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

SECONDS = 20.0
PIECE = 800
VERSION = version("deepgram-sdk")


def kind_of(message):
    if isinstance(message, bytes):
        return "audio"
    if isinstance(message, dict):
        return message.get("type", "dict")
    return getattr(message, "type", type(message).__name__)


def send(connection, kind, **fields):
    """Send a control message: version 5 takes models, 6 has a method for each."""
    connection._send(json.dumps({"type": kind, **fields}))


def follow(connection, seen, ends, note=lambda kind, message: None):
    over = threading.Event()

    def on_message(message):
        kind = kind_of(message)
        seen["types"].append(kind)
        if kind == "audio":
            seen["bytes"] = seen.get("bytes", 0) + len(message)
        note(kind, message)
        if kind in ends:
            over.set()

    connection.on(EventType.MESSAGE, on_message)
    connection.on(EventType.ERROR, lambda error: seen["types"].append(repr(error)))
    connection.on(EventType.CLOSE, lambda _: over.set())
    threading.Thread(target=connection.start_listening, daemon=True).start()
    return over


def listen(client, audio):
    seen = {"types": [], "transcript": ""}

    def note(kind, message):
        if kind == "Results" and message.is_final:
            words = message.channel.alternatives[0].transcript
            seen["transcript"] = f"{seen['transcript']} {words}".strip()
        if kind == "Metadata":
            seen["duration"] = message.duration

    with client.listen.v1.connect(
        model="nova-3",
        encoding="mulaw",
        sample_rate="8000",
        interim_results="true",
        utterance_end_ms="1000",
        vad_events="true",
        punctuate="true",
    ) as connection:
        over = follow(connection, seen, (), note)
        for at in range(0, len(audio), PIECE):
            connection._send(audio[at : at + PIECE])
        send(connection, "CloseStream")
        over.wait(SECONDS)
    return seen


def flux(client, audio):
    seen = {"types": [], "events": [], "transcript": ""}

    def note(kind, message):
        if kind != "TurnInfo":
            return
        seen["events"].append(message.event)
        if message.event == "EndOfTurn":
            seen["transcript"] = message.transcript

    with client.listen.v2.connect(
        model="flux-general-en", encoding="mulaw", sample_rate="8000"
    ) as connection:
        over = follow(connection, seen, (), note)
        for at in range(0, len(audio), PIECE):
            connection._send(audio[at : at + PIECE])
        send(connection, "CloseStream")
        over.wait(SECONDS)
    return seen


def speak_rest(client, text):
    pieces = client.speak.v1.audio.generate(
        text=text,
        model="aura-2-thalia-en",
        encoding="mulaw",
        container="none",
        sample_rate=8000,
    )
    return {"bytes": sum(len(piece) for piece in pieces)}


def speak(client, text):
    seen = {"types": []}
    with client.speak.v1.connect(
        model="aura-2-thalia-en", encoding="mulaw", sample_rate="8000"
    ) as connection:
        over = follow(connection, seen, ("Flushed",))
        send(connection, "Speak", text=text)
        send(connection, "Flush")
        over.wait(SECONDS)
        send(connection, "Close")
    return seen


def prerecorded(client, audio):
    answer = client.listen.v1.media.transcribe_file(
        request=audio,
        model="nova-3",
        punctuate=True,
        encoding="mulaw",
        request_options={"additional_query_parameters": {"sample_rate": "8000"}},
    )
    return {
        "transcript": answer.results.channels[0].alternatives[0].transcript,
        "duration": answer.metadata.duration,
    }


def grant(client):
    answer = client.auth.v1.tokens.grant()
    return {"token": answer.access_token, "expires_in": answer.expires_in}


def agent(client, text):
    seen = {"types": [], "replies": []}
    applied = threading.Event()

    def note(kind, message):
        if kind == "ConversationText" and message.role == "assistant":
            seen["replies"].append(message.content)
        if kind == "SettingsApplied":
            applied.set()

    settings = {
        "audio": {
            "input": {"encoding": "mulaw", "sample_rate": 8000},
            "output": {"encoding": "mulaw", "sample_rate": 8000, "container": "none"},
        },
        "agent": {
            "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
            "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}},
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
        },
    }
    with client.agent.v1.connect() as connection:
        over = follow(connection, seen, ("AgentAudioDone", "Error"), note)
        send(connection, "Settings", **settings)
        applied.wait(SECONDS)
        send(connection, "InjectUserMessage", content=text)
        over.wait(SECONDS)
    return seen


def main():
    base, audio_file, text = sys.argv[1:4]
    audio = Path(audio_file).read_bytes()
    socket = base.replace("http", "ws", 1)
    place = DeepgramClientEnvironment(base=base, production=socket, agent=socket)
    client = DeepgramClient(api_key="any", environment=place)
    seen = {
        "version": VERSION,
        "listen": listen(client, audio),
        "flux": flux(client, audio),
        "speak_rest": speak_rest(client, text),
        "speak": speak(client, text),
        "prerecorded": prerecorded(client, audio),
        "grant": grant(client),
        "agent": agent(client, text),
    }
    print(json.dumps(seen))


main()
