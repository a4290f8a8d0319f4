"""``<ConversationRelay>``: the agent converses in text, Twilio hears and speaks.

https://www.twilio.com/docs/voice/twiml/connect/conversationrelay
"""

from __future__ import annotations

import msgspec

from fakes.twilio.flow.attributes import after
from fakes.twilio.flow.orders import (
    CloseRelay,
    FetchSound,
    Fields,
    OpenRelay,
    Over,
    Send,
    SendRelay,
)
from fakes.twilio.flow.relay_ear import RelayEar
from fakes.twilio.flow.relay_messages import RelayMessages
from fakes.twilio.flow.relay_terms import RelayTerms, relay_terms
from fakes.twilio.flow.relay_voice import Manner, RelayVoice
from fakes.twilio.flow.sounds import tones
from fakes.twilio.flow.stage import (
    Event,
    FetchFailed,
    GoTo,
    NextVerb,
    RelayClosed,
    RelayOpened,
    RelayReceived,
    SoundCame,
    Stage,
    Verb,
)
from fakes.twilio.flow.streams import parameters, socket_address
from fakes.twilio.flow.talk import in_frames
from fakes.twilio.flow.verbs import sound_frames
from fakes.twilio.twiml import Element, TwimlError
from voiceutils.wire import encode
from voiceutils.wire import twilio_relay as wire

__all__ = ["ConversationRelay"]

_CANNOT_OPEN = "64102"
_CLOSED = "64105"
_POLITE = 1000
_ENDLESS = 1000  # times that "loop": 0 means


