"""Providers that fail in the middle of a turn, and what the caller hears of it."""

from __future__ import annotations

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import CallTool, Close, EmptyAudio, Nothing, Recite, Refuse, Stall
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say, plain_words


@case(
    "9.2",
    level=MUST,
    source="https://github.com/livekit/agents/issues/6009",
    mutants=("silent_when_the_model_fails",),
)
async def test_failing_model_is_not_met_with_silence(line: Line) -> None:
    """When the model fails, the caller hears something, or the call ends.

    Do: answer every request to the model with 500; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: dead air tells the caller nothing, and he stays on the line and pays.
    """
    await line.fault("chat", *(Refuse(500),) * 12)
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()
    await line.check_alive()


@case(
    "9.3",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/5756",
    mutants=("waits_for_speech_for_ever",),
)
async def test_silent_speech_service_is_given_up(line: Line) -> None:
    """When the speech service takes a request and says nothing, the call goes on.

    Do: let the second and third speech request of the call stall; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: a healthy socket without data is the failure that no error reports.
    """
    await line.fault("speak_rest", Nothing(), Stall(), Stall(), Nothing())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


@case(
    "9.5",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4973",
    mutants=("takes_no_audio_for_success",),
)
async def test_speech_without_audio_is_not_met_with_silence(line: Line) -> None:
    """When the speech service succeeds without a byte, the caller hears something.

    Do: four speech requests of the call, from the third on, give no audio; ask.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: an empty success raises no error; only the caller notices it.
    """
    await line.fault("speak_rest", Nothing(), Nothing(), *(EmptyAudio(),) * 4)
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


@case(
    "9.6",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core/issues/38",
    mutants=("dies_with_the_models_stream",),
)
async def test_conversation_survives_a_cut_stream(line: Line) -> None:
    """A model that breaks off in the middle of a reply does not end the conversation.

    Do: cut the model's stream after a few words; then ask another question.
    Expect: the other question is answered.
    Because: the task that dies of it is the one that would have answered next.
    """
    await line.fault("chat", Close(1006, after_sent=5))
    await line.talk(
        AwaitGreeting(),
        Say("Where is my parcel?", reply=False),
        Pause(6.0),
        Say("What time is it?"),
        HangUp(),
    )
    await line.attempts()
    record = line.expect_completed()
    line.expect(
        "what time is it" in " ".join(plain_words(record.turns[1].heard)),
        "the second question is answered",
        repr(record.turns[1].heard),
    )


@case(
    "9.7",
    level=MUST,
    source="https://github.com/huggingface/speech-to-speech/issues/461",
    mutants=("silent_on_an_empty_reply",),
)
async def test_empty_reply_is_not_met_with_silence(line: Line) -> None:
    """A model that answers nothing does not leave the caller in silence.

    Do: the model answers two requests with white space; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: a turn without a sound looks like a dead line.
    """
    await line.fault("chat", Recite("  "), Recite(""), Nothing())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


@case(
    "9.8",
    level=MUST,
    source="https://github.com/livekit/agents-js/issues/1454",
    mutants=("silent_on_an_empty_reply",),
)
async def test_call_of_a_tool_is_not_met_with_silence(line: Line) -> None:
    """A model that calls a tool instead of answering does not silence the call.

    Do: the model calls a tool that was not offered; ask, and ask something else.
    Expect: something is heard within 8 s of the first question, and the second one is
        answered.
    Because: models call tools that do not exist, and say nothing meanwhile.
    """
    await line.fault("chat", CallTool(), Nothing())
    await line.talk(
        AwaitGreeting(), Say("Where is my parcel?"), Say("What time is it?"), HangUp()
    )
    await line.attempts()
    line.expect_no_silence()
    line.expect_completed()


@case(
    "9.9",
    level=MUST,
    source="https://github.com/dograh-hq/dograh/issues/627",
    mutants=("swallows_its_deafness",),
)
async def test_agent_that_cannot_hear_says_so(line: Line) -> None:
    """An agent that cannot hear says so, or leaves.

    Do: refuse every handshake of the recogniser with 401; ask a question.
    Expect: something other than the greeting is heard within 8 s, or the agent hangs
        up.
    Because: nobody should have to find out by talking to a machine that is deaf.
    """
    await line.fault("listen", *(Refuse(401),) * 20)
    record = await line.talk(
        AwaitGreeting(), Say("What time is it?"), Pause(1.0), HangUp()
    )
    await line.attempts()
    told = len(record.utterances) > 2 or record.cause.startswith("agent ")
    line.expect(
        told or any(turn.reply_at is not None for turn in record.turns),
        "the agent says that it cannot hear, or hangs up",
        record.cause or "silence",
    )
