"""Makes a failing tape small: whatever the failure does not need is taken out.

Hypothesis draws the tapes, but does not shrink them: of its attempts most led to a tape
that had been played already, and they cost ten times what the playing did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from conformance.whole.tape import Tape
from fakes.faults import Nothing
from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
)

__all__ = ["shrink"]

_SURFACES = ("listen", "chat", "speak")
_PLAIN = Say("Where is my parcel?")


def shrink(tape: Tape, fails: Callable[[Tape], bool], most: int = 100) -> Tape:
    """Return a tape that still fails, from which nothing single can be taken out.

    Args:
        tape: one that fails.
        fails: tells whether another one does, in the same way.
        most: how often to ask.
    """
    asked = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _simpler(tape):
            if asked >= most:
                return tape
            asked += 1
            if fails(candidate):
                tape, smaller = candidate, True
                break
    return tape


def _simpler(tape: Tape) -> Iterator[Tape]:
    """Yield tapes with one thing less, the boldest cuts first."""
    for surface in _SURFACES:
        if getattr(tape, surface):
            yield replace(tape, **{surface: ()})
    if len(tape.caller) > 2:
        yield replace(tape, caller=(AwaitGreeting(), HangUp()))
    for surface in _SURFACES:
        faults = getattr(tape, surface)
        if len(faults) > 1 or faults[:1] == (Nothing(),):
            yield replace(tape, **{surface: faults[:-1]})
        for place, fault in enumerate(faults):
            if fault != Nothing():
                kept = (*faults[:place], Nothing(), *faults[place + 1 :])
                yield replace(tape, **{surface: kept})
    for place, step in enumerate(tape.caller):
        before, after = tape.caller[:place], tape.caller[place + 1 :]
        yield replace(tape, caller=(*before, *after))
        for plainer in _plainer(step):
            yield replace(tape, caller=(*before, plainer, *after))
    if tape.seed:
        yield replace(tape, seed=0)


def _plainer(step: ConversationStep) -> Iterator[ConversationStep]:
    match step:
        case Say(text=text, barge_in_after=barge_in, reply=reply):
            if text != _PLAIN.text:
                yield Say(_PLAIN.text, barge_in, reply)
            if barge_in is not None:
                yield Say(text, None, reply)
            if not reply:
                yield Say(text, barge_in)
        case Pause(seconds=seconds) if seconds > 1.0:
            yield Pause(1.0)
        case Press(digits=digits) if digits != "1#":
            yield Press("1#")
        case HangUp(how=how) if how != "stop":
            yield HangUp()
