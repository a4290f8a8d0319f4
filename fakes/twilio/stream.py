"""One media stream, Twilio's side of it, without socket or clock.

Fifty frames a second go to the agent from the first moment on, silence included; what
the agent sends is queued in the playout and heard by the party on the line. Message
shapes and limits: https://www.twilio.com/docs/voice/media-streams/websocket-messages.
"""

from __future__ import annotations

import enum
import random
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fakes.call_record import Finding
from fakes.twilio.agent_messages import AgentMessages
from fakes.twilio.party import Party
from fakes.twilio.playout import CAP_SECONDS, Playout
from fakes.twilio.script import HangUpHow
from fakes.twilio.webhook import CallLeg
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import FRAME_SECONDS, SILENCE_FRAME
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

__all__ = [
    "CloseSocket",
    "MediaStream",
    "Settings",
    "StreamState",
]


_SILENCE = b64encode(SILENCE_FRAME).decode()


class CloseSocket(NamedTuple):
    """Told to the driver, last of all.

    Attributes:
        code: close code; 1005 closes without one, 1006 drops the connection.
        reset: drop it with a TCP reset.
        delay: seconds to wait first.
    """

    code: int
    reset: bool = False
    delay: float = 0.0


class Settings(NamedTuple):
    """Where Twilio's behaviour is not documented, or is worth varying.

    Attributes:
        startup_backlog: seconds of audio, gathered while the socket was set up, that
            arrive in one burst at the start.
        close_code: sent after ``stop``; handlers see 1000, 1001, 1005 and 1006.
        close_delay: seconds between ``stop`` and the close.
        strict_schema: drop messages with extra fields instead of noting them.
        cap_seconds: most agent audio that is queued.
    """

    startup_backlog: float = 0.2
    close_code: int = 1000
    close_delay: float = 0.02
    strict_schema: bool = False
    cap_seconds: float = CAP_SECONDS


class StreamState(enum.Enum):
    """A stream opens once and ends once."""

    NEW = "new"
    OPEN = "open"
    ENDED_HERE = "ended here"
    ENDED_BY_AGENT = "ended by the agent"


