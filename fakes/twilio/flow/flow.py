"""What TwiML makes of one leg of a call, in virtual time.

Documents are fetched by orders and run verb by verb; nothing here opens a socket or
knows a clock. Whoever carries the call asks for a frame every 20 ms while no
bidirectional stream is open, tells what the party said in it, carries out the orders
and reports what came of them. Every wait has a deadline, so that a flow ends even when
its driver falls silent. https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fakes.twilio.flow.documents import Documents
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import Order, Over, Voice
from fakes.twilio.flow.performing import perform
from fakes.twilio.flow.stage import (
    DialAnswered,
    DialEnded,
    Event,
    FetchFailed,
    GoTo,
    Recorded,
    RelayClosed,
    RelayOpened,
    RelayReceived,
    SoundCame,
    Stage,
    StreamEnded,
    StreamOpened,
    Verb,
)
from fakes.twilio.flow.verbs import PlaySound
from fakes.twilio.twiml import Document, Element
from fakes.twilio.web.webhook import CallLeg

__all__ = ["Flow"]

_Status = Literal["completed", "busy", "no-answer", "failed", "canceled"]

_APOLOGY = Element(
    "Say", {}, ("We are sorry. An application error has occurred. Goodbye.",)
)


class Flow:
    """One leg's call as its documents make it.

    Call :meth:`begin` when an incoming leg rings, or when an outgoing one was
    answered; carry out what :meth:`take` returns after each call of a method.

    Args:
        leg: whose call it is.
        voice: where the first document comes from.
        answered: whether the leg was answered already.
        new_number: gives each utterance that Twilio itself speaks a number, by which
            an ear tells it apart.
        settings: knobs.
        seed: decides the sids of sessions.
    """

    __slots__ = (
        *("_documents", "_ending", "_limit", "_settings", "_stage", "_verb", "_verbs"),
        *("is_over",),
    )

    def __init__(
        self,
        leg: CallLeg,
        voice: Voice,
        *,
        answered: bool,
        new_number: Callable[[], int],
        settings: FlowSettings | None = None,
        seed: int | str = 0,
    ) -> None:
        self._settings = settings or FlowSettings()
        self._stage = Stage(
            leg, self._settings, new_number, answered=answered, seed=seed
        )
        self._documents = Documents(self._stage, voice)
        self._verbs: list[Element] = []
        self._verb: Verb | None = None
        self._ending = Over("completed")  # when the verbs are through
        self._limit: float | None = None
        self.is_over = False

    # --- what happens ------------------------------------------------------------

    def begin(self, now: float) -> None:
        """Ask for the first document."""
        self._limit = now + self._settings.time_limit
        self._run(self._documents.begin(now), now)

    def document(self, body: bytes, content_type: str, url: str, now: float) -> None:
        """Take the document that was asked for.

        Args:
            body: of the answer.
            content_type: of the answer.
            url: where it came from in the end, after redirects of HTTP.
            now: seconds, monotonic.
        """
        if not self.is_over and self._documents.asked:
            self._run(self._documents.came(body, content_type, url, now), now)

    def fetch_failed(self, url: str, code: str, text: str, now: float) -> None:
        """Take note that a document or a sound could not be had."""
        # A sound that was given up may fail while a document is waited for.
        for_document = url == self._documents.asked or url not in self._stage.sounds
        if self._documents.asked and for_document:
            if not self.is_over:
                self._run(self._documents.failed(code, text, url, now), now)
        else:
            self._stage.sounds.discard(url)
            self._tell(FetchFailed(url, code, text), now)

    def sound(self, url: str, body: bytes, content_type: str, now: float) -> None:
        """Take a sound that was asked for; ``url`` is that of the order."""
        self._stage.sounds.discard(url)
        self._tell(SoundCame(url, body, content_type), now)

    def stream_opened(self, now: float) -> None:
        """The bidirectional stream is up and carries the call's audio."""
        self._tell(StreamOpened(), now)

    def stream_ended(self, code: str, text: str, now: float) -> None:
        """The bidirectional stream ended, not by us; code "" is a polite end."""
        self._tell(StreamEnded(code, text), now)

    def relay_opened(self, now: float) -> None:
        """The relay socket is up."""
        self._tell(RelayOpened(), now)

    def relay_received(self, text: str, now: float) -> None:
        """A text message came over the relay socket."""
        self._tell(RelayReceived(text), now)

    def relay_closed(self, code: int, now: float) -> None:
        """The relay socket was closed, not by us, or never opened."""
        self._tell(RelayClosed(code), now)

    def dial_answered(self, now: float) -> None:
        """The called leg was answered and is joined with this one."""
        self._tell(DialAnswered(), now)

    def dial_ended(
        self, status: str, call_sid: str, seconds: float, now: float
    ) -> None:
        """The called leg is over, or was never reached."""
        self._tell(DialEnded(status, call_sid, seconds), now)

    def recorded(self, sid: str, url: str, seconds: float, now: float) -> None:
        """The recording of a ``<Record>`` is ready."""
        self._tell(Recorded(sid, url, seconds), now)

    def redirect(self, voice: Voice, now: float) -> None:
        """Abandon the document at once for another one, as a REST update does."""
        if self.is_over:
            return
        self._drop_verbs(now, hung_up=False)
        self._documents.replace(voice)
        self._run(self._documents.begin(now), now)

    def hang_up(
        self, now: float, status: _Status = "completed", cause: str = ""
    ) -> None:
        """The party, or a REST request, ends the call."""
        if not self.is_over:
            self._drop_verbs(now, hung_up=True)
            self._finish(Over(status, cause))

    # --- frames and timers -------------------------------------------------------

    def frame(self, now: float) -> bytes:
        """Return the 160 bytes that the document plays now; b"" when nothing sounds."""
        self.on_timer(now)
        while (verb := self._verb) is not None and not self.is_over:
            audio = verb.frame(now)
            self._advance(now)
            if audio or self._verb is verb:
                return audio
        return b""

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Take what the party said and pressed in this frame."""
        self.on_timer(now)
        if self._verb is not None and not self.is_over:
            self._verb.hear(audio, digits, now)
            self._advance(now)

    def take(self) -> list[Order]:
        """Return the orders given since the last time."""
        return self._stage.take()

    def next_timer(self) -> float | None:
        """Return when :meth:`on_timer` is due; None when nothing is waited for."""
        if self.is_over:
            return None
        verb = self._verb.next_timer() if self._verb is not None else None
        times = (self._limit, self._documents.deadline, verb)
        return min((time for time in times if time is not None), default=None)

    def on_timer(self, now: float) -> None:
        """Act on what is due."""
        if self.is_over:
            return
        if self._limit is not None and now >= self._limit:
            seconds = self._settings.time_limit
            cause = f"the call exceeded its time limit of {seconds:g} s"
            self.hang_up(now, cause=cause)
            return
        deadline = self._documents.deadline
        if deadline is not None and now >= deadline:
            self._run(self._documents.expired(now), now)
            return
        verb = self._verb
        if verb is not None and (due := verb.next_timer()) is not None and now >= due:
            verb.on_timer(now)
            self._advance(now)

    # --- the run -----------------------------------------------------------------

    def _tell(self, event: Event, now: float) -> None:
        if self._verb is not None and not self.is_over:
            self._verb.told(event, now)
            self._advance(now)

    def _run(self, document: Document | Over | None, now: float) -> None:
        """Run a document; apologise instead of one that cannot be had."""
        if document is None:
            return
        self._ending = Over("completed")
        if isinstance(document, Over) and not self._settings.apology:
            self._finish(document)
            return
        if isinstance(document, Over):
            self._ending = document
            document = Document((_APOLOGY,), "")
        self._stage.begin_document(document.url)
        for noted in document.notes:
            self._stage.note(noted)
        self._verbs = list(document.verbs)
        if document.sound is not None:
            self._begin_verb(PlaySound(self._stage, *document.sound), now)
        self._advance(now)

    def _advance(self, now: float) -> None:
        """Go from verb to verb until one takes its time."""
        while not self.is_over and not self._documents.asked:
            if self._verb is not None:
                outcome = self._verb.outcome
                if outcome is None:
                    return
                self._verb = None
                if isinstance(outcome, GoTo):
                    self._verbs.clear()
                    self._run(self._documents.go_to(outcome, now), now)
                    return
                if isinstance(outcome, Over):
                    self._finish(outcome)
                    return
                if outcome.cause:
                    self._ending = Over("completed", outcome.cause)
            if not self._verbs:
                self._stage.answer()
                self._finish(self._ending)
                return
            self._begin_verb(perform(self._stage, self._verbs.pop(0)), now)

    def _begin_verb(self, verb: Verb, now: float) -> None:
        if verb.answers:
            self._stage.answer()
        self._verb = verb
        verb.begin(now)
        if verb.outcome is None:
            self._documents.time_passed()

    def _drop_verbs(self, now: float, *, hung_up: bool) -> None:
        self._verbs.clear()
        if self._verb is not None:
            self._verb.abandon(now, hung_up=hung_up)
            self._verb = None

    def _finish(self, over: Over) -> None:
        self.is_over = True
        self._verb = None
        self._verbs.clear()
        self._stage.order(over)
