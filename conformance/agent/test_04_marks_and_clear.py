"""Marks that return, late or never, and what follows a clear."""

from __future__ import annotations

from collections.abc import Sequence

from conformance._barge_in import LONG, expect_stopped
from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Nothing, Recite, Trickle
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say, plain_words

_QUESTION = "What time is it?"


@case(
    "4.2",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4145",
    mutants=("keeps_streaming_after_clear",),
    needs=("barge-in",),
)
async def test_nothing_old_follows_a_clear(line: Line) -> None:
    """After a clear nothing of the old reply is sent any more.

    Do: let the speech arrive in real time, and interrupt it after 0.8 s.
    Expect: the agent sends a clear, and after it no frame of an utterance that was
        sent before it.
    Because: one clear empties the queue once; a stream that goes on fills it again.
    """
    await line.fault("speak_rest", Nothing(), *(Trickle(1.0),) * 6)
    async with line.tapped() as tap:
        await line.talk(
            AwaitGreeting(),
            Say(LONG),
            Say(_QUESTION, barge_in_after=0.8),
            HangUp(),
            address=tap.address,
        )
        clears = tap.clears()
        late = tap.old_utterances_after_clear()
    line.expect(clears > 0, "a clear for the interruption", "none")
    line.expect(
        not late,
        "no old utterance goes on after the clear",
        f"frames of utterances {late}",
    )


@case(
    "4.5",
    level=MUST,
    source="https://github.com/livekit/agents/pull/3917",
    mutants=("deaf_until_marks_return",),
    needs=("marks",),
)
async def test_lost_marks_do_not_hang_the_call(line: Line) -> None:
    """A call goes on when no mark ever returns.

    Do: lose every mark on its way to the agent; greeting and two questions.
    Expect: both questions are answered.
    Because: marks may be late or lost; a wait without a limit is a dead call.
    """
    async with line.tapped(
        lambda text: [] if '"event":"mark"' in text else [text]
    ) as tap:
        await line.talk(
            AwaitGreeting(),
            Say(_QUESTION),
            Say("Where are you located?"),
            HangUp(),
            address=tap.address,
        )
    line.expect_completed()


_WAY = "There are several ways to reach us from the railway station by bus."


class _LateMarks:
    """Holds every mark back for as many media messages as it is late."""

    def __init__(self, seconds: float) -> None:
        self._late = round(seconds * 50)
        self._held: list[tuple[int, str]] = []
        self._now = 0

    def __call__(self, text: str) -> Sequence[str | bytes]:
        if '"event":"mark"' in text:
            self._held.append((self._now + self._late, text))
            return []
        self._now += '"event":"media"' in text
        due = [mark for at, mark in self._held if at <= self._now]
        self._held = [held for held in self._held if held[0] > self._now]
        return [*due, text]


@case(
    "4.7",
    level=MUST,
    source="https://github.com/twilio-samples/speech-assistant-openai-realtime-api-python",
    mutants=("one_name_for_all_marks",),
    needs=("barge-in", "marks"),
)
async def test_late_marks_do_not_end_the_next_reply(line: Line) -> None:
    """Marks that come late are not taken for marks of the next reply.

    Do: every mark comes 2.5 s late; interrupt a long reply, and the next one, too.
    Expect: both times the old reply ends within 0.5 s.
    Because: a mark of the old reply says nothing of the new one, whatever its name.
    """
    await line.fault("chat", Nothing(), Recite(_WAY))
    async with line.tapped(_LateMarks(2.5)) as tap:
        await line.talk(
            AwaitGreeting(),
            Say(LONG),
            Say(_QUESTION, barge_in_after=0.8),
            Say(_QUESTION, barge_in_after=1.2),
            HangUp(),
            address=tap.address,
        )
    await line.attempts()
    record = line.expect_completed()
    expect_stopped(line, record.turns[1])
    expect_stopped(line, record.turns[2])


@case(
    "4.8",
    level=SHOULD,
    source="https://github.com/bolna-ai/bolna/pull/984",
    mutants=("remembers_what_was_cleared",),
    needs=("memory",),
)
async def test_unheard_words_are_not_remembered(line: Line) -> None:
    """The model is not told that the caller heard what was cut off.

    Do: interrupt a reply of two sentences in the first one; then ask again.
    Expect: the request to the model has nothing of the second sentence.
    Because: an agent that believes to have said it does not say it again.
    """
    parts = (
        "There are several ways to reach us from the railway station.",
        "The entrance is behind the yellow house.",
    )
    await line.fault("chat", Recite(" ".join(parts)))
    await line.talk(
        AwaitGreeting(), Say(_QUESTION), Say(_QUESTION, barge_in_after=0.6), HangUp()
    )
    asked = await line.attempts("chat")
    line.expect(len(asked) >= 2, "two requests to the model", f"{len(asked)}")
    told = plain_words(asked[-1].remembered)
    line.expect(
        "yellow" not in told, f"nothing of {parts[1]!r}", repr(asked[-1].remembered)
    )


@case(
    "4.10",
    level=SHOULD,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent",
    mutants=("clears_at_every_interim",),
    needs=("barge-in",),
)
async def test_one_clear_for_one_interruption(line: Line) -> None:
    """An interruption causes one clear, and a question in silence none.

    Do: a question, an interruption, a question.
    Expect: at most two clears in all.
    Because: a clear that comes too late or too often cuts off the next reply.
    """
    async with line.tapped() as tap:
        await line.talk(
            AwaitGreeting(),
            Say(LONG),
            Say(LONG, barge_in_after=0.8),
            Say(_QUESTION),
            HangUp(),
            address=tap.address,
        )
        clears = tap.clears()
    line.expect_completed()
    line.expect(clears <= 2, "at most two clears", f"{clears}")
