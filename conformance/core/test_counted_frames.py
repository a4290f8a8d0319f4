"""How many of our functions one frame of a call goes through, counted exactly.

No clock decides here. Whoever adds a call to the path of a frame turns a test red, and
whoever saves one lowers its figure.
"""

from __future__ import annotations

import pytest

from conformance.core._counting import Calls, calls_of
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.ledger import Ledger
from fakes.speech import FrameReader, Speaker, speak
from fakes.speech.code import read
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.party import Step
from fakes.twilio.caller.script import Pause
from fakes.twilio.media.playout import Playout
from fakes.twilio.media.stream import CloseSocket, MediaStream, Settings
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE_FRAME
from voiceutils.wire import encode, twilio

FRAMES = 100
# Functions of our own that one frame of 20 ms goes through.
TICK_CALLS = 10  # from the timer to the text for the agent
REPLY_CALLS = 6  # from the agent's text to the queue, and when it came
FORESEEN_CALLS = 9  # from the turn to the caller's having lived through it
PLAYOUT_CALLS = {0: 1, 1: 1, FRAMES: 2}  # by the frames of the payload that plays
READ_CALLS = 2
HEAR_CALLS = 2
BOOK_CALLS = 6

SPOKEN = bytes(range(FRAME_BYTES))
LEG = CallLeg.of(7, "CA" + "0" * 32)
SPEECH = speak("My internet stopped working.", speaker=Speaker.CALLER, call=4729)
CODED = SPEECH.frames[:50]


class Person:
    """A party that says one thing for ever."""

    def __init__(self, audio: bytes | None) -> None:
        self.step = Step(audio)

    def frame(self, heard: bytes, now: float) -> Step:
        return self.step


def stream_of(audio: bytes | None) -> MediaStream:
    """Return a stream that is open, its greeting and its first frames gone.

    The first frames are the widest apart, so that later ones are no new extremes.
    """
    stream = MediaStream(LEG, Person(audio))
    stream.open(0.0)
    for late, number in ((0.0, 1), (0.009, 2)):
        stream.on_timer(number * FRAME_SECONDS + late)
    stream.take()
    return stream


def per_frame(calls: Calls, frames: int = FRAMES) -> int:
    """Return the calls of one frame; what happens once in a while does not count."""
    return calls.own.total() // frames


@pytest.mark.parametrize(("audio", "encoded"), [(None, 0), (SPOKEN, 1)])
def test_a_frame_to_the_agent_is_a_few_calls(audio: bytes | None, encoded: int) -> None:
    """Silence is written without encoding anything."""
    stream = stream_of(audio)

    def second() -> None:
        for number in range(3, FRAMES + 3):
            stream.on_timer(number * FRAME_SECONDS + 0.001)
            assert len(stream.take()) == 1

    calls = calls_of(second)
    assert per_frame(calls) == TICK_CALLS
    assert calls.builtin["b2a_base64"] == FRAMES * encoded


def test_a_frame_of_the_agent_is_a_few_calls() -> None:
    """Read, checked and queued; the first ones go through the decoder, and show how."""
    stream = stream_of(None)
    payloads = (SPOKEN[at:] + SPOKEN[:at] for at in range(FRAMES))
    texts = [
        encode(twilio.AgentMedia(stream.stream_sid, twilio.AgentPayload(payload)))
        for payload in payloads
    ]
    for text in texts[:4]:
        stream.receive(text, 1.0)

    def second() -> None:
        for text in texts:
            assert stream.hear(text.encode(), 1.0)
        stream.settle()

    calls = calls_of(second)
    assert per_frame(calls) == REPLY_CALLS
    assert calls.builtin["a2b_base64"] == FRAMES
    assert calls.builtin["Decoder.decode"] == 0
    assert not stream.findings


