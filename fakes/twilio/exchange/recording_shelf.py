"""Where finished recordings are kept, as many as fit; and those that pause."""

from __future__ import annotations

from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.recording import Recorder, Recording

__all__ = ["RecordingShelf"]

_BYTES_KEPT = 256 * 1024 * 1024


class RecordingShelf:
    """The oldest recordings go when there is no room for a new one."""

    def __init__(self) -> None:
        self._kept: dict[str, Recording] = {}
        self._paused: dict[str, Recorder] = {}
        self._bytes = 0

    def put(self, recording: Recording) -> None:
        """Keep a finished recording."""
        self.forget(recording.sid)
        self._kept[recording.sid] = recording
        self._bytes += _size(recording)
        while self._bytes > _BYTES_KEPT:
            self.forget(next(iter(self._kept)))

    def get(self, sid: str) -> Recording | None:
        """Return a finished recording."""
        return self._kept.get(sid)

    def forget(self, sid: str) -> None:
        """Delete it, if it is there."""
        self._paused.pop(sid, None)
        if gone := self._kept.pop(sid, None):
            self._bytes -= _size(gone)

    def pause(self, leg: Leg, sid: str) -> None:
        """Record nothing for a while; the pause is left out."""
        if leg.recorder is not None:
            self._paused[sid] = leg.recorder
            leg.recorder = None

    def resume(self, leg: Leg, sid: str) -> None:
        """Go on, if it was paused."""
        if recorder := self._paused.pop(sid, None):
            leg.recorder = recorder


def _size(recording: Recording) -> int:
    return len(recording.left) + len(recording.right)
