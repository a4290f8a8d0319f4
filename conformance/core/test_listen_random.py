"""Any client at all against the fake recogniser: what holds whatever it does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from conformance.core._listening import PHONE, SAID, caller, listening
from fakes.deepgram.outbox import Ended, Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.speech import CALLER_UTTERANCES
from voiceutils.mulaw import SILENCE, SILENCE_FRAME
from voiceutils.wire import Unknown
from voiceutils.wire.deepgram_listen import Metadata, Results, decode_from_listen

SPOKEN = [b"".join(caller(text)) for text in (SAID, *CALLER_UTTERANCES[:3])]
NOISE = bytes((SILENCE - n % 120) & 0xFF for n in range(2000))
COMMANDS = (
    '{"type":"KeepAlive"}',
    '{"type":"Finalize"}',
    '{"type":"Finalize","channel":0}',
    '{"type":"Sync","id":1}',
    '{"type":"Configure","features":{"numerals":true}}',
    '{"type":"Configure","keyterms":"no list"}',
    "junk",
    '{"type":"Nonsense"}',
    '{"type":"Sync","id":"one"}',
    "",
)


class AnyClient(RuleBasedStateMachine):
    """Sends what it likes when it likes."""

    @initialize(
        pace=st.sampled_from([0.0, 1.25]),
        endpointing=st.sampled_from([None, 10, 300]),
        smart=st.booleans(),
        said=st.integers(0, len(SPOKEN) - 1),
    )
    def open(
        self, pace: float, endpointing: int | None, smart: bool, said: int
    ) -> None:
        options = DeepgramSettings(listen_pace=pace, recogniser_delay=0.1)
        query = PHONE._replace(endpointing=endpointing, smart_format=smart)
        self.core = listening(query, options)
        self.now = 0.0
        self.sent = 0
        self.rest = SPOKEN[said]
        self.final_until = 0.0
        self.closed = False
        self.epilogues: list[Metadata] = []

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        """Time passes, timer by timer."""
        until = self.now + seconds
        while (due := self.core.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.core.on_timer(self.now)
            self.read()
            following = self.core.next_timer()
            assert following is None or following > self.now
        self.now = until

    @rule(size=st.integers(1, 6000))
    def speak(self, size: int) -> None:
        self.send_audio(self.rest[:size])
        self.rest = self.rest[size:] or SPOKEN[size % len(SPOKEN)]

    @rule(frames=st.integers(1, 60))
    def be_silent(self, frames: int) -> None:
        self.send_audio(SILENCE_FRAME * frames)

    @rule(size=st.integers(1, 2000))
    def make_noise(self, size: int) -> None:
        self.send_audio(NOISE[:size])

    @rule(text=st.sampled_from(COMMANDS))
    def command(self, text: str) -> None:
        self.core.receive(text, self.now)
        self.read()

    @precondition(lambda self: self.sent > 8000)
    @rule(empty_frame=st.booleans())
    def close_stream(self, empty_frame: bool) -> None:
        self.core.receive(b"" if empty_frame else '{"type":"CloseStream"}', self.now)
        self.read()

    def send_audio(self, audio: bytes) -> None:
        if not self.core.ended and not self.core.closing:
            self.sent += len(audio)
        self.core.receive(audio, self.now)
        self.read()

    def read(self) -> None:
        for item in self.core.take():
            assert not self.closed, "something was said after the close frame"
            if isinstance(item, Ended):
                self.closed = True
                if item.code == 1000:
                    assert len(self.epilogues) == 1
                    assert self.final_until == pytest.approx(self.sent / 8000, abs=1e-3)
            elif isinstance(item, Said):
                self.check(item.text)

    def check(self, text: str) -> None:
        message = decode_from_listen(text)
        assert not isinstance(message, Unknown)
        content: dict[str, Any] = json.loads(text)
        assert json.dumps(content, separators=(",", ":"), ensure_ascii=False) == text
        if isinstance(message, Metadata):
            self.epilogues.append(message)
            assert message.duration == pytest.approx(self.sent / 8000, abs=1e-3)
        elif isinstance(message, Results):
            assert not self.epilogues
            assert message.start == pytest.approx(self.final_until, abs=1e-3)
            assert message.start + message.duration <= self.sent / 8000 + 1e-3
            assert message.is_final or not message.speech_final
            for word in message.channel.alternatives[0].words:
                assert word.start <= word.end <= message.start + message.duration + 0.05
            if message.is_final:
                self.final_until = message.start + message.duration

    @invariant()
    def timers_are_never_in_the_past(self) -> None:
        """A timer that is due was rung, and an ended connection has none."""
        if not hasattr(self, "core"):
            return
        self.core.on_timer(self.now)
        self.read()
        due = self.core.next_timer()
        assert due is None or due > self.now
        assert due is None or not self.closed


AnyClient.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestAnyClient = AnyClient.TestCase
