"""What is heard later, or by a short cut, is heard no differently.

Two connections get the same messages at the same times: one as it is, one without what
makes it cheap. They must say the same at the same times, and leave the same book.
"""

from __future__ import annotations

import heapq
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._opening import opening
from fakes.alarms import Alarms
from fakes.deepgram.ear.hearing import Hearing, Moment
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.listen.segments import Segments
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.sockets import conversation as sockets
from fakes.delays import Uniform
from fakes.faults import Nothing
from fakes.ledger import Ledger
from fakes.ledger_export import ledger_lines
from fakes.punctuality import Punctuality
from fakes.speech import Speaker, speak
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE_FRAME

TEXTS = (
    "I would like to know where my parcel is, please.",
    "An extraordinarily unpronounceable word.",
    "Four seven two nine.",
)
NOISE = [bytes((n * step + 7) & 0xFF for n in range(FRAME_BYTES)) for step in (3, 7)]
BASE = [("encoding", "mulaw"), ("sample_rate", "8000"), ("model", "nova-3")]
QUERIES = (
    [("interim_results", "true")],
    [("interim_results", "true"), ("endpointing", "300"), ("utterance_end_ms", "1000")],
    [("interim_results", "true"), ("smart_format", "true"), ("endpointing", "100")],
    [("interim_results", "true"), ("vad_events", "true")],
    [("endpointing", "false")],
)


def said(which: int, call: int, turn: int, speaker: Speaker) -> list[bytes]:
    """Return the frames of one of the texts."""
    return list(speak(TEXTS[which], speaker=speaker, call=call, turn=turn).frames)


@st.composite
def phone_lines(draw: st.DrawFn) -> list[bytes]:
    """Frames of speech, silence and noise; some are lost, some come twice."""
    frames: list[bytes] = []
    for turn in range(1, draw(st.integers(1, 4)) + 1):
        speaker = draw(st.sampled_from([Speaker.CALLER] * 3 + [Speaker.AGENT]))
        spoken = said(draw(st.integers(0, 2)), draw(st.integers(1, 2)), turn, speaker)
        for at in draw(st.lists(st.integers(0, len(spoken) - 1), max_size=6)):
            change = draw(st.sampled_from(["lost", "twice", "noise", "damaged"]))
            if change == "noise":
                spoken[at : at + 1] = [draw(st.sampled_from(NOISE))]
            elif change == "damaged":
                broken = [x[:80] + NOISE[1][80:] for x in spoken[at : at + 1]]
                spoken[at : at + 1] = broken
            else:
                spoken[at : at + 1] *= 2 * (change == "twice")
        frames += spoken[: draw(st.integers(0, len(spoken)))]
        frames += [SILENCE_FRAME] * draw(st.sampled_from([0, 1, 3, 20, 70, 160]))
        frames += NOISE * draw(st.sampled_from([0, 0, 9]))
    return frames


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[float, bytes | str]]:
    """Messages of a client and when they come, in whatever pieces."""
    audio = draw(st.sampled_from([b"", b"", b"\xff" * 77])) + b"".join(
        draw(phone_lines())
    )
    sizes = draw(
        st.sampled_from([[160], [160], [320], [800], [100], [160, 160, 33, 500]])
    )
    jitter = draw(st.lists(st.sampled_from([0.0, 0.0, 0.004, 0.07, 0.5]), min_size=1))
    commands = draw(
        st.dictionaries(
            st.integers(0, 200),
            st.sampled_from(
                ['{"type":"Finalize"}', '{"type":"KeepAlive"}', "junk", b'{"type":1}']
            ),
            max_size=3,
        )
    )
    messages: list[tuple[float, bytes | str]] = []
    now, at = 0.0, 0
    while at < len(audio):
        size = sizes[len(messages) % len(sizes)]
        now += size / 8000 + jitter[len(messages) % len(jitter)] / 10
        messages.append((now, audio[at : at + size]))
        if len(messages) in commands:
            command: bytes | str = commands[len(messages)]  # type: ignore[assignment]
            messages.append((now, command))
        at += size
    end = draw(st.sampled_from(['{"type":"CloseStream"}', b"", None]))
    return messages if end is None else [*messages, (now + 0.01, end)]


class Wires:
    """One connection with a clock of its own; notes what is sent and when."""

    def __init__(self, query: list[tuple[str, str]], options: DeepgramSettings) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, str | bytes]] = []
        self.writable = True
        self.ledger, self.alarms = Ledger(), _Alarms()
        attempt = self.ledger.knock("listen", "", 0.0)
        attempt.bytes_a_second = 8000.0
        core = open_listen(opening(options, pairs=[*BASE, *query]))
        assert not isinstance(core, Refusal)
        self.core = core
        door: Any = SimpleNamespace(
            attempt=attempt, fault=Nothing(), accept=self._accept, end=self._end
        )
        self.attempt = attempt
        self.talk = sockets.Conversation(
            core, door, self.ledger, self.alarms, Punctuality()
        )

    def _accept(self) -> float:
        self.attempt.opened = self.now
        return self.now

    def _end(self, by: str, code: int, *, aborted: bool = False) -> None:
        self.attempt.closed = self.attempt.closed or self.now

    def send(self, message: str | bytes) -> None:
        self.sent.append((self.now, message))

    def close(self, code: int, reason: str) -> None:
        self.sent.append((self.now, f"close {code}"))

    def read_slowly(self, bytes_a_second: float) -> None:
        raise AssertionError

    pace: Any = read_slowly

    def pass_time(self, until: float) -> None:
        """Ring what is due on the way."""
        while self.alarms.next_at <= until:
            self.now = max(self.now, self.alarms.next_at)
            self.alarms.ring(self.now)
        self.now = until

    def book(self) -> list[object]:
        """Return all that the ledger tells."""
        return [list(ledger_lines(self.ledger)), self.ledger.calls]


