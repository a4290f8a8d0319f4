"""Tapes at random: what callers do, and what providers do to them.

Numbers come from short lists of round values, and what is simple comes first in each
choice, so that a failure shrinks to a tape that reads like a story.
"""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.whole.tape import CALLER, Tape
from fakes import faults
from fakes.faults import Fault
from fakes.speech import number_words
from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    HangUp,
    HangUpHow,
    Pause,
    Press,
    Say,
)

__all__ = ["tapes"]

_TEXTS = (
    "Where is my parcel?",
    "What are your opening hours?",
    "Can you tell me my account balance?",
    f"Hello, this is caller {number_words(CALLER)}.",
)
_seconds = st.sampled_from((0.1, 0.5, 1.0, 2.0, 4.0))
_lengths = st.sampled_from((None, 1.0, 3.0))
_counts = st.integers(1, 4)
_statuses = st.sampled_from((503, 429, 500, 401, 400, 404))
_after_sent = st.integers(0, 6)

_says = st.builds(
    Say,
    st.sampled_from(_TEXTS),
    barge_in_after=st.sampled_from((None, None, 0.3, 0.6, 1.5)),
    reply=st.sampled_from((True, True, True, False)),
)
_pauses = st.builds(Pause, st.sampled_from((0.2, 0.6, 1.5, 3.0, 6.0)))
# Any other number of four digits would be somebody else's.
_numbers = st.sampled_from(("1#", "123", f"{CALLER}#")).map(
    lambda digits: (Press(digits), Pause(6.0))
)


def _alone(step: ConversationStep) -> tuple[ConversationStep, ...]:
    return (step,)


_beginnings = st.sampled_from(((AwaitGreeting(),), (), (Pause(0.6),)))
_middles = st.lists(
    st.one_of(_says.map(_alone), _pauses.map(_alone), _numbers), max_size=4
)
_ENDINGS: tuple[HangUpHow, ...] = ("stop", "close", "reset", "half_open")
_endings = st.sampled_from(_ENDINGS).map(lambda how: (HangUp(how),))
_callers = st.builds(
    lambda beginning, middle, end: (*beginning, *sum(middle, ()), *end),
    _beginnings,
    _middles,
    _endings,
)

_refusals = st.builds(faults.Refuse, _statuses)
# A link that is refused is tried again; what is said or asked next is something else,
# so only here a Retry-After is for sure meant for what comes after it.
_busy = st.builds(faults.Refuse, st.sampled_from((503, 429)), retry_after=st.just(1.0))
_anywhere = (
    st.just(faults.Nothing()),
    _refusals,
    st.builds(faults.Delay, _seconds),
    st.builds(faults.Reset, after=_seconds),
    st.builds(faults.Stall, after=_seconds, seconds=_lengths),
)
_kinds = st.sampled_from(("Results", "SpeechStarted", "UtteranceEnd"))
_of_listen: st.SearchStrategy[Fault] = st.one_of(
    *_anywhere,
    _busy,
    st.builds(faults.Close, code=st.sampled_from((1011, 1000, 1006)), after=_seconds),
    st.builds(faults.Mute, after=_seconds, seconds=_lengths),
    st.builds(faults.HalfOpen, after=_seconds),
    st.builds(faults.Drop, number=_counts, count=_counts, kind=_kinds),
    st.builds(faults.Duplicate, number=_counts, count=_counts, kind=_kinds),
    st.builds(faults.LateFinal, _seconds),
    st.just(faults.NoFinal()),
)
_of_responses = (
    *_anywhere,
    st.builds(faults.Stall, after_sent=_after_sent),
    st.builds(faults.Close, after_sent=_after_sent),
    st.builds(faults.Trickle, st.sampled_from((0.1, 0.5, 1.0))),
)
_of_chat: st.SearchStrategy[Fault] = st.one_of(
    *_of_responses,
    st.builds(faults.Recite, st.sampled_from(("", "No.", "One. Two. Three. Four."))),
    st.just(faults.CallTool()),
)
_of_speak: st.SearchStrategy[Fault] = st.one_of(
    *_of_responses, st.just(faults.EmptyAudio())
)


def _dealt(of_one: st.SearchStrategy[Fault]) -> st.SearchStrategy[tuple[Fault, ...]]:
    """Return no faults at all half of the time, so that much can be expected."""
    some = st.lists(of_one, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.just(()), some)


def tapes() -> st.SearchStrategy[Tape]:
    """Return random tapes."""
    return st.builds(
        Tape,
        caller=_callers,
        listen=_dealt(_of_listen),
        chat=_dealt(_of_chat),
        speak=_dealt(_of_speak),
        seed=st.integers(0, 3),
    )
