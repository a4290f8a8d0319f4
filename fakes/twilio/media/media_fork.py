"""A unidirectional media stream: ``<Start><Stream>``, or one that REST started.

A copy of what is said, of what is heard, or of both; the agent cannot answer on it, and
neither marks nor keys are told there
(https://www.twilio.com/docs/voice/twiml/stream#start-and-stop-streams). Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from fakes.call_record import Finding
from fakes.twilio.flow.orders import StreamOrder
from fakes.twilio.media.stream_core import CloseSocket, Settings, StreamState
from fakes.twilio.media.stream_messages import StreamMessages
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_SECONDS, whole_frame

__all__ = ["MediaFork"]

_TRACKS = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


def _nobody() -> None:
    pass


class MediaFork:
    """Protocol core of one unidirectional stream; fed with each frame of its leg.

    Attributes:
        findings: what Twilio would complain about.
        end: why the stream ended, when it was the agent; empty otherwise.
        end_code: Twilio's error number for that end; empty when it is none.
        congested: set when the agent does not read; frames are then discarded.
        wake: called when there is something to send.

    Args:
        leg: whose call it is.
        order: which tracks, under which name.
        settings: knobs.
        seed: decides the stream's sid and its first timestamp.
        number: of the stream in its call.
    """

    def __init__(
        self,
        leg: CallLeg,
        order: StreamOrder,
        *,
        settings: Settings | None = None,
        seed: int | str = 0,
        number: int = 1,
    ) -> None:
        settings = settings or Settings()
        self.order = order
        self.state = StreamState.NEW
        self.findings: list[Finding] = []
        self.end = ""
        self.end_code = ""
        self.congested = False
        self.wake: Callable[[], None] = _nobody
        self._settings = settings
        self._tracks = _TRACKS[order.track]
        self._said = StreamMessages(
            leg,
            seed=seed,
            track_chunks=settings.chunk_scope == "track",
            noise=settings.noise,
            number=number,
        )
        self.stream_sid = self._said.stream_sid
        # Heard while the socket is set up, and delivered in one burst.
        frames = round(settings.startup_backlog / FRAME_SECONDS)
        self._early: deque[tuple[bytes | None, bytes]] = deque(maxlen=frames)
        self._noted: set[str] = set()
        self._out: list[str | CloseSocket] = []

    @property
    def is_open(self) -> bool:
        """Whether frames still go out."""
        return self.state is StreamState.OPEN

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` would return anything."""
        return bool(self._out)

    def open(self, now: float) -> None:
        """The socket is up: greet, and deliver what was gathered meanwhile."""
        if self.state is not StreamState.NEW:
            return  # stopped before it was up
        self.state = StreamState.OPEN
        self._out.append(self._said.connected())
        self._out.append(self._said.start(self._tracks, self.order.parameters))
        for said, heard in self._early:
            self._send(said, heard, now)
        self._early.clear()

    def hear(self, said: bytes | None, heard: bytes, now: float) -> None:
        """Take one frame of each side; see :class:`fakes.twilio.leg.leg.Forked`."""
        if self.state is StreamState.NEW:
            self._early.append((said, heard))
        elif self.state is StreamState.OPEN:
            self._send(said, heard, now)
            self.wake()

    def stop(self, now: float) -> None:
        """End the stream from Twilio's side."""
        if self.state is StreamState.OPEN:
            self._out.append(self._said.stop())
        if self.state in (StreamState.NEW, StreamState.OPEN):
            self.state = StreamState.ENDED_HERE
            knobs = self._settings
            self._out.append(CloseSocket(knobs.close_code, delay=knobs.close_delay))
            self.wake()

    def next_timer(self) -> float | None:
        """Return None: the leg's frames are the only clock."""
        return None

    def on_timer(self, now: float) -> None:
        """Do nothing."""

    def receive(self, message: str | bytes, now: float) -> None:
        """Note that the agent speaks where nobody listens."""
        if self.state is not StreamState.OPEN:
            return
        if isinstance(message, bytes):
            self._note("31950", "binary message ignored", now, repr(message[:40]))
        else:
            text = "message to a unidirectional stream ignored"
            self._note("31951", text, now, message[:200])

    def agent_closed(self, code: int, now: float, reason: str = "") -> None:
        """The agent closed the socket; 1006 means that it just went away."""
        if self.state is not StreamState.OPEN:
            return
        said = f"{code} {reason}".strip()
        text = f"agent closed a unidirectional media socket ({said})"
        if code == 1006:
            text = "agent dropped a unidirectional media socket without a close frame"
        polite = code == 1000 and not self._settings.strict_close_error
        self._end("" if polite else "31921", text, now)

    def protocol_error(self, text: str, now: float) -> None:
        """The agent broke RFC 6455, which ends the stream."""
        if self.state is StreamState.OPEN:
            self._end("31924", f"WebSocket protocol error: {text}", now)

    def take(self) -> Sequence[str | CloseSocket]:
        """Return what is to be sent, in order, and forget it."""
        out, self._out = self._out, []
        return out

    def _send(self, said: bytes | None, heard: bytes, now: float) -> None:
        if self.congested:
            text = "the agent does not read; audio of a unidirectional stream discarded"
            self._note("31930", text, now)
        for track in self._tracks:
            if not self.congested:
                audio = said if track == "inbound" else whole_frame(heard)
                self._out.append(self._said.media(audio, track))
            elif self._settings.drop_consumes_numbers:
                self._said.leave_out(track)
        self._said.pass_time()

    def _end(self, code: str, text: str, now: float) -> None:
        self.state = StreamState.ENDED_BY_AGENT
        self.end = text
        self.end_code = code
        if code:
            self._note(code, text, now)

    def _note(self, code: str, text: str, now: float, evidence: str = "") -> None:
        """Record a finding, once a stream each."""
        if code not in self._noted:
            self._noted.add(code)
            self.findings.append(Finding(code, text, now, evidence))