class ConversationRelay(Verb):
    """One session, from the socket's opening to the ``action``.

    The agent ends it with an ``end`` message or by closing the socket with 1000; any
    other end of the socket fails the call, unless there is an action.
    """

    def __init__(self, stage: Stage, connect: Element, noun: Element) -> None:
        super().__init__(stage)
        self._connect = connect
        self._noun = noun
        self._session = f"VX{stage.chance.getrandbits(128):032x}"
        self._terms: RelayTerms | None = None
        self._deadline: float | None = None  # of the opening
        self._opened_at: float | None = None
        self._sounds: dict[str, float] = {}  # awaited, with their deadlines
        self._messages = RelayMessages()
        self._voice = RelayVoice(stage.new_number)

    def begin(self, now: float) -> None:
        """Order the socket."""
        stage = self.stage
        self._after = after(stage, self._connect, code="12200")
        terms = relay_terms(stage, self._noun)
        if terms is None:
            self._fail(_CANNOT_OPEN, "the session has terms that cannot be had", now)
            return
        self._terms = terms
        try:
            url = socket_address(stage, self._noun)
        except TwimlError as error:
            stage.fail(error.code, str(error))
            self._fail(_CANNOT_OPEN, str(error), now)
            return
        self._ear = RelayEar(terms, self._voice)
        self._deadline = now + stage.settings.open_patience
        stage.order(OpenRelay(url))

    # --- the socket --------------------------------------------------------------

    def told(self, event: Event, now: float) -> None:
        """Take what comes over the socket, and sounds."""
        match event:
            case RelayOpened() if self._opened_at is None:
                self._open(now)
            case RelayReceived(text) if self._opened_at is not None:
                self._receive(text, now)
            case RelayClosed(code):
                self._closed(code, now)
            case SoundCame(url, body, content_type) if url in self._sounds:
                del self._sounds[url]
                frames = sound_frames(self.stage, body, content_type)
                self._voice.came(url, frames)
            case FetchFailed(url, code, text) if url in self._sounds:
                self._no_sound(url, code, text)

    def _open(self, now: float) -> None:
        self._deadline = None
        self._opened_at = now
        self._send(self._setup())
        terms = self._terms
        if terms is not None and terms.greeting:
            manner = Manner(terms.greeting_interruptible)
            self._voice.text(terms.greeting, manner, last=True)

    def _setup(self) -> wire.Setup:
        leg = self.stage.leg
        kind = leg.from_number.partition(":")[0]
        return wire.Setup(
            session_id=self._session,
            account_sid=leg.account_sid,
            parent_call_sid=leg.parent_call_sid,
            call_sid=leg.call_sid,
            from_number=leg.from_number,
            to_number=leg.to_number,
            forwarded_from=leg.forwarded_from,
            call_type={"client": "CLIENT", "sip": "SIP"}.get(kind, "PSTN"),
            caller_name=leg.caller_name,
            direction=leg.direction,
            call_status=self.stage.status.upper(),
            custom_parameters=parameters(self.stage, self._noun),
        )

    def _send(self, message: msgspec.Struct) -> None:
        self.stage.order(SendRelay(encode(message)))

    def _closed(self, code: int, now: float) -> None:
        if self._opened_at is None:
            self._fail(_CANNOT_OPEN, "the relay socket could not be opened", now)
        elif code == _POLITE:
            self.outcome = self._after(self._fields("ended", now))
        else:
            self._fail(_CLOSED, f"the relay socket was closed with {code}", now)

    # --- messages of the agent ---------------------------------------------------

    def _receive(self, text: str, now: float) -> None:
        message = self._messages.read(text)
        if isinstance(message, wire.RelayError):
            text = "a message over the relay socket was not understood"
            self.stage.warn("64107", text, message.description)
            self._send(message)
            if self._messages.hopeless:
                reason = "Too many consecutive malformed messages."
                self.stage.order(CloseRelay(1007, reason))
                self._fail(_CLOSED, reason, now)
            return
        self._obey(message, now)

    def _obey(self, message: wire.FromAgent, now: float) -> None:
        voice = self._voice
        taken = True
        match message:
            case wire.AgentText(token=token, last=last):
                taken = voice.text(token, self._manner(message), last=last)
            case wire.PlayMedia(source=source, loop=loop):
                taken = voice.sound(source, self._manner(message), loop or _ENDLESS)
                if taken:
                    self._fetch(source, now)
            case wire.SendDigits(digits=digits):
                taken = voice.keys(in_frames(tones(digits) or b""))
            case wire.Language(transcription_language=language):
                self._ear.language = language or self._ear.language
            case wire.End(handoff_data=data):
                self.stage.order(CloseRelay(_POLITE))
                fields = self._fields("ended", now)
                if data is not None:
                    fields += (("HandoffData", data),)
                self.outcome = self._after(fields)
        if not taken:
            self.stage.warn("relay_backlog", "too much to say is queued; dropped")

    def _manner(self, message: wire.AgentText | wire.PlayMedia) -> Manner:
        terms = self._terms
        interruptible = terms.interruptible if terms is not None else "any"
        if message.interruptible is not None:
            interruptible = "any" if message.interruptible else "none"
        preemptible = message.preemptible
        if preemptible is None:
            preemptible = terms is not None and terms.preemptible
        return Manner(interruptible, preemptible)

    def _fetch(self, source: str, now: float) -> None:
        if source not in self._sounds:
            self._sounds[source] = now + self.stage.settings.fetch_patience
            self.stage.order(FetchSound(source))

    def _no_sound(self, url: str, code: str, text: str) -> None:
        del self._sounds[url]
        self.stage.fail(code, text)
        self._voice.came(url, [])

    # --- frames ------------------------------------------------------------------

    def frame(self, now: float) -> bytes:
        """Return what the agent says now."""
        return self._voice.frame(now) if self._opened_at is not None else b""

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Tell the agent what the caller says and presses."""
        if self._opened_at is not None:
            for message in self._ear.hear(audio, digits, now):
                self._send(message)

    def next_timer(self) -> float | None:
        """Return until when the socket or a sound is waited for."""
        times = [*self._sounds.values()]
        if self._deadline is not None:
            times.append(self._deadline)
        return min(times, default=None)

    def on_timer(self, now: float) -> None:
        """Give up on the socket or on a sound."""
        if self._deadline is not None and now >= self._deadline:
            self.stage.order(CloseRelay(1001))
            self._fail(_CANNOT_OPEN, "the relay socket did not open in time", now)
            return
        for url in [url for url, until in self._sounds.items() if now >= until]:
            self._no_sound(url, "11205", f"no answer from {url[:200]} to play")

    # --- the end -----------------------------------------------------------------

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Close the socket; after a hang-up, the action learns of it all the same."""
        if self._deadline is None and self._opened_at is None:
            return
        self.stage.order(CloseRelay(_POLITE))
        if hung_up:
            outcome = self._after(self._fields("completed", now))
            if isinstance(outcome, GoTo):
                self.stage.order(Send(outcome.url, outcome.method, outcome.fields))

    def _fields(self, status: str, now: float) -> Fields:
        seconds = 0 if self._opened_at is None else int(now - self._opened_at)
        return (
            ("SessionId", self._session),
            ("SessionStatus", status),
            ("SessionDuration", str(seconds)),
        )

    def _fail(self, code: str, text: str, now: float) -> None:
        self.stage.fail(code, text)
        error = (("ErrorCode", code), ("ErrorMessage", text))
        outcome = self._after((*self._fields("failed", now), *error))
        if isinstance(outcome, NextVerb):
            outcome = Over("completed", text)
        self.outcome = outcome
