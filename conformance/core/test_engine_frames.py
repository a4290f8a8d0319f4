"""The short ways of the engine tell exactly what the long ways tell."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.speech import FrameReader, Speaker, speak
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.ear import Ear, Sound
from fakes.twilio.caller.party import Step
from fakes.twilio.caller.script import Pause
from fakes.twilio.media.stream import MediaStream, Settings
from fakes.twilio.media.stream_messages import StreamMessages
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME, VOICED_LEVEL, is_voiced, level
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

LEG = CallLeg.of(7, "CA" + "0" * 32)
SPEECH = speak("Yes, that is right, thank you.", speaker=Speaker.AGENT, call=3).frames
AUDIO = st.one_of(
    st.none(), st.binary(min_size=1, max_size=200), st.sampled_from(SPEECH)
)
DOINGS = st.lists(
    st.one_of(
        st.tuples(st.just("media"), AUDIO),
        st.tuples(st.sampled_from(["mark", "digit", "pass", "leave out"]), st.none()),
    ),
    max_size=60,
)


@given(DOINGS, st.integers(0, 500), st.booleans())
def test_shared_heads_give_the_text_of_the_typed_encoder(
    doings: list[tuple[str, bytes | None]], seed: int, tracks: bool
) -> None:
    """Whatever else was sent between the frames, sequence and chunk are right."""
    said = StreamMessages(LEG, seed=seed, track_chunks=tracks)
    time, sequence, chunk = said.timestamp, 1, 0
    said.start(("inbound",), {})
    for doing, audio in doings:
        match doing:
            case "media":
                sequence, chunk = sequence + 1, chunk + 1
                payload = audio or SILENCE_FRAME
                body = wire.MediaBody("inbound", str(chunk), str(time), payload)
                typed = encode(wire.Media(str(sequence), body, said.stream_sid))
                assert wire.decode_from_twilio(
                    said.next_media(audio)
                ) == wire.decode_from_twilio(typed)
                time += 20
            case "mark":
                sequence += 1
                said.mark("m")
            case "digit":
                sequence += 1
                said.digit("5")
            case "pass":
                time += 20
                said.pass_time()
            case _:
                sequence, chunk = sequence + 1, chunk + 1
                said.leave_out()


@pytest.mark.parametrize("marks", [0, 1, 700])
def test_the_shared_pieces_have_the_very_text_of_the_encoder(marks: int) -> None:
    """Key order and spelling, too, past the first block and after echoes of marks."""
    said = StreamMessages(LEG, seed=1)
    said.start(("inbound",), {})
    for number in range(1, 1200):
        if number <= marks:
            said.mark("m")
        time = said.timestamp
        audio = SPEECH[number % len(SPEECH)]
        text = said.next_media(audio)
        body = wire.MediaBody("inbound", str(number), str(time), audio)
        sequence = str(number + 1 + min(number, marks))
        assert text == encode(wire.Media(sequence, body, said.stream_sid))


class _Plain:
    """A reader without short ways."""

    continued = False

    def __init__(self) -> None:
        self._reader = FrameReader()
        self.feed, self.flush = self._reader.feed, self._reader.flush
        self.go_on = self._reader.go_on
        self.go_elsewhere = self._reader.go_elsewhere

    @property
    def holds_back(self) -> bool:
        return self._reader.holds_back

    def next_frame(self, audio: bytes) -> None:
        return None

    def skip_silence(self) -> None:
        return None


HEARD = st.lists(
    st.one_of(
        st.just(b""),
        st.just(SILENCE_FRAME),
        st.binary(min_size=1, max_size=160),
        st.integers(0, len(SPEECH) - 1).map(SPEECH.__getitem__),
        st.integers(0, len(SPEECH) - 6).map(lambda n: b"".join(SPEECH[n : n + 5])),
    ),
    max_size=40,
)


def _frames(parts: Sequence[bytes]) -> list[bytes]:
    return [
        part[at : at + 160] if part else b""
        for part in parts
        for at in range(0, max(1, len(part)), 160)
    ]


@settings(max_examples=200)
@given(HEARD)
def test_the_ear_hears_the_same_on_its_short_way(parts: list[bytes]) -> None:
    """Utterances, words, losses, underruns, moments: as if every bit were read."""
    short, long = Ear(FrameReader()), Ear(_Plain())
    told: dict[Ear, list[Sound]] = {short: [], long: []}
    for number, audio in enumerate(_frames(parts)):
        for ear, sounds in told.items():
            sounds += ear.hear(audio, 0.02 * number)
    for ear in told:
        ear.finish()
    assert [s for s in told[short] if s.voice or s.voiced] == [
        s for s in told[long] if s.voice or s.voiced
    ]
    assert short.underruns == long.underruns
    assert [u.record() for u in short.utterances.values()] == [
        u.record() for u in long.utterances.values()
    ]


class _Listener:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard.append(heard)
        return Step()


PAYLOADS = st.one_of(
    st.binary(max_size=400), st.sampled_from(SPEECH), st.just(b"\x11" * 160)
)
CALL = st.lists(
    st.one_of(
        st.tuples(st.just("media"), PAYLOADS),
        st.tuples(st.just("other sid"), PAYLOADS),
        st.tuples(
            st.sampled_from(["mark", "clear", "junk", "extra", "frame"]), st.just(b"")
        ),
    ),
    max_size=80,
)


def _text(sid: str, kind: str, payload: bytes) -> str:
    coded = b64encode(payload).decode()
    match kind:
        case "media":
            media = f'"event":"media","media":{{"payload":"{coded}"}}'
            return f'{{{media},"streamSid":"{sid}"}}'
        case "extra":
            media = '"event":"media","media":{"payload":"","x":1}'
            return f'{{{media},"streamSid":"{sid}"}}'
        case "other sid":
            body = f'"media":{{"payload":"{coded}"}}'
            return f'{{"event":"media","streamSid":"MZ","media":{{}},{body}}}'
        case "mark":
            return f'{{"event":"mark","streamSid":"{sid}","mark":{{"name":"m"}}}}'
        case "clear":
            return f'{{"event":"clear","streamSid":"{sid}"}}'
        case _:
            return '{"event":"media","media":'


@settings(max_examples=150)
@given(CALL, st.booleans())
def test_a_call_on_the_short_way_is_the_same_call(
    script: list[tuple[str, bytes]], strict: bool
) -> None:
    """Same messages out, same audio heard, same findings, for any agent."""
    knobs = Settings(strict_schema=strict, cap_seconds=0.5)
    parties = [_Listener(), _Listener()]
    short, long = (MediaStream(LEG, p, settings=knobs, seed=5) for p in parties)
    sent: list[list[object]] = [[], []]
    for stream in (short, long):
        stream.open(0.0)
    now = 0.0
    for kind, payload in script:
        if kind == "frame":
            now += 0.02
            short.on_timer(now + 1e-4)
            long.on_timer(now + 1e-4)
        else:
            text = _text(short.stream_sid, kind, payload)
            if not short.hear(text.encode(), now):
                short.receive(text, now)
            long.receive(text, now)
        for stream, out in zip((short, long), sent, strict=True):
            while stream.has_output:
                out += stream.take()
    assert sent[0] == sent[1]
    assert parties[0].heard == parties[1].heard
    assert short.findings == long.findings
    assert short.lateness == long.lateness


@given(st.one_of(st.binary(max_size=200), st.sampled_from(SPEECH)))
def test_the_quick_look_at_loudness_says_what_the_sum_says(audio: bytes) -> None:
    """For every audio, however long."""
    assert is_voiced(audio) == (level(audio) >= VOICED_LEVEL)


@pytest.mark.parametrize(
    "quiet", [SILENCE_FRAME[:1], b"\x72"], ids=["silence", "noise"]
)
def test_no_count_of_loud_samples_deceives_it(quiet: bytes) -> None:
    """So many of each loudness among quiet ones, a quarter of the level or none."""
    for loud in range(256):
        for count in range(0, FRAME_BYTES, 3):
            audio = bytes([loud]) * count + quiet * (FRAME_BYTES - count)
            assert is_voiced(audio) == (level(audio) >= VOICED_LEVEL)


def test_a_frame_is_as_late_as_it_was_sent() -> None:
    """Not as late as its turn was."""
    stream = MediaStream(LEG, Caller((Pause(60.0),), call=7))
    stream.open(0.0)
    stream.on_timer(0.02)
    stream.on_timer(0.04)
    stream.take()
    before = stream.lateness.count
    assert stream.turn(0.061)
    assert stream.lateness.count == before
    stream.left(0.064)
    assert stream.lateness.count == before + 1
    assert stream.lateness.max == pytest.approx(0.004)