class MediaStream:
    """Protocol core of one call's media socket.

    Call :meth:`open` when the socket is up, :meth:`on_timer` whenever
    :meth:`next_timer` has come, :meth:`receive` for each message; send what
    :meth:`take` returns, in order.

    Attributes:
        findings: what Twilio would complain about.
        lateness: how late each frame was against its ideal moment.
        frames_sent: media messages, the start-up burst included.
        end: why the stream ended, when it was the agent; empty otherwise.
        closed_politely: whether the agent closed with 1000.

    Args:
        leg: whose call it is.
        party: who is on the line.
        parameters: custom parameters from the TwiML.
        settings: knobs.
        seed: decides the stream's sid and its first timestamp.
    """

    def __init__(
        self,
        leg: CallLeg,
        party: Party,
        *,
        parameters: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        seed: int | str = 0,
    ) -> None:
        chance = random.Random(f"{seed}:{leg.call_sid}")
        self.leg = leg
        self.stream_sid = f"MZ{chance.getrandbits(128):032x}"
        self.state = StreamState.NEW
        self.findings: list[Finding] = []
        self.lateness = LatencyHistogram()
        self.frames_sent = 0
        self.end = ""
        self.closed_politely = False
        self._party = party
        self._parameters = dict(parameters or {})
        self._settings = settings or Settings()
        self._playout = Playout(cap_seconds=self._settings.cap_seconds)
        self._messages = AgentMessages(
            self.stream_sid, strict=self._settings.strict_schema
        )
        # Seen on the wire: 8, 155, 171; never 0, never a multiple of the frame.
        self._timestamp = chance.choice([t for t in range(8, 172) if t % 20])
        self._sequence = 0
        self._opened_at = 0.0
        self._ticks = 0
        self._noted: set[str] = set()
        self._out: list[str | CloseSocket] = []
        self._tail = f'"}},"streamSid":"{self.stream_sid}"}}'

    # --- the driver's side -------------------------------------------------------

    def open(self, now: float) -> None:
        """The socket is up: greet, and deliver what was gathered meanwhile."""
        self.state = StreamState.OPEN
        self._opened_at = now
        self._out.append(encode(wire.Connected()))
        body = wire.StartBody(
            account_sid=self.leg.account_sid,
            stream_sid=self.stream_sid,
            call_sid=self.leg.call_sid,
            custom_parameters=self._parameters,
        )
        self._out.append(encode(wire.Start(self._next(), body, self.stream_sid)))
        for _ in range(round(self._settings.startup_backlog / FRAME_SECONDS)):
            self._send_frame(None)

    def next_timer(self) -> float | None:
        """Return when the next frame is due; None when the stream is not open."""
        if self.state is not StreamState.OPEN:
            return None
        return self._due(self._ticks + 1)

    def on_timer(self, now: float) -> None:
        """Play and send every frame that is due; a late one never moves the next."""
        while (
            self.state is StreamState.OPEN
            and (due := self._due(self._ticks + 1)) <= now
        ):
            self._ticks += 1
            self._tick(due, now)

    def receive(self, message: str | bytes, now: float) -> None:
        """Take one message of the agent; bytes are a binary frame."""
        if self.state is not StreamState.OPEN:
            return  # after stop nobody listens
        order = self._messages.read(message)
        for problem in order.problems:
            self._note(problem.code, problem.text, now, problem.evidence)
        match order.message:
            case wire.AgentMedia(media=body):
                if self._playout.add(body.payload):
                    text = "more than 10 minutes of audio queued; the rest is discarded"
                    self._note("31931", text, now)
            case wire.AgentMark(mark=mark):
                self._echo(self._playout.mark(mark.name))
            case wire.Clear():
                self._echo(self._playout.clear())
            case None:
                pass

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` would return anything."""
        return bool(self._out)

    def agent_closed(self, code: int, now: float, reason: str = "") -> None:
        """The agent closed the socket; 1006 means that it just went away."""
        if self.state is not StreamState.OPEN:
            return
        self.state = StreamState.ENDED_BY_AGENT
        self.closed_politely = code == 1000
        said = f"{code} {reason}".strip()
        self.end = f"agent closed the media socket ({said})"
        if code == 1006:
            self.end = "agent dropped the media socket without a close frame"
            self._note("31921", self.end, now)
        elif code != 1000:
            self._note("31921", self.end, now)

    def protocol_error(self, text: str, now: float) -> None:
        """The agent broke RFC 6455, which ends the stream."""
        if self.state is not StreamState.OPEN:
            return
        self.state = StreamState.ENDED_BY_AGENT
        self.end = f"WebSocket protocol error: {text}"
        self._note("31924", self.end, now)

    def congested(self, frames: int, now: float) -> None:
        """The driver discarded frames, since the agent does not read."""
        text = "the agent does not read; caller audio is discarded"
        self._note("31930", text, now, f"{frames} frames")

    def hang_up(self, how: HangUpHow, now: float) -> None:
        """End the call from the caller's side."""
        if self.state is not StreamState.OPEN:
            return
        self.state = StreamState.ENDED_HERE
        if how == "stop":
            body = wire.StopBody(self.leg.account_sid, self.leg.call_sid)
            self._out.append(encode(wire.Stop(self._next(), self.stream_sid, body)))
            close = CloseSocket(
                self._settings.close_code, delay=self._settings.close_delay
            )
        else:
            close = CloseSocket(1000, reset=how == "reset")
        self._out.append(close)

    def take(self) -> Sequence[str | CloseSocket]:
        """Return what is to be sent, in order, and forget it."""
        out, self._out = self._out, []
        return out

    # --- one frame ---------------------------------------------------------------

    def _due(self, tick: int) -> float:
        return self._opened_at + tick * FRAME_SECONDS

    def _tick(self, due: float, now: float) -> None:
        partial = self._playout.partial_frames
        played = self._playout.tick()
        if self._playout.partial_frames > partial:
            text = "agent audio ran dry inside a 20 ms frame; padded with silence"
            self._note(
                "partial_frame_underrun", text, now, f"{len(played.audio)} bytes"
            )
        self._echo(played.marks)
        step = self._party.frame(played.audio, now)
        if step.hang_up:
            self.hang_up(step.hang_up, now)
            return
        for digit in step.digits:
            body = wire.DtmfBody("inbound_track", digit)
            self._out.append(encode(wire.Dtmf(self.stream_sid, self._next(), body)))
        if step.lost:
            self._timestamp += 20  # numbers are not consumed, time is
            return
        self._send_frame(step.audio)
        self.lateness.record(max(0.0, now - due))

    def _send_frame(self, audio: bytes | None) -> None:
        payload = b64encode(audio).decode() if audio else _SILENCE
        self.frames_sent += 1
        # The same text as wire.Media would give, at a quarter of the cost.
        self._out.append(
            f'{{"event":"media","sequenceNumber":"{self._next()}","media":'
            f'{{"track":"inbound","chunk":"{self.frames_sent}",'
            f'"timestamp":"{self._timestamp}","payload":"{payload}{self._tail}'
        )
        self._timestamp += 20

    def _echo(self, names: list[str]) -> None:
        for name in names:
            mark = wire.Mark(self._next(), self.stream_sid, wire.MarkBody(name))
            self._out.append(encode(mark))

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _note(self, code: str, text: str, now: float, evidence: str = "") -> None:
        """Record a finding, once a stream each."""
        if code not in self._noted:
            self._noted.add(code)
            self.findings.append(Finding(code, text, now, evidence))
