"""Media streams in a document: ``<Connect><Stream>``, ``<Start>`` and ``<Stop>``."""

from __future__ import annotations

from typing import Literal

from fakes.twilio.flow.attributes import after, choice, method
from fakes.twilio.flow.orders import (
    OpenStream,
    StartRecording,
    StopStream,
    StreamOrder,
    Track,
)
from fakes.twilio.flow.stage import (
    Event,
    NextVerb,
    Stage,
    StreamEnded,
    StreamOpened,
    Verb,
)
from fakes.twilio.twiml import (
    Element,
    TwimlError,
    Warned,
    media_address,
    page_address,
)

__all__ = [
    "ConnectStream",
    "Start",
    "Stop",
    "callback",
    "not_performed",
    "parameters",
    "socket_address",
]

MAX_PARAMETER = 500  # name and value, each; exclusive
_TRACKS: tuple[Track, ...] = ("inbound_track", "outbound_track", "both_tracks")
_UNIDIRECTIONAL = 4  # tracks a call, streams and their like together


class ConnectStream(Verb):
    """Hands the call's audio to the agent until the agent's server closes the socket.

    Then comes the ``action``, else the next verb; without one the call ends.
    """

    def __init__(self, stage: Stage, connect: Element, stream: Element) -> None:
        super().__init__(stage)
        self._stream = stream
        self._connect = connect
        self._deadline: float | None = None
        self._open = False

    def begin(self, now: float) -> None:
        """Order the stream."""
        self._after = after(self.stage, self._connect, code="12200")
        try:
            order = _stream_order(self.stage, self._stream, bidirectional=True)
        except TwimlError as error:
            self.stage.fail(error.code, str(error))
            self._end(str(error))
            return
        self._deadline = now + self.stage.settings.open_patience
        self._open = True
        self.stage.order(OpenStream(order))

    def told(self, event: Event, now: float) -> None:
        """Go on when the stream has ended."""
        match event:
            case StreamOpened():
                self._deadline = None
            case StreamEnded(code, text):  # the stream itself noted it
                self._end(text if code else "")

    def next_timer(self) -> float | None:
        """Return until when the socket may take to open."""
        return self._deadline

    def on_timer(self, now: float) -> None:
        """Give up on a socket that does not open."""
        seconds = self.stage.settings.open_patience
        self.stage.order(StopStream(bidirectional=True))
        text = f"the media socket did not open within {seconds:g} s"
        self.stage.fail("31901", text)
        self._end(text)

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Stop the stream; the end of a call stops it anyway."""
        if self._open and not hung_up:
            self.stage.order(StopStream(bidirectional=True))

    def _end(self, cause: str) -> None:
        self._deadline, self._open = None, False
        outcome = self._after(())
        self.outcome = NextVerb(cause) if isinstance(outcome, NextVerb) else outcome


class Start(Verb):
    """Starts what runs beside the document, and does not wait for it."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element

    def begin(self, now: float) -> None:
        """Start each noun."""
        for noun in self._element.children:
            if noun.name == "Stream":
                self._start_stream(noun)
            elif noun.name == "Recording":
                self._start_recording(noun)
            else:
                not_performed(self.stage, noun, "Start")
        super().begin(now)

    def _start_stream(self, noun: Element) -> None:
        stage = self.stage
        try:
            order = _stream_order(stage, noun, bidirectional=False)
        except TwimlError as error:
            stage.fail(error.code, str(error))
            return
        name = order.name or f"unnamed {len(stage.tracks)}"
        if name in stage.tracks:
            text = f"the call has a stream named {name[:60]!r}; this one fails"
            stage.fail("stream_name", text)
            return
        tracks = 2 if order.track == "both_tracks" else 1
        if sum(stage.tracks.values()) + tracks > _UNIDIRECTIONAL:
            text = f"more than {_UNIDIRECTIONAL} unidirectional tracks in one call"
            stage.fail("stream_tracks", text)
            return
        stage.tracks[name] = tracks
        stage.order(OpenStream(order))

    def _start_recording(self, noun: Element) -> None:
        name = "recordingStatusCallback"
        address = callback(self.stage, noun, name)
        chosen = method(self.stage, noun, f"{name}Method", code="12200")
        self.stage.order(StartRecording(address, chosen))


