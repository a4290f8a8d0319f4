"""What must hold of every call, whatever is on its tape; by the wires alone.

An oracle is a function from a tape and its evidence to complaints. It says nothing
where a fault of the tape excuses what happened, so a complaint always means the agent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from conformance._limits import USUAL
from conformance.whole.evidence import Evidence
from conformance.whole.tape import Tape
from fakes.call_record import TurnRecord, UtteranceHeard
from fakes.faults import HalfOpen, Nothing
from fakes.ledger_entries import Attempt
from fakes.speech import number_words, numbers_in
from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    Pause,
    Press,
    Say,
    expected_reply,
    plain_words,
)

__all__ = ["ORACLES", "Complaint", "judge"]

_SLACK = 0.5  # seconds that a request may need from a decision to the provider's door
_KEYS_TAKE = 4.0  # seconds of silence after a key, from which the number is complete
_ABOUT_ANOTHER_REQUEST = {
    *((surface, "no_backoff") for surface in ("chat", "speak_rest")),
    *((surface, "retry_after_ignored") for surface in ("chat", "speak_rest")),
    ("chat", "permanent_error_retried"),
}
_AGENT_LEFT = "agent "  # how the cause of a call begins that the agent has ended


class Complaint(NamedTuple):
    """One thing that the agent fell short of."""

    oracle: str
    expected: str
    got: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.oracle}: expected {self.expected}; got {self.got}"


_Said = Iterator[tuple[str, str]]
Oracle = Callable[[Tape, Evidence], _Said]


def judge(tape: Tape, evidence: Evidence) -> list[Complaint]:
    """Return every complaint, in the order of :data:`ORACLES`."""
    return [
        Complaint(oracle.__name__, expected, got)
        for oracle in ORACLES
        for expected, got in oracle(tape, evidence)
    ]


# --- whatever happens -----------------------------------------------------------------


def trouble(_: Tape, evidence: Evidence) -> _Said:
    """No crash, no busy loop, no call that never ends."""
    for what in evidence.trouble:
        yield "an agent that goes on", what


def dead_air(tape: Tape, evidence: Evidence) -> _Said:
    """Who waits for an answer hears something, or is hung up on."""
    # An apology that meets a fault of its own takes as long again.
    limit = USUAL.silence * min(2, max(1, _count_faults(tape)))
    record = evidence.record
    expected = f"a sound within {limit:g} s, or the end of the call"
    if record.cause.startswith(("no greeting", "no reply")):
        yield expected, record.cause
    for turn in record.turns:
        if turn.awaited and turn.gap is not None and turn.gap > limit:
            yield expected, f"{turn.gap:.2f} s of silence after turn {turn.turn}"


def foreign(tape: Tape, evidence: Evidence) -> _Said:
    """Nobody hears, or is heard in, somebody else's call."""
    call = evidence.record.call
    # Half a number, or one with keys in it, looks like somebody else's.
    vague = tape.listen or _keys(tape)
    for what in () if vague else evidence.record.foreign:
        yield "words of this call only", what
    for attempt in evidence.attempts:
        others = [other for other in attempt.calls if other != call]
        if others:
            yield f"caller {call} alone on his link", f"callers {others}, too"
        if attempt.echoed:
            yield "the caller's voice only", f"{attempt.echoed} frames of the agent's"


def agent_frames(_: Tape, evidence: Evidence) -> _Said:
    """What is heard of a sentence is heard once, in order, without a hole."""
    for utterance in evidence.record.utterances:
        for what, frames in (("lost", utterance.lost), ("twice", utterance.repeated)):
            if frames:
                yield f"{utterance.text!r} frame by frame", f"{what}: {frames[:8]}"


def marks(_: Tape, evidence: Evidence) -> _Said:
    """Marks have names of their own and return in the order sent."""
    sent, returned = evidence.marks or ([], [])
    if twice := [name for name, times in Counter(sent).items() if times > 1]:
        yield "each mark once", f"{twice} more than once"
    if returned != sent[: len(returned)]:
        yield f"marks {sent}", f"{returned}"


def memory(tape: Tape, evidence: Evidence) -> _Said:
    """The model is told of what the caller has heard, and of nothing else."""
    if _vanishes(tape):  # no mark returns any more, so nothing tells what was heard
        return
    placed = evidence.record.placed_at
    for attempt in evidence.on("chat"):
        told = plain_words(attempt.remembered)
        at = 0
        for utterance in evidence.record.utterances:
            words = plain_words(utterance.text)
            heard = utterance.heard == utterance.frames
            if heard and placed + utterance.last_at <= attempt.at + _SLACK:
                at += len(words) if told[at : at + len(words)] == words else 0
        if at < len(told):
            yield "a memory of what was heard", f"told also {' '.join(told[at:])!r}"


