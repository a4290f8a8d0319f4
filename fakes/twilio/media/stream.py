"""One media stream, Twilio's side of it, without socket or clock.

Fifty frames a second go to the agent from the first moment on, silence included; what
the agent sends is queued in the playout and heard by the party on the line. Message
shapes and limits: https://www.twilio.com/docs/voice/media-streams/websocket-messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fakes.call_record import Finding, LineEvent
from fakes.twilio.caller.party import Heard, Party, Step, foresight_of, live
from fakes.twilio.caller.script import HangUpHow
from fakes.twilio.media.agent_messages import AgentMessages, audio_of
from fakes.twilio.media.arrivals import Arrivals
from fakes.twilio.media.playout import Playout
from fakes.twilio.media.stream_core import CloseSocket, Settings, StreamState
from fakes.twilio.media.stream_messages import StreamMessages
from fakes.twilio.web.webhook import CallLeg
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS
from voiceutils.wire import twilio as wire

__all__ = [
    "CloseSocket",
    "MediaStream",
    "Settings",
    "StreamState",
]

_BACKLOG_AT_ONCE: Final = 50  # frames between two looks at whether the agent reads
_MOST_EVENTS: Final = 300
_LONGEST_NAME: Final = 60  # characters of a mark's
LIVED_LATER: Final = 8  # frames, at most, that are sent before they are lived through
_MOST_LATE: Final = 16  # figures kept until they are counted
_READ_LATER: Final = 64  # messages, at most, that wait to be read


class MediaStream:
    """Protocol core of one call's media socket.

    Call :meth:`open` when the socket is up, :meth:`on_timer` whenever
    :meth:`next_timer` has come, :meth:`receive` for each message; send what
    :meth:`take` returns, in order.

    What the party does in a frame rarely depends on what it hears in it. As long as
    the party foresees its frames, they are sent as foreseen, and lived through several
    at once: what arrived and the moments of the frames are kept in order, and
    :meth:`settle` makes up for them exactly as they would have happened. That is done
    before anything that they could bear on.

    Attributes:
        findings: what Twilio would complain about.
        events: marks, clears and keys; the first few hundred.
        owed: frames that came so late that the next one was due, too.
        end: why the stream ended, when it was the agent; empty otherwise.
        end_code: Twilio's error number for that end; empty when it is none.
        closed_politely: whether the agent closed with 1000.
        congested: set when the agent does not read; frames are then discarded.
        may_wait: frames that may still be lived through later.

    Args:
        leg: whose call it is.
        party: who is on the line.
        parameters: custom parameters from the TwiML.
        settings: knobs.
        seed: decides the stream's sid and its first timestamp.
        number: of the stream in its call.
    """

    __slots__ = (
        *("_arrivals", "_backlog", "_came", "_due", "_following", "_foresee", "_heard"),
        *("_late", "_lateness", "_later", "_media_came", "_opened_at"),
        *("_out", "_parameters", "_partial_frames", "_party", "_playout"),
        *("_said", "_settings", "_ticks", "closed_politely", "congested", "end"),
        *("end_code", "events", "findings", "leg", "may_wait", "owed", "state"),
        *("_turn_due", "stream_sid"),
    )

    def __init__(
        self,
        leg: CallLeg,
        party: Party,
        *,
        parameters: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        seed: int | str = 0,
        number: int = 0,
    ) -> None:
        settings = settings or Settings()
        self.leg = leg
        self.state = StreamState.NEW
        self.findings: list[Finding] = []
        self.events: list[LineEvent] = []
        self._lateness = LatencyHistogram()
        self._late: list[float] = []  # of frames that are not in it yet
        self.owed = 0
        self.end = ""
        self.end_code = ""
        self.closed_politely = False
        self.congested = False
        self._party = party
        self._parameters = dict(parameters or {})
        self._settings = settings
        self._playout = Playout(
            cap_seconds=settings.cap_seconds,
            tail_seconds=settings.clear_tail_ms / 1000,
            remainder=settings.remainder,
        )
        self._arrivals = Arrivals()
        self._said = StreamMessages(leg, seed=seed, noise=settings.noise, number=number)
        self.stream_sid = self._said.stream_sid
        self._heard = AgentMessages(self.stream_sid, strict=settings.strict_schema)
        self._opened_at = 0.0
        self._ticks = 0
        self._due = self._following = 0.0  # moments of the next frames
        self._turn_due = 0.0  # that of the last turn
        self._backlog = 0  # frames of the start-up burst still to be sent
        self._partial_frames = 0
        self._media_came = False
        self._out: list[str | CloseSocket] = []
        self._foresee = foresight_of(party)
        # Media messages of the agent (in base64) and moments of frames, in order; and
        # when those messages arrived.
        self._later: list[bytes | float] = []
        self._came: list[float] = []
        self.may_wait = 0

    # --- the driver's side -------------------------------------------------------

    def open(self, now: float) -> None:
        """The socket is up: greet, and deliver what was gathered meanwhile."""
        self.state = StreamState.OPEN
        self._opened_at = now
        self._due, self._following = now + FRAME_SECONDS, now + 2 * FRAME_SECONDS
        self._out.append(self._said.connected())
        self._out.append(self._said.start(("inbound",), self._parameters))
        self._backlog = round(self._settings.startup_backlog / FRAME_SECONDS)

    @property
    def lateness(self) -> LatencyHistogram:
        """How late each frame was against its ideal moment."""
        if self._late:
            late, self._late = self._late, []
            self._lateness.record_all(late)
        return self._lateness

    @property
    def frames_sent(self) -> int:
        """Media messages, the start-up burst included."""
        return self._said.frames

    @property
    def is_open(self) -> bool:
        """Whether frames still go out."""
        return self.state is StreamState.OPEN

    def next_timer(self) -> float | None:
        """Return when the next frame is due; None when the stream is not open."""
        if self.state is not StreamState.OPEN:
            return None
        return self._due

    def turn(self, now: float) -> str | None:
        """Return the frame that is due, where sending it is all that is to be done.

        The same as :meth:`on_timer` and :meth:`take`, which are for all other cases,
        at a third of the cost. Afterwards, without :attr:`may_wait` it is time to
        :meth:`settle`; and :meth:`left` is to be called when the frame was sent.

        Returns:
            The message, empty when the frame is lost; None when it is for them.
        """
        due = self._due
        if not self.may_wait or not due <= now < self._following or self._out:
            return None
        if self.congested or now - due >= FRAME_SECONDS or self._foresee is None:
            return None
        step = self._foresee(now)
        if step is None:
            return None
        self._ticks = ticks = self._ticks + 1
        self._due = self._following
        self._following = self._opened_at + (ticks + 2) * FRAME_SECONDS
        self.may_wait -= 1
        self._later.append(now)
        if step.lost:
            self._said.pass_time()
            return ""
        self._turn_due = due
        return self._said.next_media(step.audio)

    def left(self, at: float) -> None:
        """Note when the frame of the last :meth:`turn` was sent."""
        self._late.append(at - self._turn_due)

    def on_timer(self, now: float) -> None:
        """Play and send every frame that is due; a late one never moves the next."""
        while self.state is StreamState.OPEN:
            due = self._due
            if due > now:
                return
            self._pass()
            if now - due >= FRAME_SECONDS:
                self.owed += 1
            step = self._foreseen(now)
            if step is None:
                if self._later:
                    self.settle()
                self.may_wait = 0  # a mark may be nearer by this frame
                self._tick(due, now)
            else:
                self.may_wait -= 1
                self._later.append(now)
                self._send(step, due, now)

    def _pass(self) -> None:
        """Let the next frame be the one that is due."""
        self._ticks += 1
        self._due = self._following
        self._following = self._opened_at + (self._ticks + 2) * FRAME_SECONDS

    def _foreseen(self, now: float) -> Step | None:
        if self.congested:
            return None
        if not self.may_wait:
            self._foresee = foresight_of(self._party)
            if self._foresee is not None:
                self.settle()
        return self._foresee(now) if self._foresee and self.may_wait else None

    def settle(self) -> None:
        """Read what has arrived, and live through the frames that were foreseen."""
        later, self._later = self._later, []
        came, self._came = self._came, []
        read = 0
        playout, arrivals = self._playout, self._arrivals
        heard: list[Heard] = []
        base64 = audio = None
        for entry in later:
            if isinstance(entry, float):
                untold = playout.partial_frames > self._partial_frames
                playing = None if untold else playout.whole_tick()
                if playing is None:
                    playing = self._play(entry)
                elif playing:
                    arrivals.begin(entry, playout.queued + FRAME_BYTES)
                heard.append((playing, entry))
                continue
            arrived = came[read]
            read += 1
            if entry != base64:  # silence is the same each time
                base64, audio = entry, audio_of(entry)
            if audio is None:
                message = self._heard.begin + entry + self._heard.end
                self._obey(message.decode(), arrived)
            elif playout.take(audio):
                arrivals.add(FRAME_BYTES, arrived)
            else:
                self._queue(audio, arrived)
        if heard:
            live(self._party, heard)
        if len(self._late) >= _MOST_LATE:
            self._lateness.record_all(self._late)
            self._late.clear()
        self._allow()

    def _allow(self) -> None:
        """See how many frames may be sent before they are lived through."""
        self.may_wait = 0
        if self._foresee is not None and self.state is StreamState.OPEN:
            self.may_wait = self._playout.frames_before_mark(LIVED_LATER)

    def receive(self, message: str | bytes, now: float) -> None:
        """Take one message of the agent; bytes are a binary frame."""
        if self.state is not StreamState.OPEN:
            return  # after stop nobody listens
        if self._later:
            self.settle()
        self._obey(message, now)
        self._allow()  # that may have been a mark

    def hear(self, message: bytes, now: float) -> bool:
        """Take a message if it is ordinary audio, as most are.

        The same as :meth:`receive`, which is for all others, at a fraction of the cost;
        nothing is to be sent after it.

        Args:
            message: the text, in UTF-8 as it came.
            now: when it came.

        Returns:
            Whether it was taken.
        """
        audio = self._heard.usual_audio(message)
        return audio is not None and self.hear_audio(audio, now)

    def hear_audio(self, audio: bytes, now: float) -> bool:
        """Take what stands in an ordinary message of audio; see :attr:`usual`."""
        if self.state is not StreamState.OPEN:
            return False
        if len(self._came) >= _READ_LATER:
            self.settle()
        self._later.append(audio)
        self._came.append(now)
        return True

    @property
    def usual(self) -> tuple[bytes, bytes]:
        """What an ordinary message of audio begins and ends with; empty: not known.

        Between them is base64: ASCII, without a quotation mark.
        """
        return self._heard.begin, self._heard.end

    def arrived(self, at: float) -> float | None:
        """Return when what began to play at a moment had come to the phone.

        For the party on the line, of a frame that it hears or has just heard.

        Args:
            at: moment of the frame.
        """
        return self._arrivals.of_frame(at)

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` would return anything."""
        return bool(self._out) or self._backlog > 0

    def agent_closed(self, code: int, now: float, reason: str = "") -> None:
        """The agent closed the socket; 1006 means that it just went away."""
        if self.state is not StreamState.OPEN:
            return
        self._end(StreamState.ENDED_BY_AGENT)
        self.closed_politely = code == 1000
        said = f"{code} {reason}".strip()
        self.end = f"agent closed the media socket ({said})"
        if code == 1006:
            self.end = "agent dropped the media socket without a close frame"
        if code != 1000 or self._settings.strict_close_error:
            self.end_code = "31921"
            self._note("31921", self.end, now)

    def protocol_error(self, text: str, now: float) -> None:
        """The agent broke RFC 6455, which ends the stream."""
        if self.state is not StreamState.OPEN:
            return
        self._end(StreamState.ENDED_BY_AGENT)
        self.end = f"WebSocket protocol error: {text}"
        self.end_code = "31924"
        self._note("31924", self.end, now)

    def hang_up(self, how: HangUpHow, now: float) -> None:
        """End the call from the caller's side."""
        if self.state is not StreamState.OPEN:
            return
        self._end(StreamState.ENDED_HERE)
        self._backlog = 0
        if how == "stop":
            self._out.append(self._said.stop())
            close = CloseSocket(
                self._settings.close_code, delay=self._settings.close_delay
            )
        elif how == "half_open":
            close = CloseSocket(1006, silent=True)
        else:
            close = CloseSocket(1000, reset=how == "reset")
        self._out.append(close)

    def take(self) -> Sequence[str | CloseSocket]:
        """Return what is to be sent, in order, and forget it."""
        if self._backlog:
            self._send_backlog()
        out, self._out = self._out, []
        return out

    def _end(self, state: StreamState) -> None:
        self.settle()
        self.may_wait = 0
        self.state = state

    # --- one message -------------------------------------------------------------

    def _obey(self, message: str | bytes, now: float) -> None:
        order = self._heard.read(message)
        for problem in order.problems:
            self._note(problem.code, problem.text, now, problem.evidence)
        match order.message:
            case wire.AgentMedia(media=body):
                self._queue(body.payload, now)
            case wire.AgentMark(mark=mark):
                self._happened("mark", mark.name, now)
                self._echo(self._playout.mark(mark.name), now)
            case wire.Clear():
                self._happened("clear", "", now)
                self._arrivals.clear()
                self._echo(self._playout.clear(), now)
            case None:
                pass

    def _queue(self, audio: bytes, now: float) -> None:
        playout = self._playout
        before = playout.queued
        if playout.add(audio):
            text = "more than 10 minutes of audio queued; the rest is discarded"
            self._note("31931", text, now)
        self._arrivals.add(playout.queued - before, now)
        if not self._media_came:
            self._media_came = True
            self._happened("media", "", now)

    # --- one frame ---------------------------------------------------------------

    def _tick(self, due: float, now: float) -> None:
        step = self._party.frame(self._play(now), now)
        if step.hang_up:
            self.hang_up(step.hang_up, now)
            return
        for digit in step.digits:
            self._out.append(self._said.digit(digit))
            self._happened("key", digit, now)
        self._send(step, due, now)

    def _play(self, now: float) -> bytes:
        """Let the loudspeaker go on by a frame; return what begins to sound."""
        playout = self._playout
        played = playout.tick()
        if playout.partial_frames > self._partial_frames:
            self._partial_frames = playout.partial_frames
            text = "agent audio ran dry inside a 20 ms frame; padded with silence"
            self._note(
                "partial_frame_underrun", text, now, f"{len(played.audio)} bytes"
            )
        if played.marks:
            self._echo(played.marks, now)
        audio = played.audio
        if audio:
            self._arrivals.begin(now, playout.queued + len(audio))
        return audio

    def _send(self, step: Step, due: float, now: float) -> None:
        if step.lost:
            self._said.pass_time()  # numbers are not consumed, time is
        elif self.congested:
            self._discard(now)
        else:
            self._out.append(self._said.next_media(step.audio))
            self._late.append(now - due)

    def _send_backlog(self) -> None:
        frames = min(self._backlog, _BACKLOG_AT_ONCE)
        self._backlog -= frames
        for _ in range(frames):
            if self.congested:
                self._discard(self._opened_at)
                continue
            self._out.append(self._said.next_media(None))

    def _discard(self, now: float) -> None:
        """Leave out a frame, since the agent does not read."""
        self._said.pass_time()
        if self._settings.drop_consumes_numbers:
            self._said.leave_out()
        text = "the agent does not read; caller audio is discarded"
        self._note("31930", text, now)

    def _echo(self, names: Sequence[str], now: float) -> None:
        for name in names:
            self._out.append(self._said.mark(name))
            self._happened("played", name, now)

    def _happened(self, kind: str, text: str, now: float) -> None:
        if len(self.events) < _MOST_EVENTS:
            self.events.append(LineEvent(now, kind, text[:_LONGEST_NAME]))

    def _note(self, code: str, text: str, now: float, evidence: str = "") -> None:
        """Record a finding, once a stream each."""
        if all(code != finding.code for finding in self.findings):
            self.findings.append(Finding(code, text, now, evidence))
