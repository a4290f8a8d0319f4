"""One connection of the Voice Agent, ``/v1/agent/converse``; no socket, no clock.

Used like :class:`fakes.deepgram.listen.live.Listening`. Here is what a connection may
do when; what is said in it is :class:`~fakes.deepgram.agent.dialogue.Dialogue`.
"""

from __future__ import annotations

from msgspec import UNSET, Struct

from fakes.deepgram.agent import terms as terms_of
from fakes.deepgram.agent.complaints import (
    BAD_AUDIO,
    BEFORE_SETTINGS,
    NO_MESSAGE,
    NO_SUCH_FUNCTION,
    PROMPT_TOO_LONG,
    SECOND_SETTINGS,
    SOON_TOO_OLD,
    TOO_OLD,
    UNKNOWN_MESSAGE,
    Complaint,
    complaint_of,
    error_message,
    misfit,
)
from fakes.deepgram.agent.dialogue import Dialogue
from fakes.deepgram.agent.terms import Update
from fakes.deepgram.outbox import Ended, Outbox, Outgoing, Said
from fakes.deepgram.surface import Opening
from fakes.speech import FrameCode
from voiceutils.errors import WireError
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_agent import (
    AgentWarning,
    PromptUpdated,
    SettingsApplied,
    Welcome,
)
from voiceutils.wire.deepgram_agent_commands import (
    CustomToThinkProvider,
    ForceEndTurn,
    FromClient,
    FunctionCallResponse,
    InjectAgentMessage,
    InjectUserMessage,
    KeepAlive,
    Settings,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
    decode_from_client,
)

__all__ = ["VoiceAgent", "open_agent"]


MOST_EARLY = 100  # messages that wait for SettingsApplied


def open_agent(opening: Opening) -> VoiceAgent:
    """Open a connection; there is no query that could be wrong."""
    return VoiceAgent(opening)


