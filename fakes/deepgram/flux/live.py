"""One connection of Flux transcription, ``/v2/listen``, without socket and clock.

Everything is answered in the order in which it came, so that ``sequence_id`` counts
without a gap whatever the delays are
(https://developers.deepgram.com/reference/speech-to-text/listen-flux).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, Struct

from fakes.deepgram.ear.audio_form import AudioForm
from fakes.deepgram.ear.backlog import Backlog
from fakes.deepgram.ear.hearing import Hearing, SpokenWord
from fakes.deepgram.errors import Refusal
from fakes.deepgram.flux.printing import flux_words
from fakes.deepgram.flux.query import (
    MULTILINGUAL,
    FluxQuery,
    configured,
    parse_flux,
)
from fakes.deepgram.flux.turns import Event, TurnEvent, Turns
from fakes.deepgram.outbox import Ended, Outbox, Outgoing, Said
from fakes.deepgram.surface import Opening
from fakes.faults import LateFinal, NoFinal
from fakes.speech import FrameCode
from voiceutils.errors import WireError
from voiceutils.mulaw import seconds_of
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_flux import (
    CloseStream,
    Configure,
    ConfigureFailure,
    ConfigureSuccess,
    Connected,
    FluxError,
    FluxWarning,
    ForceEndTurn,
    TurnInfo,
    decode_from_client,
)
from voiceutils.wire.deepgram_listen import f32

__all__ = ["Flux", "open_flux"]

_NO_CODE = 1005  # of a close frame without payload
_NO_TURN = "Received ForceEndTurn while no turn was active; the request was ignored."
# Only the codes of the last two are known.
_PENDING = "An earlier Configure is still being processed."
_JUNK = "Text message received from client did not match any of the formats we expect."
_IDLE = "No message was received from the client within the timeout window."


def open_flux(opening: Opening) -> Flux | Refusal:
    """Open a connection, or say why not."""
    query = parse_flux(opening.pairs, opening.settings)
    return query if isinstance(query, Refusal) else Flux(query, opening)


class Flux:
    """The state of one connection.

    Args:
        query: what the client asked for.
        opening: of the connection; :class:`NoFinal` (no EndOfTurn by itself) and
            :class:`LateFinal` count.
    """

    def __init__(self, query: FluxQuery, opening: Opening) -> None:
        fault = opening.fault
        self._query = query
        self._settings = opening.settings
        self._request_id = opening.request_id
        self._final_delay = fault.seconds if isinstance(fault, LateFinal) else 0.0
        self._form = AudioForm(query.encoding, query.sample_rate, 1)
        self._ear = Hearing(opening.settings.speech)
        self._delay = opening.delays(opening.settings.flux_delay, "flux")
        self._turns = Turns(
            query.thresholds, opening.settings, ends=not isinstance(fault, NoFinal)
        )
        self._backlog = Backlog(opening.settings.listen_pace, opening.now)
        self._outbox = Outbox()
        self._sequence = 0
        self._answered_until = self._last_input = opening.now
        self._configure_due = opening.now
        self._closing = False
        self._say(lambda number: Connected(self._request_id, number), opening.now)
        self._outbox.release(opening.now)

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
        elif self._settings.flux_empty_frame_closes:
            self._close_stream(now)
        self._outbox.release(now)

    def pinged(self, now: float) -> None:
        """Take note of a ping: it keeps the connection."""
        self._last_input = max(self._last_input, now)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        return self._outbox.take()

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return self._ear.take_codes()

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        due = self._outbox.next_due
        if self.ended or self._closing:
            return due
        return self._idle_limit if due is None else min(due, self._idle_limit)

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        if not self.ended and not self._closing and now >= self._idle_limit:
            self._fail("INACTIVE_CLIENT", _IDLE, self._idle_limit)
        self._outbox.release(now)

    @property
    def ended(self) -> bool:
        """Whether the close frame was given out."""
        return self._outbox.ended

    @property
    def _idle_limit(self) -> float:
        return self._last_input + self._settings.flux_idle_timeout

    # --- audio -------------------------------------------------------------------

    def _receive_audio(self, audio: bytes, now: float) -> None:
        for phone_audio in self._form.convert(audio):
            self._backlog.add(seconds_of(phone_audio), now)
            for moment in self._ear.hear(phone_audio):
                for event in self._turns.hear(moment, self._ear.sounding):
                    self._say_event(event, self._heard(now))

    def _heard(self, now: float) -> float:
        """Return when an answer to the audio so far is due."""
        return max(now, self._backlog.heard_until) + self._delay()

    def _say_event(self, event: TurnEvent, due: float) -> None:
        ends = event.event is Event.END
        if ends and event.trigger != "manual":
            due += self._final_delay
        self._say(
            lambda number: self._turn_info(event, number),
            due,
            final=event.words if ends else None,
        )

    def _turn_info(self, event: TurnEvent, number: int) -> TurnInfo:
        hints = self._query.language_hints
        several = self._query.model == MULTILINGUAL
        times = self._settings.flux_word_times
        words = flux_words(event.words, self._query, times=times)
        return TurnInfo(
            request_id=self._request_id,
            sequence_id=number,
            event=event.event.value,
            turn_index=event.turn,
            audio_window_start=f32(event.start),
            audio_window_end=f32(event.end),
            transcript=" ".join(word.word for word in words),
            words=words,
            end_of_turn_confidence=round(event.confidence, 4),
            trigger=event.trigger or UNSET,
            languages=("en",) if several and event.words else UNSET,
            languages_hinted=hints if several and hints else UNSET,
        )

    # --- text --------------------------------------------------------------------

    def _receive_text(self, text: str, now: float) -> None:
        try:
            message = decode_from_client(text)
        except WireError:
            message = Unknown("", text)
        match message:
            case ForceEndTurn():
                self._force_end(now)
            case CloseStream():
                self._close_stream(now)
            case Configure():
                self._configure(message, now)
            case Unknown():
                self._fail("UNPARSABLE_CLIENT_MESSAGE", _JUNK, now)

    def _force_end(self, now: float) -> None:
        due = self._heard(now) if self._ear.received else now
        for event in self._turns.force_end():
            self._say_event(event, due)
            return
        self._say(
            lambda number: FluxWarning(
                "FORCE_END_TURN_NO_ACTIVE_TURN", _NO_TURN, self._request_id, number
            ),
            due,
        )

    def _close_stream(self, now: float) -> None:
        due = self._heard(now) if self._ear.received else now
        for event in self._turns.finish(list(self._ear.finish())):
            self._say_event(event, due)
        self._end(due)

    # --- configuration -----------------------------------------------------------

    def _configure(self, change: Configure, now: float) -> None:
        """Apply all of it or nothing; one at a time."""
        after = configured(self._query, change, self._settings)
        if now < self._configure_due:
            after = "CONFIGURE_ALREADY_PENDING", _PENDING
        if not isinstance(after, FluxQuery):
            code, problem = after
            self._say(
                lambda number: ConfigureFailure(
                    request_id=self._request_id,
                    sequence_id=number,
                    code=code,
                    description=problem,
                ),
                now,
            )
            return
        self._query, self._turns.thresholds = after, after.thresholds
        hints = after.language_hints if after.model == MULTILINGUAL else UNSET
        self._say(
            lambda number: ConfigureSuccess(
                request_id=self._request_id,
                thresholds=after.thresholds,
                keyterms=after.keyterms,
                language_hints=hints,
                numerals=after.numerals,
                sequence_id=number,
            ),
            now,
        )
        self._configure_due = self._answered_until

    # --- what waits to be sent ---------------------------------------------------

    def _say(
        self,
        message: Callable[[int], Struct],
        due: float,
        final: tuple[SpokenWord, ...] | None = None,
    ) -> None:
        self._answered_until = max(due, self._answered_until)
        text = encode(message(self._sequence))
        self._outbox.put(Said(text, final), self._answered_until)
        self._sequence += 1

    def _fail(self, code: str, problem: str, now: float) -> None:
        self._say(lambda number: FluxError(number, code, problem), now)
        self._end(now)

    def _end(self, due: float) -> None:
        self._outbox.put(Ended(_NO_CODE, ""), max(due, self._answered_until))
        self._closing = True
