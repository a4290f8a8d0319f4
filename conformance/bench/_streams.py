"""Many live transcriptions from one event loop, cheap enough not to be the bottleneck.

All streams send the same coded speech, but each under its own call number, so that the
fake hears a different caller on each. What comes back is compared with a twin: the
same core in virtual time says when each message is due.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import NamedTuple

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.outbox import Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Opening
from fakes.delays import typical
from fakes.speech import Speaker, speak
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import SAMPLE_RATE, SILENCE_FRAME

__all__ = ["QUERY", "Load", "Streams", "due_times", "phone_audio"]

TEXT = "I would like to know where my parcel is please, it was sent on Monday."
REPLY = "Your parcel is on its way and will be with you tomorrow before noon."
QUERY = "model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true"
SPEAK_QUERY = "model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none"
PAUSE_FRAMES = 50
SPEAK_EVERY = 4.0  # seconds
SETTLED = 1.0  # seconds before figures count
MOST_AT_ONCE = 64  # frames sent before what came in is read
LEAST_WAIT = 0.001
LAST_WAIT = 0.5  # for what the last frames decide
_SPOKEN = b'{"type":"Speak","text":"%b"}' % REPLY.encode()
_FLUSH = b'{"type":"Flush"}'


class Load(NamedTuple):
    """What to send.

    Attributes:
        streams: live transcriptions at once.
        frame: bytes of audio in a message.
        seconds: how long, the settling included.
        speakers: how many of the streams have a socket of speech beside them.
    """

    streams: int
    frame: int
    seconds: float
    speakers: int = 0

    @property
    def interval(self) -> float:
        """Seconds between two frames of a stream."""
        return self.frame / SAMPLE_RATE

    @property
    def frames(self) -> int:
        """Messages of each stream."""
        return int(self.seconds * SAMPLE_RATE) // self.frame


def phone_audio(call: int, load: Load) -> list[bytes]:
    """Return the frames of one caller: speech and pauses in turn."""
    wanted = load.frames * load.frame
    audio, turn = b"", 0
    while len(audio) < wanted:
        turn += 1
        spoken = speak(TEXT, speaker=Speaker.CALLER, call=call, turn=turn)
        audio += spoken.audio + SILENCE_FRAME * PAUSE_FRAMES
    return [audio[at : at + load.frame] for at in range(0, wanted, load.frame)]


def due_times(load: Load) -> list[float]:
    """Return when each message is due, in seconds from the first frame of a stream."""
    pairs = [(pair.split("=")[0], pair.split("=")[1]) for pair in QUERY.split("&")]
    opening = Opening(pairs, DeepgramSettings(), "", "", 0.0, lambda: 1)
    core = open_listen(opening)
    assert not isinstance(core, Refusal)
    dues: list[float] = []
    for number, frame in enumerate(phone_audio(1, load)):
        now = number * load.interval
        while (due := core.next_timer()) is not None and due <= now:
            core.on_timer(due)
            dues += [due for item in core.take() if isinstance(item, Said)]
        core.receive(frame, now)
        dues += [now for item in core.take() if isinstance(item, Said)]
    while (due := core.next_timer()) is not None and due < load.seconds + LAST_WAIT:
        core.on_timer(due)
        dues += [due for item in core.take() if isinstance(item, Said)]
    return dues


class _Stream(WSListener):
    """One transcription; its results are compared with when they were due."""

    def __init__(self, streams: Streams, frames: list[bytes]) -> None:
        self._streams = streams
        self.frames = frames
        self.transport: WSTransport | None = None
        self.begun = 0.0
        self.results = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            dues = self._streams.dues
            if self.results < len(dues):
                due = dues[self.results]
                late = time.monotonic() - self.begun - due
                if due >= SETTLED:
                    self._streams.lateness.record(max(0.0, late))
            self.results += 1


class _Speech(WSListener):
    """One socket of speech; the first audio of each utterance is timed."""

    def __init__(self, streams: Streams, first: float) -> None:
        self._streams = streams
        self.transport: WSTransport | None = None
        self.next = first
        self._asked: float | None = None
        self.pieces = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def ask(self, now: float) -> None:
        """Have a sentence spoken."""
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, _SPOKEN)
        self.transport.send(WSMsgType.TEXT, _FLUSH)
        self._asked = now
        self.next += SPEAK_EVERY

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.pieces += 1
            if self._asked is not None:
                due = self._asked + typical(DeepgramSettings().speech_delay)
                self._streams.speech_lateness.record(max(0.0, time.monotonic() - due))
                self._asked = None


class Streams:
    """A load in progress.

    Args:
        load: what to send.
        base: address of the service, ``ws://...``.

    Attributes:
        sending: lateness of the frames: the client's own.
        lateness: of results, from when the twin has them due to their arrival.
        speech_lateness: of the first audio of each utterance.
    """

    def __init__(self, load: Load, base: str) -> None:
        self.load = load
        self.dues = due_times(load)
        self.sending = LatencyHistogram()
        self.lateness = LatencyHistogram()
        self.speech_lateness = LatencyHistogram()
        self._base = base
        self._streams: list[_Stream] = []
        self._speech: list[_Speech] = []
        self._unread = 0

    async def connect(self) -> None:
        """Open all sockets, one after another."""
        for number in range(self.load.streams):
            listen = f"{self._base}/v1/listen?{QUERY}"
            stream = _Stream(self, phone_audio(number + 1, self.load))
            await ws_connect(partial(_same, stream), listen)
            self._streams.append(stream)
        for number in range(self.load.speakers):
            first = number * SPEAK_EVERY / self.load.speakers
            speech = f"{self._base}/v1/speak?{SPEAK_QUERY}"
            heard = _Speech(self, first)
            await ws_connect(partial(_same, heard), speech)
            self._speech.append(heard)

    async def run(self) -> None:
        """Send everything at its time; the beginnings are spread over a second."""
        interval = self.load.interval
        t0 = time.monotonic() + 0.05
        for number, stream in enumerate(self._streams):
            stream.begun = t0 + number / self.load.streams
        # In the order of their phase, so that the frames of one interval are in order.
        self._streams.sort(key=lambda stream: (stream.begun - t0) % interval)
        due = t0
        for slot in range(int((self.load.seconds + 1.0) / interval)):
            for stream in self._streams:
                number = round((stream.begun - t0) // interval)
                if 0 <= slot - number < self.load.frames:
                    due = stream.begun + (slot - number) * interval
                    await self._until(due, t0)
                    self._send(stream, slot - number, due)
        await asyncio.sleep(LAST_WAIT)

    async def _until(self, due: float, t0: float) -> None:
        now = time.monotonic()
        self._unread += 1
        if now >= due and self._unread < MOST_AT_ONCE:
            return
        # Read what has come in; a client that is late must not stop reading.
        self._unread = 0
        self._ask(now - t0)
        await asyncio.sleep(0)
        now = time.monotonic()
        while now < due:
            await asyncio.sleep(max(LEAST_WAIT, due - now))
            now = time.monotonic()

    def _send(self, stream: _Stream, number: int, due: float) -> None:
        assert stream.transport is not None
        stream.transport.send(WSMsgType.BINARY, stream.frames[number])
        self.sending.record(max(0.0, time.monotonic() - due))

    def _ask(self, elapsed: float) -> None:
        for speech in self._speech:
            if speech.next <= elapsed:
                speech.ask(time.monotonic())

    @property
    def results(self) -> int:
        """How many results came."""
        return sum(stream.results for stream in self._streams)

    @property
    def expected(self) -> int:
        """How many results are due in all."""
        return len(self.dues) * self.load.streams

    def close(self) -> None:
        """Drop every connection."""
        sockets: list[_Stream | _Speech] = [*self._streams, *self._speech]
        for socket in sockets:
            if socket.transport is not None:
                socket.transport.disconnect(False)


def _same(listener: WSListener) -> WSListener:
    return listener
