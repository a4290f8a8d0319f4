"""Words what one connection has to say: results, events and the epilogue."""

from __future__ import annotations

from fakes.deepgram.listen.answers import (
    Speakers,
    epilogue,
    extra_of,
    identity_of,
    results,
    warnings_of,
)
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.listen.segments import Draft, Onset, Result
from fakes.deepgram.outbox import Said
from fakes.deepgram.surface import Opening
from voiceutils.wire import encode
from voiceutils.wire.deepgram_listen import SpeechStarted, UtteranceEnd, f32

__all__ = ["Scribe"]


class Scribe:
    """Knows the query, the model and who has spoken so far.

    Args:
        query: what the client asked for; may be changed in mid-stream.
        opening: of the connection.
    """

    def __init__(self, query: ListenQuery, opening: Opening) -> None:
        self.query = query
        self._opening = opening
        self._identity = identity_of(query.model)
        self._extra = extra_of(query)
        self._speakers = Speakers()

    def said(self, draft: Draft, channel: tuple[int, int]) -> Said:
        """Return the message of a draft; ``channel`` is its index and their number."""
        if isinstance(draft, Onset):
            return Said(encode(SpeechStarted(channel, f32(draft.at))))
        if isinstance(draft, Result):
            text = results(
                draft,
                self._identity,
                self._opening.request_id,
                self.query,
                speakers=self._speakers,
                channel_index=channel,
                extra=self._extra,
            )
            return Said(text, draft.words) if draft.is_final else Said(text)
        over = self._opening.settings.utterance_end_minus_one and draft.finalised
        at = -1.0 if over else f32(draft.last_word_end)
        return Said(encode(UtteranceEnd(channel, at)))

    def epilogue(self, sha256: str, seconds: float, channels: int) -> str:
        """Return the Metadata message.

        Args:
            sha256: of all bytes received, in hex.
            seconds: of audio heard; 0 when nothing was decoded.
            channels: of the audio.
        """
        return epilogue(
            self._identity,
            self._opening.request_id,
            sha256=sha256,
            created=self._opening.created,
            duration=seconds,
            channels=channels if seconds else 0,
            extra=self._extra,
            warnings=warnings_of(self.query),
        )
