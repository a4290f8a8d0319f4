"""The fake Deepgram before the last release of every earlier major of its SDK.

Each runs unmodified in an environment of its own, which is made on first use, so these
are not run unless asked for: ``pytest conformance/fidelity -m old_sdk``; one major with
``-k 4.8.1``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.fidelity.old_sdks._environment import python_with
from fakes.processes import WorldProcess
from fakes.speech import Speaker, speak
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = pytest.mark.old_sdk
BY = "deepgram-sdk 3, 4, 5, 6"

CLIENTS = {
    "3.11.0": "client_3.py",
    "4.8.1": "client_3.py",
    "5.3.4": "client_5.py",
    "6.1.1": "client_5.py",
}
SAID = "Where is my parcel?"
ANSWERED = "hello"
TEXT = "Hello, world."
CLIENT_SECONDS = 120.0


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    """Fakes that listen as fast as they are spoken to."""
    with WorldProcess(options=["--listen-pace=0"]) as running:
        yield running


@pytest.fixture(scope="module", params=CLIENTS)
def seen(
    request: pytest.FixtureRequest,
    world: WorldProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What an application saw with one version, surface by surface."""
    version = request.param
    speech = speak(SAID, speaker=Speaker.CALLER, call=4729, turn=1)
    audio = tmp_path_factory.mktemp("audio") / "said.ulaw"
    audio.write_bytes(SILENCE_FRAME * 25 + speech.audio + SILENCE_FRAME * 100)
    script = Path(__file__).with_name(CLIENTS[version])
    python = python_with("deepgram-sdk", version)
    ran = subprocess.run(
        [python, script, world.addresses.deepgram, audio, TEXT],
        capture_output=True,
        check=False,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert told["version"] == version
    return told


@pytest.mark.judged("Deepgram: live transcription, /v1/listen", by=BY)
def test_live_transcription_is_heard(seen: dict[str, Any]) -> None:
    """Interims, finals and the epilogue arrive, and say what was said."""
    heard = seen["listen"]
    assert heard["transcript"] == SAID
    assert {"Results", "SpeechStarted", "UtteranceEnd"} <= set(heard["types"])
    assert heard["types"].count("Metadata") == 1
    assert heard["duration"] > 2.5


@pytest.mark.judged("Deepgram: speech by request, POST /v1/speak", by=BY)
def test_speech_by_request_is_audio(seen: dict[str, Any]) -> None:
    """The text comes back as whole frames of mu-law."""
    assert seen["speak_rest"]["bytes"] > 4000
    assert seen["speak_rest"]["bytes"] % 160 == 0


@pytest.mark.judged("Deepgram: streaming speech, /v1/speak", by=BY)
def test_speech_by_socket_is_audio_and_then_flushed(seen: dict[str, Any]) -> None:
    """Metadata at the opening, all audio, and then the word that it was all."""
    types = seen["speak"]["types"]
    assert seen["speak"]["bytes"] == seen["speak_rest"]["bytes"]
    assert types.index("Metadata") < types.index("audio") < types.index("Flushed")


@pytest.mark.judged("Deepgram: recordings, POST /v1/listen", by=BY)
def test_a_recording_is_transcribed(seen: dict[str, Any]) -> None:
    """The whole file in one request."""
    assert seen["prerecorded"]["transcript"] == SAID
    assert seen["prerecorded"]["duration"] > 2.5


@pytest.mark.judged("Deepgram: tokens and management", by=BY)
def test_a_token_is_granted(seen: dict[str, Any]) -> None:
    """A JWT of thirty seconds."""
    assert seen["grant"]["token"].count(".") == 2
    assert seen["grant"]["expires_in"] == 30


@pytest.mark.judged("Deepgram: Flux, /v2/listen", by=BY)
def test_flux_tells_turns(seen: dict[str, Any]) -> None:
    """A turn starts and ends, with the words in between."""
    if "flux" not in seen:
        pytest.skip("this version has no Flux")
    assert seen["flux"]["types"][0] == "Connected"
    events = seen["flux"]["events"]
    assert events.index("StartOfTurn") < events.index("EndOfTurn")
    assert seen["flux"]["transcript"] == SAID


@pytest.mark.judged("Deepgram: voice agent, /v1/agent/converse", by=BY)
def test_the_voice_agent_answers(seen: dict[str, Any]) -> None:
    """A message of the user is answered in words and in audio."""
    if "agent" not in seen:
        # Version 3 speaks an earlier interface; 4 sets its own address after all
        # settings (deepgram/clients/agent/v1/websocket/client.py).
        pytest.skip("this version dials agent.deepgram.com, whatever it is told")
    talk = seen["agent"]
    assert talk["types"].index("Welcome") < talk["types"].index("SettingsApplied")
    assert any(ANSWERED in reply.lower() for reply in talk["replies"])
    assert talk["bytes"] > 4000
    assert "Error" not in talk["types"]
