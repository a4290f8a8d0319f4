"""One leg of a call: joins who is on the line with whatever carries its audio.

A leg is a :class:`~fakes.twilio.caller.party.Party` itself, so a media stream drives it
as it would drive the caller; on the way it feeds forks, the recording and a bridge, and
loses the frames that the path to Twilio loses. Pure: one call a frame.
"""

from __future__ import annotations

from typing import Protocol

from fakes.twilio.caller.party import Foresight, Heard, Party, Step, foresight_of, live
from fakes.twilio.leg.bridge import BridgeEnd
from fakes.twilio.media.impairments import Loss
from fakes.twilio.media.recording import Recorder, Recording

__all__ = ["Forked", "Leg"]


class Forked(Protocol):
    """What takes a copy of a leg's audio."""

    def hear(self, said: bytes | None, heard: bytes, now: float) -> None:
        """Take one frame of each side.

        Args:
            said: of the party on the line; None for silence.
            heard: what plays to it; empty when nothing does.
            now: monotonic seconds.
        """


class _Nobody:
    def frame(self, heard: bytes, now: float) -> Step:
        return Step()


class Leg:
    """The party of a leg, and all that listens in.

    Attributes:
        loss: what the path from the party to Twilio loses; None: nothing.
        recorder: takes both sides; None: nobody records.
        far: the bridge to another leg; None: not joined.

    Args:
        party: who is on the line.
        loss: see above.
    """

    __slots__ = ("_forks", "_party", "far", "loss", "recorder")

    def __init__(self, party: Party, *, loss: Loss | None = None) -> None:
        self.loss = loss
        self.recorder: Recorder | None = None
        self.far: BridgeEnd | None = None
        self._party = party
        self._forks: list[Forked] = []

    def fork(self, fork: Forked) -> None:
        """Copy both sides to a fork from now on."""
        self._forks.append(fork)

    def unfork(self, fork: Forked) -> None:
        """Copy nothing more to it."""
        if fork in self._forks:
            self._forks.remove(fork)

    def start_recording(self, sid: str) -> str:
        """Record from now on; return the recording's sid, the old one if there is."""
        if self.recorder is None:
            self.recorder = Recorder(sid)
        return self.recorder.sid

    def stop_recording(self) -> Recording | None:
        """Stop recording; return what was recorded."""
        recorder, self.recorder = self.recorder, None
        return None if recorder is None else recorder.finish()

    def vanish(self) -> None:
        """Leave the line open with nobody on it: no sound, no key, no hang-up."""
        self._party = _Nobody()

    @property
    def foresight(self) -> Foresight | None:
        """That of the party; none while anybody listens in, who is not kept waiting.

        What is still to be lived through must be before anybody begins to listen.
        """
        if self.far or self.loss or self.recorder or self._forks:
            return None
        return foresight_of(self._party)

    def live(self, heard: list[Heard]) -> None:
        """Let the party live through frames that it foresaw."""
        live(self._party, heard)

    def frame(self, heard: bytes, now: float) -> Step:
        """Let the party hear a frame and say one."""
        far = self.far
        if not (far or self.loss or self.recorder or self._forks):
            return self._party.frame(heard, now)
        if far is not None:
            heard = far.take() or heard
        step = self._party.frame(heard, now)
        if self.loss is not None and not step.lost:
            step = step._replace(audio=self.loss.conceal(step.audio))
        if far is not None:
            far.put(step.audio)
        if self.recorder is not None:
            self.recorder.frame(None if step.lost else step.audio, heard)
        for fork in self._forks:
            fork.hear(None if step.lost else step.audio, heard, now)
        return step
