"""From the caller's mouth to the recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from conformance._case import INFO, MUST, SHOULD, case
from conformance._line import Line
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say, plain_words


@case(
    "2.1",
    level=MUST,
    source="https://github.com/livekit/agents/pull/2663",
    mutants=("sends_audio_twice",),
)
async def test_every_frame_reaches_the_recogniser_once(line: Line) -> None:
    """Every frame of the caller reaches the recogniser once, in order.

    Do: greeting, two questions with their replies, the second one interrupting.
    Expect: of each turn no frame is missing at the recogniser and none came twice.
    Because: half words make wrong transcripts, and repeated audio is billed twice.
    """
    await line.talk(
        AwaitGreeting(),
        Say("What time is it?"),
        Say("Do you have any appointments free tomorrow?", barge_in_after=0.6),
        HangUp(),
    )
    record = line.expect_completed()

    turns = await line.heard()
    line.expect(
        len(turns) == len(record.turns),
        f"{len(record.turns)} turns reach the recogniser",
        f"{len(turns)}",
    )
    for turn in turns:
        line.expect(
            not turn.missing and not turn.repeated,
            f"turn {turn.turn} arrives whole and once, {turn.frames} frames",
            f"missing {turn.missing}, repeated {turn.repeated}",
        )


@case(
    "2.2",
    level=MUST,
    source="https://github.com/deepgram-devs/sts-twilio",
    mutants=("drops_the_tail",),
)
async def test_tail_is_heard_when_the_caller_hangs_up(line: Line) -> None:
    """The last words before a hang-up reach the recogniser.

    Do: two callers, one after the other, say something and hang up with their last
        frame.
    Expect: the last frame of both reaches the recogniser.
    Because: a buffer that is only forwarded when full swallows "yes, goodbye".
    """
    async with line.beside() as other:
        for caller, said in (
            (line, "What time is it?"),
            (other, "Goodbye, thank you."),
        ):
            await caller.talk(AwaitGreeting(), Say(said, reply=False), HangUp())
            await caller.open_sockets(within=2.0)
            turns = await caller.heard()
            caller.expect(
                bool(turns) and not turns[0].missing,
                "every frame up to the hang-up reaches the recogniser",
                f"{turns[0].missing} are missing" if turns else "nothing arrives",
            )


@case(
    "2.3",
    level=SHOULD,
    source="https://developers.deepgram.com/docs/measuring-streaming-latency",
    mutants=("buffers_400_ms",),
)
async def test_audio_is_sent_in_short_messages(line: Line) -> None:
    """Audio reaches the recogniser in messages of at most 250 ms.

    Do: greeting, a question, its reply.
    Expect: no message of audio holds more than 250 ms.
    Because: whatever a message holds back delays the end of speech, and so the reply.
    """
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    line.expect_completed()

    longest = await line.longest_message()
    line.expect(
        longest <= line.limits.message,
        f"messages of at most {line.limits.message * 1000:.0f} ms",
        f"one of {longest * 1000:.0f} ms",
    )


@case(
    "2.4",
    level=MUST,
    source="https://github.com/tempo-riz/deepgram_speech_to_text/issues/7",
    mutants=("declares_another_encoding",),
)
async def test_recogniser_is_told_the_true_form_of_the_audio(line: Line) -> None:
    """The recogniser is told in which form the audio comes.

    Do: greeting, a question, its reply; the recogniser decodes by what it was told.
    Expect: the question arrives with all its words.
    Because: mu-law decoded as something else is noise, and noise has no transcript.
    """
    said = "Where are you located?"
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    turns = await line.heard()
    got = turns[0].transcript if turns else ""
    line.expect(
        plain_words(got) == plain_words(said), f"the transcript {said!r}", repr(got)
    )


@case(
    "2.5",
    level=MUST,
    source="https://github.com/livekit/agents/pull/869",
    mutants=("deaf_while_greeting",),
    needs=("greeting",),
)
async def test_words_over_the_greeting_are_heard(line: Line) -> None:
    """What the caller says over the greeting is heard and answered.

    Do: the caller asks a question while the agent is still greeting.
    Expect: every frame of the question reaches the recogniser, and a reply follows.
    Because: people who know what they want do not wait for the end of a greeting.
    """
    await line.talk(Pause(1.2), Say("What time is it?"), HangUp())
    turns = await line.heard()
    line.expect(
        bool(turns) and not turns[0].missing,
        "every frame said over the greeting reaches the recogniser",
        f"{len(turns[0].missing)} frames are missing" if turns else "nothing does",
    )
    line.expect_completed()


@case(
    "2.6",
    level=MUST,
    source="https://github.com/openclaw/openclaw/issues/16341",
    mutants=("transcribes_itself",),
)
async def test_agent_does_not_listen_to_itself(line: Line) -> None:
    """The agent's own speech is not sent to the recogniser.

    Do: greeting, a question, its reply.
    Expect: no frame of agent speech on the link to the recogniser.
    Because: an agent that hears itself answers itself, and pays for both.
    """
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    echoed = sum(attempt.echoed for attempt in await line.attempts("listen"))
    line.expect(echoed == 0, "no frame of its own speech", f"{echoed} frames")


class _Bursts:
    """Holds media back and passes it on half a second at a time."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def __call__(self, text: str) -> Sequence[str | bytes]:
        if '"event":"media"' in text:
            self._held.append(text)
            if len(self._held) < 25:
                return []
            text = ""
        held, self._held = self._held, []
        return [*held, text] if text else held


