"""``<Record>``: what the caller says is recorded and its address sent to ``action``.

https://www.twilio.com/docs/voice/twiml/record
"""

from __future__ import annotations

from fakes.twilio.flow.attributes import after, flag, method, whole
from fakes.twilio.flow.orders import StartRecording, StopRecording
from fakes.twilio.flow.sounds import beep
from fakes.twilio.flow.stage import Event, NextVerb, Recorded, Stage, Verb
from fakes.twilio.flow.streams import callback
from fakes.twilio.flow.talk import Player, in_frames
from fakes.twilio.twiml import Element
from voiceutils.mulaw import is_voiced

__all__ = ["Record"]

_KEYS = "1234567890*#"


class Record(Verb):
    """Records until silence, a key or the longest time; then posts where it is.

    A recording in which nothing was said is not posted, and the next verb comes.
    """

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element
        self._beep = Player(())
        self._quiet_at: float | None = None  # when silence ends the recording
        self._end_at = 0.0
        self._report_by: float | None = None
        self._spoken = False
        self._key = ""

    def begin(self, now: float) -> None:
        """Beep and start."""
        stage, element = self.stage, self._element
        self._after = after(stage, element, code="13610", default=stage.url or None)
        self._timeout = whole(stage, element, "timeout", 5, code="13611", least=1)
        longest = whole(stage, element, "maxLength", 3600, code="13612", least=1)
        self._keys = element.attributes.get("finishOnKey", _KEYS).strip()
        if flag(stage, element, "transcribe", False, code="13614"):
            stage.warn("not_performed", "<Record transcribe> is not performed")
        if flag(stage, element, "playBeep", True, code="13616"):
            self._beep = Player(in_frames(beep()))
        name = "recordingStatusCallback"
        address = callback(stage, element, name)
        chosen = method(stage, element, f"{name}Method", code="13610")
        stage.order(StartRecording(address, chosen))
        self._end_at = now + longest
        self._quiet_at = now + self._timeout

    def frame(self, now: float) -> bytes:
        """Return the beep."""
        return self._beep.frame()

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Notice speech, and the key that ends it."""
        if self._quiet_at is None:
            return
        if audio is not None and is_voiced(audio):
            self._spoken = True
            self._quiet_at = now + self._timeout
        for digit in digits:
            if digit in self._keys:
                self._key = digit
                self._stop(now)
                return

    def next_timer(self) -> float | None:
        """Return when the recording, or the wait for it, is over."""
        if self._quiet_at is not None:
            return min(self._quiet_at, self._end_at)
        return self._report_by

    def on_timer(self, now: float) -> None:
        """Stop recording, or go on without."""
        if self._quiet_at is not None:
            self._stop(now)
            return
        self.stage.warn("recording", "the recording of <Record> was not ready in time")
        self._post("", "", 0.0)

    def told(self, event: Event, now: float) -> None:
        """Post the recording."""
        if isinstance(event, Recorded) and self._report_by is not None:
            self._post(*event)

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Stop recording."""
        if self._quiet_at is not None and not hung_up:
            self.stage.order(StopRecording())

    def _stop(self, now: float) -> None:
        self._quiet_at = None
        self.stage.order(StopRecording())
        if self._spoken or self._key:
            self._report_by = now + self.stage.settings.record_patience
        else:
            self.outcome = NextVerb()

    def _post(self, sid: str, url: str, seconds: float) -> None:
        self._report_by = None
        self.outcome = self._after(
            (
                ("RecordingUrl", url),
                ("RecordingSid", sid),
                ("RecordingDuration", str(round(seconds))),
                ("Digits", self._key),
            )
        )