def no_echo_of_questions(tape: Tape, evidence: Evidence) -> _Said:
    """What the caller has said once is answered once."""
    if tape.chat or tape.listen or _keys(tape):
        return
    allowed = Counter(_spoken(turn.said) for turn in evidence.record.turns)
    asked = Counter(_spoken(attempt.said) for attempt in _completions(evidence))
    for words, times in asked.items():
        if times > max(1, allowed[words]):
            yield f"{' '.join(words)!r} asked once", f"{times} times"


def left_open(_: Tape, evidence: Evidence) -> _Said:
    """Nothing stays open when the caller has gone."""
    for attempt in evidence.left_open:
        yield "all closed after the call", f"{attempt.surface} still open"


def after_hang_up(tape: Tape, evidence: Evidence) -> _Said:
    """Nobody works for a caller who has gone."""
    if _vanishes(tape):
        return
    for attempt in evidence.attempts:
        late = attempt.at - evidence.ended_at
        if late > _SLACK:
            yield "no request after the call", f"{attempt.surface} {late:.1f} s after"


def misconduct(tape: Tape, evidence: Evidence) -> _Said:
    """Providers are treated as they ask to be."""
    excused = ("info", "should") if tape.listen else ("info",)
    # What a vanished recogniser does not read it takes for silence.
    deaf = any(isinstance(fault, HalfOpen) for fault in tape.listen)
    for finding in evidence.misconduct:
        unheard = deaf and finding.code == "keepalive_missing"
        # An apology is no second try of the sentence that failed, and who is asked
        # something else asks the model again.
        another = (finding.surface, finding.code) in _ABOUT_ANOTHER_REQUEST
        if finding.level not in excused and not unheard and not another:
            yield f"no {finding.code}", finding.evidence[0].what


def twilio_findings(tape: Tape, evidence: Evidence) -> _Said:
    """Twilio has nothing to complain of."""
    for finding in evidence.record.findings:
        # An agent that cannot go on may close with another code than 1000.
        if finding.code != "31921" or not _count_faults(tape):
            yield "no finding", f"{finding.code} {finding.text}"


# --- where the tape excuses nothing ---------------------------------------------------


def completes(tape: Tape, evidence: Evidence) -> _Said:
    """Without a fault the agent stays until the caller hangs up."""
    if not _count_faults(tape) and evidence.record.cause.startswith(_AGENT_LEFT):
        yield "an agent that stays", evidence.record.cause


def caller_frames(tape: Tape, evidence: Evidence) -> _Said:
    """Every frame of the caller reaches the recogniser once, in order."""
    if tape.listen:
        return
    arrived = {turn.turn: turn for turn in evidence.heard}
    for said in evidence.record.turns:
        turn = arrived.get(said.turn)
        if said.spoke_from is None:
            continue
        if turn is None:
            yield f"{said.said!r} at the recogniser", "nothing of it"
        elif turn.missing or turn.repeated or turn.disordered:
            got = f"missing {turn.missing[:8]}, twice {turn.repeated[:8]}"
            got += f", out of order {turn.disordered}"
            yield f"each frame of {said.said!r} once", got


def cut_short(tape: Tape, evidence: Evidence) -> _Said:
    """A sentence is heard to its end, unless the caller speaks or leaves."""
    if _count_faults(tape) or _keys(tape):
        return
    record = evidence.record
    for utterance in record.utterances:
        leaves = record.duration - utterance.last_at <= _SLACK
        if utterance.cut and not leaves and not _spoken_over(utterance, record.turns):
            got = f"{utterance.heard} of {utterance.frames} frames"
            yield f"{utterance.text!r} whole", got


def barge_in(tape: Tape, evidence: Evidence) -> _Said:
    """Who interrupts is let speak."""
    if tape.listen:
        return
    for turn in evidence.record.turns:
        after = turn.stopped_after
        if after is not None and after > USUAL.barge_in:
            yield f"silence {USUAL.barge_in:g} s after a barge-in", f"{after:.2f} s"


def replies(tape: Tape, evidence: Evidence) -> _Said:
    """The reply to a question is what the model said, in order, once and whole."""
    if _count_faults(tape) or _keys(tape):
        return
    for turn, whole in _plain_turns(tape, evidence):
        expected = plain_words(expected_reply(turn.said) or "")
        heard = plain_words(turn.heard)
        if expected and heard != (expected if whole else expected[: len(heard)]):
            yield f"{' '.join(expected)!r}", f"{' '.join(heard)!r}"