@case(
    "2.7",
    level=MUST,
    source="https://github.com/asterisk/asterisk/issues/2115",
    mutants=("drops_what_comes_in_bursts",),
)
async def test_audio_in_bursts_is_heard_whole(line: Line) -> None:
    """Audio that comes in bursts is heard whole.

    Do: deliver the caller's frames half a second at a time; ask a question.
    Expect: every frame reaches the recogniser once, in order, and a reply follows.
    Because: networks stall and catch up; nothing is lost unless the agent loses it.
    """
    async with line.tapped(_Bursts()) as tap:
        await line.talk(
            AwaitGreeting(),
            Say("Where are you located?"),
            HangUp(),
            address=tap.address,
        )
    turns = await line.heard()
    line.expect(
        bool(turns) and not (turns[0].missing or turns[0].disordered),
        "every frame reaches the recogniser, in order",
        f"{len(turns[0].missing)} missing, {turns[0].disordered} out of order"
        if turns
        else "nothing does",
    )
    line.expect_completed()


@case(
    "2.8",
    level=MUST,
    source="https://developers.deepgram.com/docs/close-stream",
    mutants=("flushes_an_empty_buffer",),
)
async def test_no_empty_message_is_sent(line: Line) -> None:
    """No empty message is sent to the recogniser.

    Do: greeting, two questions with their replies.
    Expect: no binary message without a byte.
    Because: to the recogniser an empty message says that the caller has gone.
    """
    await line.talk(
        AwaitGreeting(),
        Say("What time is it?"),
        Say("Where are you located?"),
        HangUp(),
    )
    await line.attempts()
    found = await line.misconduct("listen")
    line.expect(
        "empty_audio" not in found, "no empty message", found.get("empty_audio", "")
    )
    line.expect_completed()


@case(
    "2.9",
    level=INFO,
    source="https://github.com/twilio-labs/call-gpt/issues/14",
)
async def test_parts_of_the_silence_are_told(line: Line) -> None:
    """Where the time between question and reply goes.

    Do: ask a question, and take the moments from the wires.
    Expect: the parts of the caller's wait; they add up to it by construction.
    Because: a total without its parts does not tell which provider to look at.
    """
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    record = line.expect_completed()
    turn, heard = record.turns[0], await line.heard()
    asked = await line.attempts("chat")
    line.expect(bool(heard) and bool(asked), "the model is asked", "it is not")
    at = record.placed_at
    moments = [
        ("end of speech", at + (turn.spoke_until or 0.0)),
        ("final transcript", heard[0].final_at),
        ("model asked", asked[0].at),
        ("first token", asked[0].first_answer_at),
        ("reply heard", at + (turn.reply_at or 0.0)),
    ]
    for (_, before), (name, after) in pairwise(moments):
        line.figure(f"to {name}", (after or 0.0) - (before or 0.0))
