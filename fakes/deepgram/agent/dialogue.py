"""The conversation once Settings are applied: turns, thoughts, function calls, speech.

The order of messages in a turn is that of the live service: the user's text, its
History, EndOfThought, then text and History of each sentence of the reply, the first
one followed by AgentStartedSpeaking and audio, and AgentAudioDone after the last byte
(https://developers.deepgram.com/docs/voice-agent-message-flow).
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from msgspec import Struct

from fakes.deepgram.agent.complaints import (
    DURING_AGENT_SPEECH,
    DURING_USER_SPEECH,
    FUNCTION_FAILED,
    NO_FORCED_END,
    NO_SPEECH,
    SLOW_SPEAK,
    SLOW_THINK,
    Complaint,
)
from fakes.deepgram.agent.ear import Ear, UserBegan, UserTurn
from fakes.deepgram.agent.functions import call_id, calls_for, words_of_answer
from fakes.deepgram.agent.mouth import Mouth, Reply
from fakes.deepgram.agent.pending import PendingCalls
from fakes.deepgram.agent.terms import Terms
from fakes.deepgram.agent.user_turn import turn_of_user
from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.outbox import Outgoing, Said
from fakes.deepgram.surface import Opening
from fakes.faults import EmptyAudio
from fakes.llm.replies import reply_for
from fakes.speech import FrameCode
from voiceutils.wire import encode
from voiceutils.wire.deepgram_agent import (
    AgentAudioDone,
    AgentWarning,
    FunctionCallRequest,
    History,
    InjectionRefused,
    UserStartedSpeaking,
)
from voiceutils.wire.deepgram_agent_commands import FunctionCallResponse

__all__ = ["Dialogue"]

FAILED = "I am sorry, I could not find that out."
HOLD_ON = "One moment, please."


class _Thought(NamedTuple):
    """The model at work; ``answer`` is what it makes of function calls, if any."""

    asked_at: float
    said: str
    due: float
    answer: str | None = None


class Dialogue:
    """What is said between one user and the agent.

    Args:
        terms: what the Settings came to; ``terms`` may be replaced on the way.
        opening: of the connection.
        now: when it begins.
    """

    def __init__(self, terms: Terms, opening: Opening, now: float) -> None:
        self.terms = terms
        self._speech_delay = opening.delays(opening.settings.speech_delay, "speech")
        self._think_delay = opening.delays(opening.settings.agent.think_delay, "think")
        self._ways = opening.settings.agent
        self._note = opening.note
        self._no_audio = isinstance(opening.fault, EmptyAudio)
        self._ear = Ear(terms.input, opening, now)
        self._mouth = Mouth(terms.output, opening, history=terms.history)
        self._ids = (call_id(opening.request_id, n) for n in itertools.count(1))
        self._user_speaks = False
        self._thought: _Thought | None = None
        self._calls: PendingCalls | None = None
        self._slow: tuple[float, Complaint] | None = None
        self._done_owed = False
        self._ready: list[Outgoing] = []

    def greet(self, now: float) -> None:
        """Say the greeting, if there is one."""
        if self.terms.greeting.split():
            self._speak(Reply(self.terms.greeting), now)

    @property
    def next_due(self) -> float | None:
        """When :meth:`step` has something to do; None when nothing is on its way."""
        dues = [
            self._ear.next_due,
            self._mouth.next_due,
            self._thought.due if self._thought else None,
            self._calls.next_due if self._calls else None,
            self._slow[0] if self._slow else None,
        ]
        return min((due for due in dues if due is not None), default=None)

    def is_due(self, now: float) -> bool:
        """Whether :meth:`step` has something to do by now."""
        return _is_due(self.next_due, now)

    def step(self, now: float) -> None:
        """Do what is due by ``now``; the caller comes at each moment in order."""
        if _is_due(self._ear.next_due, now):
            heard = self._ear.pop()
            if isinstance(heard, UserBegan):
                self._user_began(now)
            else:
                self._user_turn(heard, now)
        elif self._slow is not None and self._slow[0] <= now:
            _, complaint = self._slow
            self._slow = None
            self._warn(complaint)
        elif self._thought is not None and self._thought.due <= now:
            self._think(self._thought, now)
        elif self._calls is not None and _is_due(self._calls.next_due, now):
            self._end_calls(self._calls, now)
        else:
            self._ready += self._mouth.step(now)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        ready, self._ready = self._ready, []
        return ready

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return self._ear.take_codes()

    def end(self) -> list[Outgoing]:
        """Return the cuts of what will never be sent."""
        return self._mouth.cut()[0]

    # --- the user --------------------------------------------------------------------

    def hear(self, audio: bytes, now: float) -> bool:
        """Listen to the user; returns whether the audio was of the right form."""
        self._ear.hear(audio, now)
        return self._ear.decodable

    def force_end_of_turn(self, now: float) -> None:
        """End the user's turn, with a recogniser that can."""
        if self.terms.listen.version == "v2":
            self._ear.end_turn(now)
        else:
            self._warn(NO_FORCED_END)

    def inject_user(self, content: str, now: float) -> None:
        """Take this as what the user said."""
        if self._user_speaks:
            self._refuse(DURING_USER_SPEECH)
        elif len(content) > self._ways.injection_limit or not content.split():
            self._say(InjectionRefused("The message is empty or too long."))
        else:
            self._interrupt()
            self._user_said(" ".join(content.split()), (), now)

    def _user_began(self, now: float) -> None:
        self._user_speaks = True
        self._say(UserStartedSpeaking())
        self._interrupt()

    def _user_turn(self, turn: UserTurn, now: float) -> None:
        self._user_speaks = False
        if turn.words:
            self._user_said(turn.text, turn.words, now)
        self._pay_done()

    def _user_said(self, text: str, words: tuple[SpokenWord, ...], now: float) -> None:
        self._ready += turn_of_user(text, words, self.terms, self._ways)
        self._pay_done()
        self._begin_thought(now, text, now)

    def _interrupt(self) -> None:
        """Stop thinking, calling and speaking: the user has the word."""
        self._thought = self._slow = None
        if self._calls is not None:
            self._say(self._calls.cancelled())
            self._calls = None
        cut, begun = self._mouth.cut()
        self._ready += cut
        self._done_owed |= begun

    def _pay_done(self) -> None:
        """Send AgentAudioDone of a reply that was cut."""
        if self._done_owed and self._ways.done_when_cut:
            self._say(AgentAudioDone())
        self._done_owed = False

    # --- the agent --------------------------------------------------------------------

    def inject_agent(self, message: str, behavior: str, now: float) -> None:
        """Say this, now or in its turn."""
        at_work = self._mouth.busy or bool(self._thought or self._calls)
        if len(message) > self._ways.injection_limit or not message.split():
            self._say(InjectionRefused("The message is empty or too long."))
        elif self._mouth.full:
            self._say(InjectionRefused("Too many messages wait to be said."))
        elif behavior == "default" and self._user_speaks:
            self._refuse(DURING_USER_SPEECH)
        elif behavior == "default" and at_work:
            self._refuse(DURING_AGENT_SPEECH)
        else:
            if behavior == "interrupt":
                self._interrupt()
                self._pay_done()
            self._speak(Reply(message), now)

    def inject_dynamic(self, behavior: str, now: float) -> None:
        """Say something that fits."""
        if not self.terms.think_live:
            self._say(InjectionRefused("`is_dynamic` requires agent.think_live."))
        else:
            self.inject_agent(HOLD_ON, behavior, now)

    def _begin_thought(
        self, asked_at: float, said: str, now: float, answer: str | None = None
    ) -> None:
        delay = self._think_delay()
        self._thought = _Thought(asked_at, said, now + delay, answer)
        if delay > self._ways.slow_after:
            self._slow = (now + self._ways.slow_after, SLOW_THINK)

    def _think(self, thought: _Thought, now: float) -> None:
        """The model answers: with a call of functions or with words."""
        self._thought = None
        if thought.answer is not None:
            self._speak(Reply(thought.answer, thought.asked_at), now)
            return
        calls = calls_for(self.terms.functions, thought.said, self._ids)
        if calls:
            self._say(FunctionCallRequest(calls))
            deadline = now + self._ways.function_timeout
            self._calls = PendingCalls(calls, thought.asked_at, now, deadline)
        else:
            self._speak(Reply(reply_for(thought.said), thought.asked_at), now)

    def _speak(self, reply: Reply, now: float) -> None:
        delay = self._speech_delay()
        if delay > self._ways.slow_after and not self._mouth.busy:
            self._slow = (now + self._ways.slow_after, SLOW_SPEAK)
        if self._no_audio:
            self._warn(NO_SPEECH)
        timed = reply._replace(tts=delay, stt=self._ear.last_delay)
        self._mouth.say(timed, now + delay)

    # --- functions --------------------------------------------------------------------

    def function_answered(self, response: FunctionCallResponse, now: float) -> bool:
        """Take the answer of a function; returns whether there is such a function.

        An answer that nobody waits for any more is ignored.
        """
        if response.name not in [function.name for function in self.terms.functions]:
            return False
        delay = self._ways.function_response_delay
        if self._calls is None or not self._calls.answer(response, now + delay):
            self._note(f"a response to a call that is not open: {response.name[:60]}")
        return True

    def _end_calls(self, calls: PendingCalls, now: float) -> None:
        """Every function answered, or will not any more: think about it."""
        self._calls = None
        for name, reason in calls.failures():
            self._warn(FUNCTION_FAILED.about(name, reason))
        made = calls.made()
        if made and self.terms.history:
            self._say(History(function_calls=made))
        answers = [words_of_answer(call.response) for call in made]
        answer = " ".join(filter(None, answers)) or FAILED
        self._begin_thought(calls.asked_at, "", now, answer)

    # --- what is said --------------------------------------------------------------

    def _say(self, message: Struct) -> None:
        self._ready.append(Said(encode(message)))

    def _warn(self, complaint: Complaint) -> None:
        self._say(AgentWarning(complaint.description, complaint.code))

    def _refuse(self, complaint: Complaint) -> None:
        if self._ways.injection_answer == "Warning":
            self._warn(complaint)
        else:
            self._say(InjectionRefused(complaint.description))


def _is_due(due: float | None, now: float) -> bool:
    return due is not None and due <= now
