"""One connection of live transcription, ``/v1/listen``, without socket and clock.

:meth:`Listening.receive` takes what the client sent, :meth:`Listening.take` gives what
is to be sent by now, :meth:`Listening.next_timer` says when to call
:meth:`Listening.on_timer`. ``now`` is monotonic seconds throughout.
"""

from __future__ import annotations

import hashlib

from msgspec import UNSET

from fakes.deepgram.ear.audio_form import AudioForm
from fakes.deepgram.ear.backlog import Backlog
from fakes.deepgram.ear.channel import Channel
from fakes.deepgram.errors import NO_ANSWER, NO_INPUT, UNDECODABLE, Refusal
from fakes.deepgram.listen.configure import configured, unknown_field
from fakes.deepgram.listen.query import ListenQuery, parse_listen
from fakes.deepgram.listen.scribe import Scribe
from fakes.deepgram.listen.segments import Draft, Onset, Result, WordGap
from fakes.deepgram.outbox import Ended, Outbox, Outgoing, Said
from fakes.deepgram.surface import CodesAt, HeardAt, Opening
from fakes.delays import least
from fakes.faults import LateFinal, NoFinal
from fakes.speech import FrameCode
from voiceutils.errors import WireError
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_listen import (
    CloseStream,
    Configure,
    ConfigureFailure,
    Finalize,
    KeepAlive,
    ListenError,
    Sync,
    decode_from_client,
)

__all__ = ["Listening", "open_listen"]

_KINDS = "`KeepAlive`, `Finalize`, `CloseStream`, `Configure`, `Sync`"


def open_listen(opening: Opening) -> Listening | Refusal:
    """Open a connection, or say why not."""
    query = parse_listen(opening.pairs, opening.settings, opening.note)
    return query if isinstance(query, Refusal) else Listening(query, opening)


