"""One connection of live transcription, ``/v1/listen``, without socket and clock.

:meth:`Listening.receive` takes what the client sent, :meth:`Listening.take` gives what
is to be sent by now, :meth:`Listening.next_timer` says when to call
:meth:`Listening.on_timer`. ``now`` is monotonic seconds throughout.
"""

from __future__ import annotations

import hashlib
import json

from fakes.deepgram.answers import epilogue, identity_of, results
from fakes.deepgram.audio_form import AudioForm
from fakes.deepgram.errors import NO_ANSWER, NO_INPUT, UNDECODABLE, Refusal
from fakes.deepgram.hearing import Hearing
from fakes.deepgram.outbox import Ended, Outbox, Outgoing, Said
from fakes.deepgram.query import ListenQuery, parse_listen
from fakes.deepgram.segments import Draft, Onset, Result, Segments
from fakes.deepgram.surface import Opening
from fakes.faults import LateFinal, NoFinal
from fakes.speech import FrameCode
from voiceutils.errors import WireError
from voiceutils.mulaw import seconds_of
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_listen import (
    CloseStream,
    Configure,
    Finalize,
    KeepAlive,
    ListenError,
    SpeechStarted,
    UtteranceEnd,
    decode_from_client,
    f32,
)

__all__ = ["Listening", "open_listen"]

_KINDS = "`KeepAlive`, `Finalize`, `CloseStream`, `Configure`, `Sync`"


def open_listen(opening: Opening) -> Listening | Refusal:
    """Open a connection, or say why not."""
    query = parse_listen(opening.pairs, opening.settings)
    return query if isinstance(query, Refusal) else Listening(query, opening)


