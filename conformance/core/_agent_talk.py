"""The voice agent of the fake Deepgram in virtual time, and a client of it."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

from conformance.core._opening import opening
from fakes.deepgram.agent.conversation import VoiceAgent, open_agent
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import Fault
from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard, speak
from voiceutils.mulaw import FRAME_SECONDS, SILENCE_FRAME

__all__ = ["MULAW", "Sent", "Talk", "settings_of", "weather", "words_of"]

MULAW = {"encoding": "mulaw", "sample_rate": 8000}


class Sent(NamedTuple):
    """Something that the agent gave out, and when."""

    at: float
    item: Outgoing

    @property
    def kind(self) -> str:
        """The type of a message; audio, begun, cut or end for other things."""
        match self.item:
            case Said():
                return str(self.body["type"])
            case AudioPiece():
                return "audio"
            case UtteranceBegun():
                return "begun"
            case UtteranceCut():
                return "cut"
            case Ended():
                return "end"

    @property
    def body(self) -> dict[str, Any]:
        """A text message, decoded."""
        assert isinstance(self.item, Said)
        decoded: dict[str, Any] = json.loads(self.item.text)
        return decoded


def weather(**more: Any) -> dict[str, Any]:
    """Return a function that the model may call."""
    place = {"type": "object", "properties": {"location": {"type": "string"}}}
    parameters = place | {"required": ["location"]}
    return {"name": "get_weather", "description": "w", "parameters": parameters} | more


def settings_of(
    *, functions: list[dict[str, Any]] | None = None, **agent: Any
) -> dict[str, Any]:
    """Return Settings for phone audio both ways."""
    think: dict[str, Any] = {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}
    if functions is not None:
        think["functions"] = functions
    return {
        "type": "Settings",
        "audio": {"input": MULAW, "output": MULAW | {"container": "none"}},
        "agent": {"think": think} | agent,
    }


class Talk:
    """One connection; ``now`` moves on as the client talks and waits.

    Args:
        ways: settings of the agent.
        fault: what the connection meets.
        settings: the first message; None sends none.
        deepgram: other settings of the fake.
    """

    def __init__(
        self,
        ways: AgentSettings | None = None,
        *,
        fault: Fault | None = None,
        settings: dict[str, Any] | None = None,
        **deepgram: Any,
    ) -> None:
        given: dict[str, Any] = {"listen_pace": 0, "agent": ways or AgentSettings()}
        how = DeepgramSettings(**(given | deepgram))
        self.notes: list[str] = []
        opened = opening(how, fault=fault)._replace(note=self.notes.append)
        self.core: VoiceAgent = open_agent(opened)
        self.now = 0.0
        self.sent: list[Sent] = []
        if settings is not None:
            self.wait(0.1)
            self.send(settings)
            self.wait(0.1)

    def wait(self, seconds: float) -> None:
        """Let time pass, without sound."""
        until = self.now + seconds
        while (due := self.core.next_timer()) is not None and due <= until:
            assert due >= self.now - 1e-9, "a timer in the past"
            self.now = max(self.now, due)
            self.core.on_timer(self.now)
            self._collect()
        self.now = until

    def send(self, message: dict[str, Any] | str | bytes) -> None:
        """Send a message or audio."""
        given = json.dumps(message) if isinstance(message, dict) else message
        self.core.receive(given, self.now)
        self._collect()

    def command(self, kind: str, **fields: Any) -> None:
        """Send a message of this kind."""
        self.send({"type": kind} | fields)

    def say(self, text: str, *, turn: int = 1, frames: int | None = None) -> None:
        """Speak at the pace of speech, or only the first frames of it."""
        spoken = speak(text, speaker=Speaker.CALLER, call=4729, turn=turn)
        for frame in spoken.frames[:frames]:
            self.send(frame)
            self.wait(FRAME_SECONDS)

    def hush(self, seconds: float) -> None:
        """Send silence."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.send(SILENCE_FRAME)
            self.wait(FRAME_SECONDS)

    def take(self) -> list[Sent]:
        """Return what came since the last time."""
        sent, self.sent = self.sent, []
        return sent

    def bodies(self) -> list[dict[str, Any]]:
        """Return the text messages that came since the last time."""
        return [sent.body for sent in self.take() if isinstance(sent.item, Said)]

    def kinds(self) -> list[str]:
        """Return what came since the last time; runs of audio count once."""
        kinds = [sent.kind for sent in self.take() if sent.kind != "begun"]
        pairs = zip([*kinds[:1], *kinds], kinds, strict=False)
        return kinds[:1] + [
            kind for before, kind in list(pairs)[1:] if (before, kind) != ("audio",) * 2
        ]

    def _collect(self) -> None:
        self.sent += [Sent(self.now, item) for item in self.core.take()]


def words_of(sent: list[Sent]) -> str:
    """Return the words that the audio carries, of all utterances in order."""
    pieces = (x.item.audio for x in sent if isinstance(x.item, AudioPiece))
    found = FrameReader().feed(b"".join(pieces))
    codes = [x.code for x in found if isinstance(x, CodedFrame)]
    utterances = itertools.groupby(codes, key=lambda code: code.call)
    return " ".join(WordsHeard(list(group)).text() for _, group in utterances)
