# mypy: ignore-errors
"""What an application sees with deepgram-sdk 3 or 4; run in that SDK's environment.

``python client_3.py BASE AUDIO TEXT`` prints one JSON object: surface -> what was seen.
AUDIO is a file of mu-law at 8000 Hz that says something.
"""

import json
import sys
import threading
from pathlib import Path

import deepgram
from deepgram import (
    DeepgramClient,
    DeepgramClientOptions,
    LiveOptions,
    LiveTranscriptionEvents,
    PrerecordedOptions,
    SpeakOptions,
    SpeakWebSocketEvents,
    SpeakWSOptions,
)

SECONDS = 20.0
PIECE = 800


def value_of(given, named):
    """Handlers get their event by position or by a name of its own."""
    return given[0] if given else next(iter(named.values()), None)


def listen(client, audio):
    seen, over = {"types": [], "transcript": ""}, threading.Event()

    def note(kind):
        def handler(_connection, *given, **named):
            told = value_of(given, named)
            seen["types"].append(kind)
            if kind == "Results" and told.is_final:
                words = told.channel.alternatives[0].transcript
                seen["transcript"] = f"{seen['transcript']} {words}".strip()
            if kind == "Metadata":
                seen["duration"] = told.duration
            if kind == "Close":
                over.set()

        return handler

    connection = client.listen.websocket.v("1")
    events = LiveTranscriptionEvents
    for kind, event in (
        ("Open", events.Open),
        ("Results", events.Transcript),
        ("SpeechStarted", events.SpeechStarted),
        ("UtteranceEnd", events.UtteranceEnd),
        ("Metadata", events.Metadata),
        ("Error", events.Error),
        ("Close", events.Close),
    ):
        connection.on(event, note(kind))
    options = LiveOptions(
        model="nova-3",
        encoding="mulaw",
        sample_rate=8000,
        interim_results=True,
        utterance_end_ms="1000",
        vad_events=True,
        punctuate=True,
    )
    assert connection.start(options)
    for at in range(0, len(audio), PIECE):
        connection.send(audio[at : at + PIECE])
    connection.send(json.dumps({"type": "CloseStream"}))
    over.wait(SECONDS)
    connection.finish()
    return seen


def speak_rest(client, text):
    options = SpeakOptions(
        model="aura-2-thalia-en", encoding="mulaw", container="none", sample_rate=8000
    )
    answer = client.speak.rest.v("1").stream_memory({"text": text}, options)
    return {
        "bytes": len(answer.stream_memory.getvalue()),
        "content_type": answer.content_type,
        "characters": answer.characters,
        "model": answer.model_name,
    }


def speak(client, text):
    seen, over = {"types": [], "bytes": 0}, threading.Event()

    def note(kind):
        def handler(_connection, *given, **named):
            told = value_of(given, named)
            seen["types"].append(kind)
            if kind == "audio":
                seen["bytes"] += len(told)
            if kind in ("Flushed", "Close"):
                over.set()

        return handler

    connection = client.speak.websocket.v("1")
    events = SpeakWebSocketEvents
    for kind, event in (
        ("Open", events.Open),
        ("Metadata", events.Metadata),
        ("audio", events.AudioData),
        ("Flushed", events.Flushed),
        ("Warning", events.Warning),
        ("Error", events.Error),
        ("Close", events.Close),
    ):
        connection.on(event, note(kind))
    options = SpeakWSOptions(
        model="aura-2-thalia-en", encoding="mulaw", sample_rate=8000
    )
    assert connection.start(options)
    connection.send_text(text)
    connection.flush()
    over.wait(SECONDS)
    connection.finish()
    return seen


def prerecorded(client, audio):
    options = PrerecordedOptions(
        model="nova-3", encoding="mulaw", sample_rate=8000, punctuate=True
    )
    answer = client.listen.rest.v("1").transcribe_file({"buffer": audio}, options)
    return {
        "transcript": answer.results.channels[0].alternatives[0].transcript,
        "duration": answer.metadata.duration,
    }


def grant(client):
    answer = client.auth.v("1").grant_token()
    return {"token": answer.access_token, "expires_in": answer.expires_in}


def main():
    base, audio_file, text = sys.argv[1:4]
    audio = Path(audio_file).read_bytes()
    options = DeepgramClientOptions(url=base)
    if hasattr(options, "set_apikey"):
        options.set_apikey("any")
    client = DeepgramClient("any", options)
    seen = {
        "version": deepgram.__version__.lstrip("v"),
        "listen": listen(client, audio),
        "speak_rest": speak_rest(client, text),
        "speak": speak(client, text),
        "prerecorded": prerecorded(client, audio),
        "grant": grant(client),
    }
    print(json.dumps(seen))


main()
