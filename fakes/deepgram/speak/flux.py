"""One connection of Flux speech, WebSocket ``/v2/speak``; no socket, no clock.

One turn is active at a time, later ones wait
(https://developers.deepgram.com/docs/flux-tts/state).
"""

from __future__ import annotations

import msgspec

from fakes.deepgram.errors import Refusal
from fakes.deepgram.outbox import Ended, Outgoing, Said
from fakes.deepgram.speak.controls import read_controls, strip_markup
from fakes.deepgram.speak.flux_queue import TurnQueue
from fakes.deepgram.speak.flux_texts import (
    ERRORS,
    PAUSE,
    PRONOUNCED_FAST,
    close_code,
    warning,
)
from fakes.deepgram.speak.line import SpeechLine
from fakes.deepgram.speak.request import (
    SpeakQuery,
    model_uuid,
    parse_speak,
    problem_of_speed,
)
from fakes.deepgram.surface import Opening
from fakes.speech import FrameCode
from voiceutils.errors import WireError
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_speak_flux import (
    Applied,
    Close,
    Configure,
    ConfigureFailure,
    ConfigureSuccess,
    Connected,
    Flush,
    Interrupt,
    Speak,
    SpeakFluxError,
    decode_from_client,
)

__all__ = ["FluxSpeaking", "open_speak_flux"]

MODEL_VERSION = "2026.06.01"


def open_speak_flux(opening: Opening) -> FluxSpeaking | Refusal:
    """Open a connection, or say why not."""
    query = parse_speak(opening.pairs, opening.settings, streaming=True, version="v2")
    return query if isinstance(query, Refusal) else FluxSpeaking(query, opening)


class FluxSpeaking:
    """The state of one connection.

    Args:
        query: the form of speech asked for.
        opening: of the connection.
    """

    def __init__(self, query: SpeakQuery, opening: Opening) -> None:
        self.ended = False
        self._settings = opening.settings
        self._request_id = opening.request_id
        self._line = SpeechLine(query, opening)
        self._line.speed = query.speed
        self._speed_set = query.speed_given
        self._dies_at = opening.now + opening.settings.speak_lifetime
        self._last_input = opening.now
        self._closing = False
        connected = Connected(
            opening.request_id, query.model, MODEL_VERSION, (model_uuid(query.model),)
        )
        self._ready: list[Outgoing] = [Said(encode(connected))]
        self._turns = TurnQueue(self._line, opening, self._ready)

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        self.on_timer(now)
        if self.ended or self._closing:
            return
        self._last_input = now
        if isinstance(message, bytes):
            self._fail("MESSAGE-0000", now)
        elif self._line.too_long(message):
            self._fail("BIG-0000", now)
        else:
            self._obey(message, now)
        self.on_timer(now)

    def pinged(self, now: float) -> None:
        """Take note of a ping: it keeps the session."""
        self._last_input = max(self._last_input, now)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        ready = self._ready[:]
        self._ready.clear()
        return ready

    def take_codes(self) -> list[FrameCode]:
        """Return nothing: a speech service hears nothing."""
        return []

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        if self.ended:
            return None
        limits = [self._dies_at]
        if not self._closing:
            limits.append(self._idle_limit)
        if self._turns.next_due is not None:
            limits.append(self._turns.next_due)
        return min(limits)

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        if self.ended:
            return
        limit = self._dies_at if self._closing else min(self._dies_at, self._idle_limit)
        self._turns.advance(min(now, limit))
        if self._closing and not self._turns.busy:
            self._say(self._turns.session_metadata())
            self._end(1000, "", now)
        elif now >= limit:
            self._fail("NET-0003" if now >= self._dies_at else "NET-0004", now)

    @property
    def _idle_limit(self) -> float:
        return self._last_input + self._settings.flux_idle_timeout

    # --- commands ----------------------------------------------------------------

    def _obey(self, message: str, now: float) -> None:
        try:
            command = decode_from_client(message)
        except WireError:
            self._fail("MESSAGE-0000", now)
            return
        match command:
            case Speak(text):
                self._speak(text, now)
            case Flush():
                self._turns.flush(now)
            case Interrupt(offset):
                played = None if offset is None else offset.value
                self._turns.interrupt(played, now)
            case Configure(speed):
                self._configure(speed)
            case Close():
                self._closing = True
            case Unknown():
                self._fail("DATA-0000", now)

    def _speak(self, raw: str, now: float) -> None:
        said = read_controls(raw)
        problem = said.problem
        if said.pauses:
            problem = PAUSE
        elif said.pronunciations and self._line.speed != 1.0:
            problem = PRONOUNCED_FAST
        if problem:
            self._fail("DATA-0002", now, problem)
            return
        text = said.text
        if self._settings.flux_strips_markup:
            text = strip_markup(text)
        self._turns.add(raw, text, said.pronunciations, now)
        if text != said.text:
            self._warn("INPUT_MARKUP_STRIPPED")

    def _configure(self, speed: float | None) -> None:
        if speed is not None:
            code, problem = problem_of_speed(speed, flux=True)
            fast = speed != 1.0
            if not problem and fast and self._turns.pronounces_later:
                code, problem = "CONTROL_COMBINATION_INVALID", PRONOUNCED_FAST
            if problem:
                self._say(
                    ConfigureFailure(
                        code=code, field="speed", value=speed, description=problem
                    )
                )
                return
            self._line.speed = speed
            self._speed_set = True
        applied = Applied(self._line.speed if self._speed_set else msgspec.UNSET)
        self._say(ConfigureSuccess(applied))

    # --- what is said ------------------------------------------------------------

    def _say(self, message: msgspec.Struct) -> None:
        self._ready.append(Said(encode(message)))

    def _warn(self, code: str) -> None:
        self._say(warning(code))

    def _fail(self, code: str, now: float, problem: str = "") -> None:
        problem = problem or ERRORS[code]
        self._say(SpeakFluxError(code, problem))
        self._end(close_code(code), f"{problem} {code}", now)

    def _end(self, code: int, reason: str, now: float) -> None:
        self._ready += self._line.cut(now)
        self._ready.append(Ended(code, reason))
        self.ended = True