class _Alarms(Alarms):
    def _wind(self, due: float) -> None:
        pass

    @property
    def next_at(self) -> float:
        return self._queue[0][0] if self._queue else float("inf")

    def ring(self, now: float) -> None:
        heapq.heappop(self._queue)[2]._strike(now)


def played(
    script: list[tuple[float, bytes | str]],
    query: list[tuple[str, str]],
    options: DeepgramSettings,
    *,
    patient: bool,
    looks_at: int = -1,
) -> tuple[list[tuple[float, str | bytes]], list[object], int]:
    """Return what was said, the book, and after how many messages some waited."""
    wires = Wires(query, options)
    if not patient:
        wires.core.patience = 0.0
    late = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "time", SimpleNamespace(monotonic=lambda: wires.now))
        wires.talk.begin(wires)
        for number, (at, message) in enumerate(script):
            wires.pass_time(at)
            wires.talk.receive(message)
            late += bool(wires.talk._unheard)
            if number == looks_at:
                wires.sent.append((at, repr(wires.book())))
        wires.pass_time(wires.now + 0.03)
        wires.talk.end(None)
    return wires.sent, wires.book(), late


@given(
    scripts(),
    st.sampled_from(QUERIES),
    st.sampled_from([0.12, 0.3, Uniform(0.08, 0.4), 0.01]),
    st.integers(-1, 100),
)
@settings(max_examples=120)
def test_hearing_later_changes_nothing(
    script: list[tuple[float, bytes | str]],
    query: list[tuple[str, str]],
    delay: Any,
    looks_at: int,
) -> None:
    """Messages, their times, and the book whenever it is read, are the same."""
    options = DeepgramSettings(recogniser_delay=delay, answer_timeout=4.0)
    later = played(script, query, options, patient=True, looks_at=looks_at)
    at_once = played(script, query, options, patient=False, looks_at=looks_at)
    assert later[0] == at_once[0]
    assert later[1] == at_once[1]
    assert not at_once[2]


def test_audio_is_put_aside_at_all() -> None:
    """The test above compares two things: a usual stream is heard later."""
    frames = said(0, 1, 1, Speaker.CALLER)
    script: list[tuple[float, bytes | str]] = [
        (number * FRAME_SECONDS, frame) for number, frame in enumerate(frames)
    ]
    assert played(script, [], DeepgramSettings(), patient=True)[2] > len(frames) / 2
    quick = DeepgramSettings(recogniser_delay=0.03)
    assert not played(script, [], quick, patient=True)[2]
    assert not played(script, QUERIES[3], DeepgramSettings(), patient=True)[2]


class _PlainHearing(Hearing):
    """Hears every frame the long way."""

    def hear_frame(self, audio: bytes) -> Moment | None:
        return None


class _WatchfulSegments(Segments):
    """Looks at every moment."""

    def _next_event(self, *, voiced: bool) -> float:
        return float("-inf")


def drafts_of(pieces: list[bytes], ear: Hearing, segments: Segments) -> list[object]:
    """Return all that a channel decides, with the codes that it read."""
    found: list[object] = []
    for piece in pieces:
        for moment in ear.hear(piece):
            found += segments.hear(moment, ear)
    found += [ear.take_codes(), ear.seconds, segments.finish(list(ear.finish()))]
    return found


@given(
    phone_lines(),
    st.sampled_from([0, 0, 1, 77]),
    st.lists(st.integers(1, 700), min_size=1),
    st.sampled_from([None, 0.01, 0.3]),
    st.booleans(),
)
@settings(max_examples=80)
def test_the_short_cuts_hear_the_same(
    frames: list[bytes],
    shift: int,
    sizes: list[int],
    endpointing: float | None,
    rich: bool,
) -> None:
    """Frame by frame by the short way, or in odd pieces and every moment looked at."""

    def wanted(kind: type[Segments]) -> Segments:
        return kind(
            interims=True,
            endpointing=endpointing,
            word_gap=1.0 if rich else None,
            onsets=rich,
            entity_wait=3.0 if rich else 0.0,
        )

    audio = b"\xff" * shift + b"".join(frames)
    even = [audio[at : at + 160] for at in range(0, len(audio), 160)]
    odd: list[bytes] = []
    at = 0
    while at < len(audio):
        odd.append(audio[at : at + sizes[len(odd) % len(sizes)]])
        at += len(odd[-1])
    short = drafts_of(even, Hearing(), wanted(Segments))
    assert short == drafts_of(odd, _PlainHearing(), wanted(_WatchfulSegments))
    assert short == drafts_of(odd, Hearing(), wanted(Segments))
