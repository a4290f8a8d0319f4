"""Which verb does what an element says."""

from __future__ import annotations

from collections.abc import Callable

from fakes.twilio.flow.dialling import Dial
from fakes.twilio.flow.gather import Gather
from fakes.twilio.flow.record import Record
from fakes.twilio.flow.relay import ConversationRelay
from fakes.twilio.flow.stage import Stage, Verb
from fakes.twilio.flow.streams import ConnectStream, Start, Stop, not_performed
from fakes.twilio.flow.verbs import Hangup, Pause, Play, Redirect, Reject, Say
from fakes.twilio.twiml import Element

__all__ = ["perform"]


class _Passed(Verb):
    """Something that Twilio would do and this fake does not."""

    answers = False

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element

    def begin(self, now: float) -> None:
        not_performed(self.stage, self._element)
        super().begin(now)


def _connect(stage: Stage, element: Element) -> Verb:
    for noun in element.children:
        if noun.name == "Stream":
            return ConnectStream(stage, element, noun)
        if noun.name == "ConversationRelay":
            return ConversationRelay(stage, element, noun)
        not_performed(stage, noun, "Connect")
    if not element.children:
        stage.warn("12200", "<Connect> holds nothing")
    return Verb(stage)


def _gather(stage: Stage, element: Element) -> Verb:
    return Gather(stage, element, perform)


_VERBS: dict[str, Callable[[Stage, Element], Verb]] = {
    "Connect": _connect,
    "Dial": Dial,
    "Gather": _gather,
    "Hangup": Hangup,
    "Pause": Pause,
    "Play": Play,
    "Record": Record,
    "Redirect": Redirect,
    "Reject": Reject,
    "Say": Say,
    "Start": Start,
    "Stop": Stop,
}


def perform(stage: Stage, element: Element) -> Verb:
    """Return the verb, not yet begun."""
    return _VERBS.get(element.name, _Passed)(stage, element)