def questions(tape: Tape, evidence: Evidence) -> _Said:
    """The model is asked what the caller said in this turn, and nothing older."""
    if tape.listen or _keys(tape):
        return
    placed = evidence.record.placed_at
    for turn, _ in _plain_turns(tape, evidence):
        until = placed + (turn.reply_at or 0.0)
        asked = [a for a in _completions(evidence) if a.at <= until]
        said = _spoken(turn.said)
        if asked and _spoken(asked[-1].said) != said:
            yield f"the model asked {turn.said!r}", f"{asked[-1].said!r}"


def turn_gap(tape: Tape, evidence: Evidence) -> _Said:
    """Without a fault nobody waits for long."""
    if _count_faults(tape):
        return
    greeting = evidence.record.greeting_after
    if greeting is not None and greeting > USUAL.greeting:
        yield f"a greeting within {USUAL.greeting:g} s", f"{greeting:.2f} s"
    for turn, _ in _plain_turns(tape, evidence):
        # A recogniser that formats holds back a final that ends within a number.
        number = numbers_in(turn.said)
        if turn.gap is not None and turn.gap > USUAL.turn_gap and not number:
            yield f"a reply within {USUAL.turn_gap:g} s", f"{turn.gap:.2f} s"


def keypad(tape: Tape, evidence: Evidence) -> _Said:
    """A number that was keyed in, and time given to it, reaches the model."""
    if _count_faults(tape) or evidence.record.cause:
        return
    asked = " ".join(attempt.said for attempt in evidence.on("chat"))
    for step, following in zip(tape.caller, tape.caller[1:], strict=False):
        if isinstance(step, Press) and _is_long(following):
            number = step.digits.replace("#", "")
            if number not in asked:
                yield f"the model asked about {number}", repr(asked)


ORACLES: tuple[Oracle, ...] = (
    trouble, dead_air, foreign, agent_frames, marks, memory, no_echo_of_questions,
    left_open, after_hang_up, misconduct, twilio_findings, completes, caller_frames,
    cut_short, barge_in, replies, questions, turn_gap, keypad,
)  # fmt: skip


# --- what is on a tape ----------------------------------------------------------------


def _count_faults(tape: Tape) -> int:
    dealt = (fault for _, faults in tape.faults for fault in faults)
    return sum(not isinstance(fault, Nothing) for fault in dealt)


def _keys(tape: Tape) -> bool:
    return any(isinstance(step, Press) for step in tape.caller)


def _spoken(text: str) -> tuple[str, ...]:
    """Return the words of a text, numbers digit by digit."""
    return plain_words(re.sub(r"\d{4,}", lambda n: number_words(int(n[0])), text))


def _is_long(step: ConversationStep) -> bool:
    return isinstance(step, Pause) and step.seconds >= _KEYS_TAKE


def _vanishes(tape: Tape) -> bool:
    return any(getattr(step, "how", "") == "half_open" for step in tape.caller)


def _completions(evidence: Evidence) -> list[Attempt]:
    return [attempt for attempt in evidence.on("chat") if attempt.opened is not None]


def _plain_turns(tape: Tape, evidence: Evidence) -> Iterator[tuple[TurnRecord, bool]]:
    """Yield the turns with nothing unanswered before them.

    With each, whether its reply is listened to until it ends.
    """
    says = [step for step in tape.caller if isinstance(step, Say)]
    answered = any(isinstance(step, AwaitGreeting) for step in tape.caller[:1])
    for number, turn in enumerate(evidence.record.turns):
        if answered and turn.awaited and turn.reply_at is not None:
            yield turn, not _is_interrupted(tape, says[number])
        answered = answered and turn.awaited and turn.reply_at is not None


def _is_interrupted(tape: Tape, say: Say) -> bool:
    place = next(n for n, step in enumerate(tape.caller) if step is say)
    following = tape.caller[place + 1 : place + 2]
    return any(isinstance(s, Say) and s.barge_in_after is not None for s in following)


def _spoken_over(utterance: UtteranceHeard, turns: list[TurnRecord]) -> bool:
    """Tell whether the caller made himself heard when a sentence broke off."""
    return any(
        turn.spoke_from is not None
        and turn.spoke_from - _SLACK <= utterance.last_at
        and utterance.last_at <= (turn.spoke_until or 0.0) + 2 * _SLACK
        for turn in turns
    )
