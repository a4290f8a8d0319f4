"""One channel of a transcription: what is heard on it, and what is decided of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fakes.deepgram.ear.hearing import Hearing
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.listen.segments import Draft, Result, Segments, segments_for
from fakes.deepgram.settings import DeepgramSettings
from fakes.speech import FrameCode

__all__ = ["Channel"]


class Channel:
    """An ear and the segments of what it hears.

    Args:
        query: what the client asked for.
        settings: how the service behaves.
    """

    def __init__(self, query: ListenQuery, settings: DeepgramSettings) -> None:
        self._ear = Hearing(settings.speech)
        self._segments: Segments = segments_for(query, settings)

    @property
    def received(self) -> int:
        """Bytes of phone audio received."""
        return self._ear.received

    @property
    def seconds(self) -> float:
        """How much audio was received."""
        return self._ear.seconds

    @property
    def unsettled(self) -> float:
        """Seconds of audio that no final covers."""
        return self._ear.seconds - self._segments.final_until

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return self._ear.take_codes()

    def hear(self, audio: bytes) -> Sequence[Draft]:
        """Return what is decided of the audio up to here."""
        moment = self._ear.hear_frame(audio)
        if moment is not None:
            return self._segments.hear(moment, self._ear)
        return list(self._hear_any(audio))

    def settle(self) -> Result | None:
        """End the open segment for Finalize; None when nothing is in it."""
        return self._segments.settle(*self._ear.settle())

    def finish(self) -> Result | None:
        """End the open segment, for no audio follows; None when it is empty."""
        return self._segments.finish(list(self._ear.finish()))

    def _hear_any(self, audio: bytes) -> Iterator[Draft]:
        for moment in self._ear.hear(audio):
            yield from self._segments.hear(moment, self._ear)