class VoiceAgent:
    """The state of one connection.

    Args:
        opening: of the connection; faults of listening and of speaking count.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._settings = opening.settings
        self._ways = opening.settings.agent
        self._last_input = opening.now
        self._ready: list[Outgoing] = []
        self._outbox = Outbox()
        self._dialogue: Dialogue | None = None
        self._begins_at: float | None = None
        # What a client sent that did not wait for SettingsApplied.
        self._early: list[FromClient] = []
        self._warns_at: float | None = opening.now + self._ways.session_warning
        self._ends_at = opening.now + self._ways.session_limit
        self.ended = False
        self._welcomed_at = opening.now + self._ways.welcome_delay
        self._say(Welcome(opening.request_id), self._welcomed_at)

    # --- in and out --------------------------------------------------------------

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        self.on_timer(now)
        if self.ended:
            return
        if isinstance(message, str):
            self._receive_text(message, now)
        else:
            self._receive_audio(message, now)
        self.on_timer(now)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        ready, self._ready = self._ready, []
        return ready

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return self._dialogue.take_codes() if self._dialogue else []

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        if self.ended:
            return None
        dues = [
            self._outbox.next_due,
            self._begins_at,
            self._dialogue_due,
            self._warns_at,
            self._ends_at,
            self._last_input + self._settings.input_timeout,
        ]
        return min(due for due in dues if due is not None)

    def on_timer(self, now: float) -> None:
        """Let time pass, moment by moment; harmless when it is early."""
        while not self.ended and (due := self.next_timer()) is not None and due <= now:
            self._do_next(due)

    def _do_next(self, due: float) -> None:
        """Do one thing that is due at this moment."""
        dialogue = self._dialogue
        if self._outbox.release(due):
            self._ready += self._outbox.take()
        elif dialogue and self._begins_at is not None and self._begins_at <= due:
            self._begin(dialogue, due)
        elif dialogue and dialogue.is_due(due) and self._begins_at is None:
            dialogue.step(due)
            self._ready += dialogue.take()
        elif self._warns_at is not None and self._warns_at <= due:
            self._warns_at = None
            self._warn(SOON_TOO_OLD, due)
        elif self._ends_at <= due:
            self._fail(TOO_OLD)
        else:
            self._fail(NO_MESSAGE)

    @property
    def _dialogue_due(self) -> float | None:
        """Nothing is said before the Settings are applied."""
        if self._dialogue is None or self._begins_at is not None:
            return None
        return self._dialogue.next_due

    # --- audio and text -------------------------------------------------------------

    def _receive_audio(self, audio: bytes, now: float) -> None:
        if audio.startswith(b'{"type"'):
            self._opening.note("a command in a binary frame; it is taken for audio")
        self._last_input = now
        if self._dialogue is None:
            self._fail(BEFORE_SETTINGS)
        elif not self._dialogue.hear(audio, now) and (
            self._settings.undecodable == "close" and audio
        ):
            self._fail(BAD_AUDIO)

    def _receive_text(self, text: str, now: float) -> None:
        try:
            message = decode_from_client(text)
        except WireError as error:
            self._fail(complaint_of(error))
            return
        if not isinstance(message, KeepAlive) or self._ways.keepalive_counts:
            self._last_input = now
        if isinstance(message, Unknown):
            self._fail(UNKNOWN_MESSAGE)
        elif self._dialogue is None:
            if isinstance(message, Settings):
                self._apply(message, now)
            else:
                self._fail(BEFORE_SETTINGS)
        elif self._is_early(message):
            self._early.append(message)
        else:
            self._obey(message, self._dialogue, now)
            self._ready += self._dialogue.take()

    def _is_early(self, message: FromClient) -> bool:
        """Whether a message must wait until the Settings are applied."""
        waiting = self._begins_at is not None and len(self._early) < MOST_EARLY
        return waiting and not isinstance(message, Settings)

    def _begin(self, dialogue: Dialogue, now: float) -> None:
        """The Settings are applied: greet, and do what was asked for already."""
        self._begins_at = None
        dialogue.greet(now)
        early, self._early = self._early, []
        for message in early:
            if not self.ended:
                self._obey(message, dialogue, now)
                self._ready += dialogue.take()

    def _apply(self, settings: Settings, now: float) -> None:
        terms = terms_of.read(settings, self._ways)
        if isinstance(terms, Complaint):
            self._fail(terms)
            return
        self._dialogue = Dialogue(terms, self._opening, now)
        due = max(now, self._welcomed_at) + self._ways.update_delay
        self._say(SettingsApplied(), due)
        self._begins_at = due
        self._check_prompt(terms.prompt, due)

    def _obey(self, message: FromClient, dialogue: Dialogue, now: float) -> None:
        match message:
            case Settings():
                self._fail(SECOND_SETTINGS)
            case KeepAlive() | CustomToThinkProvider():
                pass
            case InjectUserMessage(content):
                dialogue.inject_user(content, now)
            case InjectAgentMessage():
                self._inject_agent(message, dialogue, now)
            case FunctionCallResponse(name):
                if not dialogue.function_answered(message, now):
                    self._fail(NO_SUCH_FUNCTION.about(name[:100]))
            case ForceEndTurn():
                dialogue.force_end_of_turn(now)
            case UpdatePrompt(prompt):
                self._update_prompt(prompt, dialogue, now)
            case UpdateListen() | UpdateSpeak() | UpdateThink() | UpdateThinkLive():
                self._update(message, dialogue, now)

    def _inject_agent(
        self, message: InjectAgentMessage, dialogue: Dialogue, now: float
    ) -> None:
        behavior = message.behavior or "default"
        wanted = self._ways.injection_key
        other = "content" if wanted == "message" else "message"
        words = getattr(message, wanted)
        if message.is_dynamic is True:
            dialogue.inject_dynamic(behavior, now)
        elif getattr(message, other) is not UNSET:
            self._fail(misfit(other))
        elif words is UNSET:
            self._fail(misfit(wanted))
        else:
            dialogue.inject_agent(words, behavior, now)

    # --- updates ---------------------------------------------------------------------

    def _update_prompt(self, prompt: str, dialogue: Dialogue, now: float) -> None:
        terms = dialogue.terms
        longer = f"{terms.prompt}\n{prompt}" if terms.prompt else prompt
        if self._check_prompt(longer, now):
            dialogue.terms = terms._replace(prompt=longer)
            self._say(PromptUpdated(), now + self._ways.update_delay)

    def _check_prompt(self, prompt: str, due: float) -> bool:
        """Tell whether a prompt is of a good length; a warning is sent if not."""
        limit = self._ways.prompt_limit
        if len(prompt) <= limit:
            return True
        self._warn(PROMPT_TOO_LONG.about(limit), due)
        return False

    def _update(self, message: Update, dialogue: Dialogue, now: float) -> None:
        changed = terms_of.update(dialogue.terms, message, self._ways)
        if isinstance(changed, Complaint):
            self._fail(changed)
            return
        dialogue.terms, answer = changed
        slow = isinstance(message, UpdateListen)
        delay = self._ways.listen_update_delay if slow else self._ways.update_delay
        self._say(answer, now + delay)

    # --- what is said, and the end -------------------------------------------------

    def _fail(self, complaint: Complaint) -> None:
        """Say what is wrong, and close."""
        error = error_message(complaint, self._ways.error_key)
        if self._dialogue is not None:
            self._ready += self._dialogue.take()
            self._ready += self._dialogue.end()
        self._ready.append(Said(encode(error)))
        self._ready.append(Ended(self._ways.close_code, ""))
        self.ended = True

    def _warn(self, complaint: Complaint, due: float) -> None:
        self._say(AgentWarning(complaint.description, complaint.code), due)

    def _say(self, message: Struct, due: float) -> None:
        self._outbox.put(Said(encode(message)), due)
