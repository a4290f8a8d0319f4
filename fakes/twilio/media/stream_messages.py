"""Writes the messages of one media stream, and keeps its counters.

One sequence number for every message after ``connected``, one chunk number for media,
one clock in milliseconds; all of them strings on the wire. Shapes:
https://www.twilio.com/docs/voice/media-streams/websocket-messages.
"""

from __future__ import annotations

import random
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Final

from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

__all__ = ["StreamMessages", "is_media"]

_to_base64: Final = b2a_base64  # compiled code finds it without looking it up
_FRAME_MS: Final = 20
_DIGITAL_SILENCE: Final = (b64encode(SILENCE_FRAME).decode(),)
# What a telephone network sends when nobody speaks: zero of either sign, give or take
# one step.
_LINE_NOISE: Final = bytes((0x7F, 0xFF, 0x7F, 0xFF, 0x7E, 0xFE))
_NOISES: Final = 16
_MEDIA: Final = '{"event":"media"'
_BLOCK: Final = 500  # built at once: for ten seconds
# A media message up to its chunk number, by its sequence number; and from there to its
# timestamp, by its chunk number. All calls share them: joining ready pieces takes a
# third of the time of writing the numbers.
_to_chunk: list[str] = []
_to_timestamp: list[str] = []


class StreamMessages:
    """The messages from Twilio, numbered.

    Attributes:
        stream_sid: of the stream; decided by the seed.
        timestamp: of the next frame, in ms.
        frames: media messages written.

    Args:
        leg: whose call it is.
        seed: decides sid, first timestamp and line noise.
        track_chunks: count the chunks of each track by themselves.
        noise: for silence write line noise.
        number: of the stream in its call, so that no two are alike.
    """

    __slots__ = (
        *("_chunks", "_leg", "_sequence", "_silences", "_tail", "frames", "stream_sid"),
        *("timestamp",),
    )

    def __init__(
        self,
        leg: CallLeg,
        *,
        seed: int | str,
        track_chunks: bool = False,
        noise: bool = False,
        number: int = 0,
    ) -> None:
        suffix = f":{number}" if number else ""
        chance = random.Random(f"{seed}:{leg.call_sid}{suffix}")
        self.stream_sid = f"MZ{chance.getrandbits(128):032x}"
        # Seen on the wire: 8, 155, 171; never 0, never a multiple of the frame.
        self.timestamp = chance.choice([t for t in range(8, 172) if t % _FRAME_MS])
        self.frames = 0
        self._leg = leg
        self._sequence = 0
        self._chunks = {"inbound": 0, "outbound": 0} if track_chunks else None
        self._silences: tuple[str, ...] = _DIGITAL_SILENCE
        if noise:
            self._silences = tuple(
                b64encode(bytes(chance.choices(_LINE_NOISE, k=FRAME_BYTES))).decode()
                for _ in range(_NOISES)
            )
        self._tail = f'"}},"streamSid":"{self.stream_sid}"}}'

    def connected(self) -> str:
        """Return the first message, the only one without a number."""
        return encode(wire.Connected())

    def start(self, tracks: tuple[str, ...], parameters: Mapping[str, str]) -> str:
        """Return the second message."""
        body = wire.StartBody(
            account_sid=self._leg.account_sid,
            stream_sid=self.stream_sid,
            call_sid=self._leg.call_sid,
            tracks=tracks,
            custom_parameters=dict(parameters),
        )
        return encode(wire.Start(self._next(), body, self.stream_sid))

    def next_media(self, audio: bytes | None, track: str = "inbound") -> str:
        """Return a frame and pass its time; None is silence.

        The same text as wire.Media would give, at a quarter of the cost.
        """
        if self._chunks is not None or track != "inbound":
            said = self.media(audio, track)
            self.timestamp += _FRAME_MS
            return said
        self.frames = chunk = self.frames + 1
        self._sequence = sequence = self._sequence + 1
        timestamp = self.timestamp
        self.timestamp = timestamp + _FRAME_MS
        if audio:
            payload = _to_base64(audio, newline=False).decode()
        else:
            payload = self._silences[chunk % len(self._silences)]
        if sequence >= len(_to_chunk):
            _build_pieces(sequence)
        return (
            f"{_to_chunk[sequence]}{_to_timestamp[chunk]}{timestamp}"
            f'","payload":"{payload}{self._tail}'
        )

    def media(self, audio: bytes | None, track: str = "inbound") -> str:
        """Return a frame after which no time has passed: another track's follows."""
        self.frames = chunk = self.frames + 1
        if self._chunks is not None:
            self._chunks[track] = chunk = self._chunks[track] + 1
        if audio:
            payload = _to_base64(audio, newline=False).decode()
        else:
            payload = self._silences[chunk % len(self._silences)]
        self._sequence = number = self._sequence + 1
        return (
            f'{{"event":"media","sequenceNumber":"{number}","media":'
            f'{{"track":"{track}","chunk":"{chunk}",'
            f'"timestamp":"{self.timestamp}","payload":"{payload}{self._tail}'
        )

    def pass_time(self) -> None:
        """Move the clock by one frame."""
        self.timestamp += _FRAME_MS

    def leave_out(self, track: str = "inbound") -> None:
        """Use up the numbers of a frame that is not sent."""
        self._sequence += 1
        self.frames += 1
        if self._chunks is not None:
            self._chunks[track] += 1

    def digit(self, digit: str) -> str:
        """Return a key press."""
        body = wire.DtmfBody("inbound_track", digit)
        return encode(wire.Dtmf(self.stream_sid, self._next(), body))

    def mark(self, name: str) -> str:
        """Return the echo of a mark."""
        return encode(wire.Mark(self._next(), self.stream_sid, wire.MarkBody(name)))

    def stop(self) -> str:
        """Return the last message."""
        body = wire.StopBody(self._leg.account_sid, self._leg.call_sid)
        return encode(wire.Stop(self._next(), self.stream_sid, body))

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)


def is_media(message: str) -> bool:
    """Tell whether a message that was written here is a frame."""
    return message.startswith(_MEDIA)


def _build_pieces(sequence: int) -> None:
    """Make room for a sequence number; a chunk number is never larger."""
    numbers = range(len(_to_chunk), sequence + _BLOCK)
    _to_chunk.extend(
        f'{{"event":"media","sequenceNumber":"{number}","media":'
        '{"track":"inbound","chunk":"'
        for number in numbers
    )
    _to_timestamp.extend(f'{number}","timestamp":"' for number in numbers)
