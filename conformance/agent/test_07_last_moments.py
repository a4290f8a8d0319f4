"""The end of a call in a bad moment, and the end of an agent's part in it."""

from __future__ import annotations

from conformance._backoff import expect_bounds
from conformance._barge_in import LONG
from conformance._case import MUST, case
from conformance._line import Line
from fakes.faults import LateFinal, Refuse
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say


@case(
    "7.30",
    level=MUST,
    source="https://github.com/dograh-hq/dograh/issues/627",
    mutants=("holds_the_line_after_it_left", "swallows_its_deafness"),
)
async def test_call_does_not_outlive_its_agent(line: Line) -> None:
    """A call with which the agent cannot go on does not stay connected in silence.

    Do: refuse every handshake of the recogniser with 401; ask a question, and stay on
        the line for 14 s.
    Expect: no more than 8 s of silence before the end of the call, whoever ends it.
    Because: TwiML goes on when the stream is over, and a Pause in it is billed in full.
    """
    await line.fault("listen", *(Refuse(401),) * 20)
    record = await line.talk(
        AwaitGreeting(),
        Say("What time is it?", reply=False),
        Pause(14.0),
        HangUp(),
        deadline=30.0,
    )
    await line.attempts()
    sounds = [utterance.last_at for utterance in record.utterances]
    sounds += [
        turn.spoke_until for turn in record.turns if turn.spoke_until is not None
    ]
    silent = record.duration - max(sounds, default=0.0)
    line.expect(
        silent <= line.limits.silence,
        f"at most {line.limits.silence:g} s of silence at the end",
        f"{silent:.1f} s",
    )


@case(
    "7.31",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/3542",
    mutants=("stays_when_left_in_an_interruption",),
    needs=("barge-in",),
)
async def test_hang_up_in_an_interruption_leaves_nothing(line: Line) -> None:
    """A caller who interrupts and hangs up at once leaves nothing open.

    Do: interrupt a long reply with one word, and hang up with it.
    Expect: 2 s later no provider socket of this call is open.
    Because: the end of the call comes while the agent is still busy with the
        interruption, and one of the two is lost.
    """
    await line.talk(
        AwaitGreeting(),
        Say(LONG),
        Say("Please stop.", barge_in_after=0.6, reply=False),
        HangUp(),
    )
    left = await line.open_sockets(within=line.limits.teardown)
    line.expect(
        not left,
        f"no provider socket is open {line.limits.teardown:g} s after the hang-up",
        ", ".join(f"{attempt.surface} (attempt {attempt.id})" for attempt in left),
    )


@case(
    "7.32",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4186",
    mutants=("answers_who_has_left",),
)
async def test_last_words_are_answered_to_nobody(line: Line) -> None:
    """What is recognised after the hang-up makes nobody ask the model.

    Do: have finals come 0.45 s late; hang up half a second after a question.
    Expect: no request to any provider after the hang-up.
    Because: a recogniser that is closed in order sends its last words, and an agent
        that still listens to them pays for a reply that nobody hears.
    """
    await line.fault("listen", LateFinal(0.45))
    await line.talk(
        AwaitGreeting(), Say("What time is it?", reply=False), Pause(0.5), HangUp()
    )
    await line.open_sockets(within=line.limits.teardown)
    expect_bounds(line, await line.attempts())