class Listening:
    """The state of one connection.

    Args:
        query: what the client asked for.
        opening: of the connection; :class:`NoFinal` and :class:`LateFinal` count.
    """

    def __init__(self, query: ListenQuery, opening: Opening) -> None:
        fault = opening.fault
        self._query = query
        self._settings = opening.settings
        self._request_id = opening.request_id
        self._created = opening.created
        self._finals = not isinstance(fault, NoFinal)
        self._final_delay = fault.seconds if isinstance(fault, LateFinal) else 0.0
        self._identity = identity_of(query.model)
        pairs = (pair.partition(":") for pair in query.extra)
        self._extra = {key: value for key, _, value in pairs}
        self._form = AudioForm(
            query.encoding, query.sample_rate, query.channels, split=query.multichannel
        )
        self._ears = [Hearing() for _ in range(self._form.heard_channels)]
        self._segments = [_segments(query) for _ in self._ears]
        self._sha256 = hashlib.sha256()
        # When the audio so far will have been listened to.
        self._heard_until = opening.now
        self._last_input = self._last_answer = opening.now
        self._outbox = Outbox()
        self._closing = False

    # --- in and out --------------------------------------------------------------

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        self.on_timer(now)
        if self.ended or self._closing:
            return
        self._last_input = now
        if isinstance(message, str):
            self._receive_text(message, now)
        elif message:
            self._receive_audio(message, now)
        else:
            # The service takes an empty frame for CloseStream.
            self._close_stream(now)
        self._release(now)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        return self._outbox.take()

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return [code for ear in self._ears for code in ear.take_codes()]

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        due = self._outbox.next_due
        if self.ended or self._closing:
            return due
        limit = min(self._input_limit, self._answer_limit)
        return limit if due is None else min(due, limit)

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        self._release(now)
        if self.ended or self._closing:
            return
        if now >= self._input_limit:
            self._fail("NET-0001", NO_INPUT, now)
        elif now >= self._answer_limit:
            self._fail("NET-0000", NO_ANSWER, now)

    @property
    def ended(self) -> bool:
        """Whether the close frame was given out."""
        return self._outbox.ended

    @property
    def _input_limit(self) -> float:
        return self._last_input + self._settings.input_timeout

    @property
    def _answer_limit(self) -> float:
        return self._last_answer + self._settings.answer_timeout

    # --- audio -------------------------------------------------------------------

    def _receive_audio(self, audio: bytes, now: float) -> None:
        self._sha256.update(audio)
        for index, phone_audio in enumerate(self._form.convert(audio)):
            ear, segments = self._ears[index], self._segments[index]
            if index == 0:
                self._listen(seconds_of(phone_audio), now)
            for moment in ear.hear(phone_audio):
                for draft in segments.hear(moment, ear.sounding):
                    self._draft(draft, index)
        if not self._form.decodable and self._settings.undecodable == "close":
            self._fail("DATA-0000", UNDECODABLE, now, code=1008)

    def _listen(self, seconds: float, now: float) -> None:
        """Account for the time that listening takes: a backlog delays what follows."""
        pace = self._settings.listen_pace
        backlog = self._heard_until + seconds / pace if pace else now
        self._heard_until = max(now, backlog)

    def _draft(self, draft: Draft, index: int) -> None:
        due = self._heard_until + self._settings.recogniser_delay
        channel = (index, len(self._ears))
        if isinstance(draft, Onset):
            message = SpeechStarted(channel, f32(draft.at))
            self._say(encode(message), self._heard_until)
        elif isinstance(draft, Result):
            self._say_result(draft, channel, due)
        else:
            ended = UtteranceEnd(channel, f32(draft.last_word_end))
            self._say(encode(ended), due)

    def _say_result(self, result: Result, channel: tuple[int, int], due: float) -> None:
        if result.is_final and not self._finals:
            return
        text = results(
            result,
            self._identity,
            self._request_id,
            punctuate=self._query.punctuate,
            channel_index=channel,
            extra=self._extra,
        )
        if result.is_final:
            self._outbox.put(Said(text, result.words), due + self._final_delay)
        else:
            self._outbox.put(Said(text), due)

    # --- text --------------------------------------------------------------------

    def _receive_text(self, text: str, now: float) -> None:
        try:
            message = decode_from_client(text)
        except WireError as error:
            self._complain(str(error).partition(": '")[0], text, now)
            return
        match message:
            case KeepAlive():
                if self._settings.keepalive_resets_answer_timeout:
                    self._last_answer = now
            case Finalize(channel):
                self._finalize(channel, now)
            case CloseStream():
                self._close_stream(now)
            case Configure(keyterms):
                self._configure(keyterms, now)
            case Unknown("Sync", raw):
                self._say(raw, now)
            case Unknown(kind):
                expected = f"unknown variant `{kind}`, expected one of {_KINDS}"
                self._complain(expected, text, now)

    def _complain(self, problem: str, text: str, now: float) -> None:
        description = f"Could not deserialize last text message: {problem}"
        self._say(encode(ListenError("SchemaError", description, text)), now)

    def _configure(self, keyterms: tuple[str, ...] | None, now: float) -> None:
        content: dict[str, object] = {"request_id": self._request_id}
        if keyterms is not None and not self._query.model.startswith("nova-3"):
            content["type"] = "ConfigureFailure"
            content["code"] = "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
            content["description"] = "Keyterms are supported for Nova-3 only."
        elif not self._settings.answers_configure:
            return
        else:
            content["type"] = "ConfigureSuccess"
            content.update({} if keyterms is None else {"keyterms": keyterms})
        ordered = {"type": content.pop("type")} | content
        self._say(json.dumps(ordered, separators=(",", ":")), now)

    def _finalize(self, channel: int | None, now: float) -> None:
        enough = self._settings.finalize_answers_from
        for index in range(len(self._ears)):
            if channel in (None, index) and self._pending(index) >= enough:
                self._finish(index, now, from_finalize=True)

    def _pending(self, index: int) -> float:
        """Seconds of audio that no final has covered."""
        return self._ears[index].seconds - self._segments[index].final_until

    def _finish(self, index: int, now: float, *, from_finalize: bool) -> float:
        """End the open segment of a channel; returns when its final is due."""
        due = max(self._heard_until, now) + self._settings.recogniser_delay
        rest = list(self._ears[index].finish())
        result = self._segments[index].finish(rest, from_finalize=from_finalize)
        if result:
            self._say_result(result, (index, len(self._ears)), due)
        return due

    def _close_stream(self, now: float) -> None:
        due = now
        for index in range(len(self._ears)):
            due = self._finish(index, now, from_finalize=False)
        last = max(due if self._ears[0].received else now, self._outbox.last_due)
        self._outbox.put(Said(self._epilogue()), last)
        self._outbox.put(Ended(1000, ""), last)
        self._closing = True

    def _epilogue(self) -> str:
        return epilogue(
            self._identity,
            self._request_id,
            sha256=self._sha256.hexdigest(),
            created=self._created,
            duration=self._ears[0].seconds,
            channels=self._query.channels if self._ears[0].received else 0,
            extra=self._extra,
        )

    # --- what waits to be sent -----------------------------------------------------

    def _fail(self, name: str, reason: str, now: float, code: int = 1011) -> None:
        self._outbox.drop()
        if self._query.debug:
            self._say(encode(ListenError("Closing", reason, name)), now)
        if self._settings.metadata_before_net_close:
            self._say(self._epilogue(), now)
        self._outbox.put(Ended(code, reason), now)
        self._closing = True
        self._release(now)

    def _say(self, text: str, due: float) -> None:
        self._outbox.put(Said(text), due)

    def _release(self, now: float) -> None:
        if self._outbox.release(now):
            self._last_answer = now


def _segments(query: ListenQuery) -> Segments:
    endpointing, gap = query.endpointing, query.utterance_end_ms
    return Segments(
        interims=query.interim_results,
        endpointing=None if endpointing is None else endpointing / 1000,
        word_gap=gap / 1000 if gap is not None and query.interim_results else None,
        onsets=query.vad_events,
    )
