"""Places a call of a trace again: the same words, keys and waits, to any agent.

A trace may come from anywhere, so what it wants the caller to do is bounded first, and
whom to call is never taken from it. Faults and bad paths are not replayed.
"""

from __future__ import annotations

import math

from fakes.call_record import CallRecord, TurnRecord
from fakes.evidence.trace import CallKept
from fakes.speech.voices import VOICES
from fakes.twilio.caller.conversation_steps import LEVELS, LONGEST_SOUND
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    Sound,
    Voice,
)
from fakes.twilio.caller.sounds import NOISES, SOUNDS
from fakes.twilio.phone import CallOrder, PhoneCall
from voiceutils.errors import SettingError

__all__ = ["beside", "order_of", "place_again"]

MOST_STEPS = 200
LONGEST_TEXT = 500  # characters
LONGEST_WAIT = 120.0  # seconds
LONGEST_CALL = 900.0
MOST_KEYS = 60
_TURN, _CALL = 20.0, 30.0  # seconds: a turn with its reply, and what is around them
_WIDTH = 40


def order_of(kept: CallKept, agent: str, seed: int = 0) -> CallOrder:
    """Return the order for the same call to another agent.

    Raises:
        SettingError: the trace does not say what the caller did, or wants too much.
    """
    steps = kept.record.script
    if not steps:
        number = kept.record.call
        raise SettingError(
            f"call {number} cannot be replayed: the trace does not say what its caller"
            " did; record it anew"
        )
    if len(steps) > MOST_STEPS:
        raise SettingError(f"{len(steps)} steps in one call, {MOST_STEPS} at the most")
    if not 0 <= kept.record.call < 1 << 24:
        raise SettingError(f"caller number {kept.record.call} does not fit 24 bits")
    seconds = _CALL + sum(_check(step) for step in steps)
    return CallOrder(
        agent=agent,
        conversation=tuple(steps),
        call=kept.record.call,
        seed=seed,
        deadline=min(seconds, LONGEST_CALL),
    )


async def place_again(order: CallOrder) -> CallRecord:
    """Place the call; return its record, as of any call."""
    return await PhoneCall(order).run()


def beside(then: CallRecord, now: CallRecord) -> list[str]:
    """Return both calls as lines of a table, turn by turn."""
    form = "{:<6}{:>9}{:>9}  {:<40}  {:<40}"
    head = form.format("turn", "then ms", "now ms", "heard then", "heard now")
    lines = [head.rstrip()]
    count = max(len(then.turns), len(now.turns))
    for number in range(count):
        old, new = (_turn(record, number) for record in (then, now))
        cells = [_gap(old), _gap(new), _heard(old), _heard(new)]
        lines.append(form.format(number + 1, *cells).rstrip())
    lines.append(f"then: {then.outcome} {then.cause}".rstrip())
    lines.append(f"now:  {now.outcome} {now.cause}".rstrip())
    return lines


def _check(step: ConversationStep) -> float:
    """Return how many seconds a step may take; refuse what no script would want."""
    match step:
        case Say(text=text, barge_in_after=after):
            if not 0 < len(text) <= LONGEST_TEXT or not text.isprintable():
                raise SettingError(f"no text that a caller says: {text[:40]!r}")
            return _TURN + _bounded(after)
        case Sound(name=name, seconds=seconds, keys=keys, barge_in_after=after):
            if name not in (*SOUNDS, "keys") or not 0 < (seconds or 1) <= LONGEST_SOUND:
                raise SettingError(f"no sound that a caller makes: {step!r:.100}")
            return LONGEST_SOUND + _check(Press(keys)) + _bounded(after)
        case Around(noise=noise):
            if noise not in ("", *NOISES) or not all(
                low <= (getattr(step, name) or 0.0) <= high
                for name, (low, high) in LEVELS.items()
            ):
                raise SettingError(f"no place where a caller is: {step!r:.100}")
            return 0.0
        case Voice(name=name):
            if name not in VOICES:
                raise SettingError(f"no voice of a caller: {name!r:.40}")
            return 0.0
        case Press(digits=digits):
            if len(digits) > MOST_KEYS or set(digits) - set("0123456789*#"):
                raise SettingError(f"no keys of a telephone: {digits[:40]!r}")
            return 2.0
        case Pause(seconds=seconds):
            return _bounded(seconds)
        case AwaitGreeting(within=within):
            return _TURN + _bounded(within)
        case AwaitHangUp(within=within):
            return _bounded(within)
        case HangUp():
            return 0.0


def _bounded(seconds: float | None) -> float:
    if seconds is None:
        return 0.0
    if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_WAIT:
        raise SettingError(f"a wait of {seconds!r} s; {LONGEST_WAIT:g} at the most")
    return seconds


def _turn(record: CallRecord, number: int) -> TurnRecord | None:
    return record.turns[number] if number < len(record.turns) else None


def _gap(turn: TurnRecord | None) -> str:
    return "-" if turn is None or turn.gap is None else f"{turn.gap * 1000:.0f}"


def _heard(turn: TurnRecord | None) -> str:
    text = turn.heard if turn else ""
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