class Stop(Verb):
    """Stops unidirectional streams by their names."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element

    def begin(self, now: float) -> None:
        """Stop each noun."""
        stage = self.stage
        for noun in self._element.children:
            name = noun.attributes.get("name", "")
            if noun.name != "Stream":
                not_performed(stage, noun, "Stop")
            elif name in stage.tracks:
                del stage.tracks[name]
                stage.order(StopStream(name))
            else:
                stage.warn("12200", f"<Stop><Stream name={name[:60]!r}>: no such one")
        super().begin(now)


def not_performed(stage: Stage, noun: Element, verb: str = "") -> None:
    """Note that Twilio would do something which this fake does not."""
    where = f"<{verb}>" if verb else ""
    stage.warn("not_performed", f"{where}<{noun.name}> is not performed by this fake")


def socket_address(stage: Stage, noun: Element) -> str:
    """Return the address of a socket that a noun names.

    Raises:
        TwimlError: it cannot be dialled.
    """
    warnings: list[Warned] = []
    settings = stage.settings
    written = noun.attributes.get("url", "")
    url = media_address(written, stage.url, warnings, noun=noun.name)
    if url.startswith("ws:"):
        if settings.strict_scheme:
            text = f"wrong scheme: {noun.name} url {written!r} must be wss://"
            raise TwimlError("31922", text)
        text = f"{noun.name} url {url!r}: Twilio takes wss:// alone"
        stage.warn("plain_ws", text)
    for warned in warnings:
        if settings.strict_query:
            raise TwimlError(warned.code, f"{noun.name} url {written!r} has a query")
        stage.warn(warned.code, warned.text)
    return url


def parameters(stage: Stage, noun: Element) -> dict[str, str]:
    """Return the custom parameters of a noun; those over the limit are left out."""
    found: dict[str, str] = {}
    for child in noun.children:
        if child.name != "Parameter":
            continue
        name = child.attributes.get("name", "")
        value = child.attributes.get("value", "")
        if max(len(name), len(value)) >= MAX_PARAMETER:
            text = (
                f"parameter {name[:40]!r}: name and value must be under 500 characters"
            )
            stage.warn("12200", text)
            continue
        found[name] = value
    return found


def _stream_order(stage: Stage, noun: Element, *, bidirectional: bool) -> StreamOrder:
    """Return what a noun orders.

    Raises:
        TwimlError: such a stream cannot be had.
    """
    written = noun.attributes.get("track", "").strip()
    if bidirectional and written not in ("", "inbound_track"):
        text = f"bad TwiML: <Connect><Stream track={written[:40]!r}>"
        raise TwimlError("31941", f"{text}, only inbound_track works")
    url = socket_address(stage, noun)
    track: Literal["inbound_track", "outbound_track", "both_tracks"] = "inbound_track"
    chosen = choice(stage, noun, "track", track, among=_TRACKS, code="12200")
    track = next(known for known in _TRACKS if known == chosen)
    return StreamOrder(
        url,
        parameters(stage, noun),
        noun.attributes.get("name", "").strip(),
        track,
        callback(stage, noun, "statusCallback"),
        method(stage, noun, "statusCallbackMethod", code="12200"),
        bidirectional,
    )


def callback(stage: Stage, noun: Element, name: str) -> str:
    """Return a callback's address, which must be absolute; empty when there is none."""
    written = noun.attributes.get(name, "").strip()
    if not written:
        return ""
    try:
        return page_address(written, "")
    except TwimlError as error:
        stage.warn(error.code, f"{name} of <{noun.name}>: {error}")
        return ""