class Listening:
    """The state of one connection.

    Args:
        query: what the client asked for.
        opening: of the connection; :class:`NoFinal` and :class:`LateFinal` count.

    Attributes:
        patience: as of :class:`fakes.deepgram.surface.Patient`.
    """

    def __init__(self, query: ListenQuery, opening: Opening) -> None:
        fault = opening.fault
        self._settings = opening.settings
        self._request_id = opening.request_id
        self._scribe = Scribe(query, opening)
        self._finals = not isinstance(fault, NoFinal)
        self._final_delay = fault.seconds if isinstance(fault, LateFinal) else 0.0
        self._recogniser_delay = opening.delays(
            opening.settings.recogniser_delay, "recogniser"
        )
        # The voice detector speaks up at once, and so does a refusal of the audio.
        prompt = query.vad_events or opening.settings.undecodable == "close"
        self.patience = 0.0 if prompt else least(opening.settings.recogniser_delay)
        self._debug = query.debug
        self._form = AudioForm(
            query.encoding, query.sample_rate, query.channels, split=query.multichannel
        )
        self._channels: list[Channel] = []
        self._open_channels(self._form.heard_channels)
        self._note = opening.note
        self._noted_control = self._noted_noise = False
        self._sha256 = hashlib.sha256()
        self._backlog = Backlog(opening.settings.listen_pace, opening.now)
        self._last_input = self._last_answer = opening.now
        self._last_due = opening.now
        self._outbox = Outbox()
        self._closing = False

    # --- in and out --------------------------------------------------------------

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        outbox = self._outbox
        if now >= outbox.due or now >= self._limit():
            self.on_timer(now)
        if self._closing or outbox.ended:
            return
        self._last_input = now
        if isinstance(message, str):
            self._receive_text(message, now)
        elif message[:1] == b"{" and self._is_control(message):
            self._receive_text(message.decode(), now)
        elif message:
            self._receive_audio(message, now)
        else:
            # The service takes an empty frame for CloseStream.
            self._close_stream(now)
        if outbox.due <= now:
            self._release(now)

    def hear_run(self, run: list[HeardAt]) -> list[CodesAt]:
        """Take several audio messages, each as :meth:`receive` would have."""
        heard: list[CodesAt] = []
        usual = self._form.is_phone_audio and not self._closing
        outbox, limit = self._outbox, self._limit()
        for audio, now in run:
            # The usual case of receive, which takes a third of its time to find out.
            if usual and now < outbox.due and now < limit:
                self._last_input = now
                self._hear_phone(audio, now)
            else:
                self.receive(audio, now)
                usual = usual and not self._closing
            codes = self.take_codes()
            if codes:
                heard.append((codes, now))
        return heard

    def _is_control(self, message: bytes) -> bool:
        """Whether a binary frame holds a command and is to be taken for one.

        The service takes every binary frame for audio, and such a frame for noise.
        """
        if not message.startswith(b'{"type"') or not message.isascii():
            return False
        if not self._noted_control:
            self._noted_control = True
            self._note(f"a command in a binary frame: {message[:60].decode()}")
        return self._settings.control_in_binary

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        return self._outbox.take()

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        codes = self._channels[0].take_codes()
        for channel in self._channels[1:]:
            codes = codes + channel.take_codes()
        return codes

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        if self._closing or self._outbox.ended:
            return self._outbox.next_due
        limit, due = self._limit(), self._outbox.due
        return due if due < limit else limit

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        self._release(now)
        if self._closing or self._outbox.ended or now < self._limit():
            return
        if now >= self._last_input + self._settings.input_timeout:
            self._fail("NET-0001", NO_INPUT, now)
        else:
            self._fail("NET-0000", NO_ANSWER, now)

    @property
    def ended(self) -> bool:
        """Whether the close frame was given out."""
        return self._outbox.ended

    @property
    def closing(self) -> bool:
        """Whether the end is decided: what the client sends counts no more."""
        return self._closing

    def _limit(self) -> float:
        """When the service closes for want of input or of an answer."""
        for_input = self._last_input + self._settings.input_timeout
        for_answer = self._last_answer + self._settings.answer_timeout
        return for_input if for_input < for_answer else for_answer

    # --- audio -------------------------------------------------------------------

    def _receive_audio(self, audio: bytes, now: float) -> None:
        if self._form.is_phone_audio:
            self._hear_phone(audio, now)
            return
        self._sha256.update(audio)
        converted = self._form.convert(audio)
        self._open_channels(len(converted))  # as the header of a file told
        self._backlog.add(len(converted[0]) / SAMPLE_RATE, now)
        for index, phone_audio in enumerate(converted):
            for draft in self._channels[index].hear(phone_audio):
                self._draft(draft, index)
        if not self._form.decodable and self._form.is_noise:
            self._hear_noise(now)

    def _hear_phone(self, audio: bytes, now: float) -> None:
        self._sha256.update(audio)
        self._backlog.add(len(audio) / SAMPLE_RATE, now)
        for draft in self._channels[0].hear(audio):
            self._draft(draft, 0)

    def _open_channels(self, count: int) -> None:
        query, settings = self._scribe.query, self._settings
        for _ in range(count - len(self._channels)):
            self._channels.append(Channel(query, settings))

    def _hear_noise(self, now: float) -> None:
        if not self._noted_noise:
            self._noted_noise = True
            self._note("the audio is of no form that this fake decodes")
        if self._settings.undecodable == "close":
            self._fail("DATA-0000", UNDECODABLE, now, code=1008)

    def _draft(self, draft: Draft, index: int) -> None:
        heard = self._backlog.heard_until
        due = heard if isinstance(draft, Onset) else self._due(heard)
        if isinstance(draft, WordGap):
            due += self._settings.utterance_end_delay
        self._put(draft, index, due)

    def _due(self, decided: float) -> float:
        """Return when a result comes; never before the result before it."""
        self._last_due = max(self._last_due, decided + self._recogniser_delay())
        return self._last_due

    def _put(self, draft: Draft, index: int, due: float) -> None:
        if isinstance(draft, Result) and draft.is_final:
            if not self._finals:
                return
            due += self._final_delay
        self._outbox.put(self._scribe.said(draft, (index, len(self._channels))), due)

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
            case Configure():
                self._configure(message, text, now)
            case Sync():
                self._say(encode(message), now)
            case Unknown(kind):
                expected = f"unknown variant `{kind}`, expected one of {_KINDS}"
                self._complain(expected, text, now)

    def _complain(self, problem: str, text: str, now: float) -> None:
        description = f"Could not deserialize last text message: {problem}"
        self._say(encode(ListenError("SchemaError", UNSET, description, text)), now)

    def _configure(self, message: Configure, text: str, now: float) -> None:
        problem = unknown_field(text)
        if problem:
            self._complain(problem, text, now)
            return
        scribe = self._scribe
        scribe.query, answer = configured(message, scribe.query, self._request_id)
        if self._settings.answers_configure or isinstance(answer, ConfigureFailure):
            self._say(encode(answer), now)

    def _finalize(self, channel: int | None, now: float) -> None:
        enough = self._settings.finalize_answers_from
        due = self._due(max(self._backlog.heard_until, now))
        for index, spoken in enumerate(self._channels):
            if channel in (None, index) and spoken.unsettled >= enough:
                result = spoken.settle()
                if result:
                    self._put(result, index, due)

    def _close_stream(self, now: float) -> None:
        due = self._due(max(self._backlog.heard_until, now))
        for index, channel in enumerate(self._channels):
            result = channel.finish()
            if result:
                self._put(result, index, due)
        last = max(due if self._channels[0].received else now, self._outbox.last_due)
        self._outbox.put(Said(self._epilogue()), last)
        self._outbox.put(Ended(1000, ""), last)
        self._closing = True

    def _epilogue(self) -> str:
        sha256, heard = self._sha256.hexdigest(), self._channels[0].seconds
        return self._scribe.epilogue(sha256, heard, self._form.channels)

    # --- what waits to be sent -----------------------------------------------------

    def _fail(self, name: str, reason: str, now: float, code: int = 1011) -> None:
        self._outbox.drop()
        if self._debug:
            self._say(encode(ListenError("Closing", name, reason)), now)
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