def test_a_frame_that_was_foreseen_is_a_few_calls() -> None:
    """To the agent it goes in three calls of the stream; hearing comes later."""
    stream = MediaStream(LEG, Caller((Pause(60.0),), call=7))
    stream.open(0.0)
    for late, number in ((0.0, 1), (0.009, 2)):
        stream.on_timer(number * FRAME_SECONDS + late)
    stream.take()

    def second() -> None:
        for number in range(3, FRAMES + 3):
            assert stream.turn(number * FRAME_SECONDS + 0.001)
            stream.left(number * FRAME_SECONDS + 0.001)
            if not stream.may_wait:
                stream.settle()

    assert per_frame(calls_of(second)) == FORESEEN_CALLS


@pytest.mark.parametrize("queued", PLAYOUT_CALLS)
def test_a_tick_of_the_loudspeaker_costs_the_same(queued: int) -> None:
    """Whatever waits."""
    playout = Playout()
    playout.add(bytes(FRAME_BYTES * queued))
    calls = calls_of(lambda: [playout.tick() for _ in range(FRAMES)])
    assert per_frame(calls) == PLAYOUT_CALLS[queued]


def test_a_frame_that_goes_on_with_its_word_is_compared_and_not_read() -> None:
    """The first one of each word is read."""
    reader = FrameReader()
    codes = [code for code in map(read, CODED) if code is not None]
    reader.next_frame(CODED[0])
    for before, code, audio in zip(codes, codes[1:], CODED[1:], strict=False):
        goes_on = code[5:] == before[5:]  # same word, same letters
        assert reader.go_on(audio) == goes_on
        if not goes_on:
            assert reader.go_elsewhere(audio) == code


def test_a_coded_frame_is_checked_once() -> None:
    """It is found, and its checksum computed, without a search."""
    for frame in CODED:
        read(frame)  # the letters of its word are known from now on
    reader = FrameReader()
    calls = calls_of(lambda: [reader.feed(frame) for frame in CODED])
    assert per_frame(calls, len(CODED)) == READ_CALLS
    assert calls.builtin["crc_hqx"] == len(CODED)


def test_a_frame_of_silence_is_never_checked() -> None:
    """No checksum: it never begins like speech."""
    reader = FrameReader()
    calls = calls_of(lambda: [reader.feed(SILENCE_FRAME) for _ in range(FRAMES)])
    assert per_frame(calls) == READ_CALLS
    assert calls.builtin["crc_hqx"] == 0


def test_a_frame_in_the_book_is_entered_at_once_within_a_turn() -> None:
    """The turn is looked up once, not for each of its frames."""
    codes = [code for frame in CODED if (code := read(frame))]
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 0.0)
    ledger.hear(attempt, codes[:1], 0.0)

    def rest() -> None:
        for code in codes[1:]:
            ledger.hear(attempt, [code], 1.0)

    calls = calls_of(rest)
    assert per_frame(calls, len(codes) - 1) == HEAR_CALLS


def test_a_frame_of_a_client_is_entered_in_a_few_calls() -> None:
    """The book of a connection: conduct, timeline and what was heard."""
    codes = [code for frame in CODED if (code := read(frame))]
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 0.0)
    attempt.bytes_a_second = 8000.0
    book = Bookkeeper(ledger, attempt)
    book.received(CODED[0], codes[:1], 0.0)

    def rest() -> None:
        for number, (frame, code) in enumerate(zip(CODED, codes, strict=True)):
            book.received(frame, [code], number * FRAME_SECONDS)

    assert per_frame(calls_of(rest), len(CODED)) == BOOK_CALLS


@pytest.mark.parametrize("seconds", [1, 3, 10])
def test_messages_of_a_call(seconds: int) -> None:
    """Connected, start, the backlog, fifty frames a second, stop, close."""
    stream = MediaStream(LEG, Person(None), settings=Settings(startup_backlog=0.2))
    stream.open(0.0)
    said: list[object] = []
    for number in range(1, seconds * 50 + 1):
        stream.on_timer(number * FRAME_SECONDS + 1e-9)
        said += stream.take()
    stream.hang_up("stop", float(seconds))
    said += stream.take()
    assert len(said) == 2 + 10 + 50 * seconds + 1 + 1
    assert stream.frames_sent == 10 + 50 * seconds
    assert isinstance(said[-1], CloseSocket)
