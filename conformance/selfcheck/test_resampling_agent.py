"""In the robust mode an agent that resamples what it forwards is judged by words."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import NamedTuple

from conformance.selfcheck._resampling_agent import (
    Resampling16k,
    Resampling24k,
    serving,
)
from fakes.call_record import CallRecord
from fakes.ledger import TurnHeard
from fakes.speech import REPLIES, SpeechMode, sentences
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say, plain_words
from fakes.twilio.phone import place_call
from fakes.world import DeepgramSettings, World
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings

ASKED = "What are your opening hours?"
GREETING = AgentSettings().phrases.greeting
SCRIPT = (
    AwaitGreeting(),
    Say(ASKED),
    Say("Where is my parcel?", barge_in_after=0.6),
    HangUp(),
)


class Talk(NamedTuple):
    """What was heard at both ends of a call."""

    record: CallRecord
    turns: list[TurnHeard]


async def _talks(*wanted: tuple[type[AgentCall], SpeechMode]) -> list[Talk]:
    """Have a caller talk with each agent, all at once, when all are up."""
    async with AsyncExitStack() as up:
        worlds, calls = [], []
        for number, (agent, mode) in enumerate(wanted, 4729):
            settings = DeepgramSettings(speech=mode)
            world = await up.enter_async_context(World(deepgram=settings))
            worlds.append(world)
            where = AgentSettings(
                deepgram_url=world.addresses.deepgram, model_url=world.addresses.model
            )
            voice = await up.enter_async_context(serving(agent, where))
            calls.append(place_call(voice, SCRIPT, call=number, speech=mode))
        records = await asyncio.gather(*calls)
        return [
            Talk(record, [turn for call in world.ledger.calls for turn in call.turns])
            for world, record in zip(worlds, records, strict=True)
        ]


async def test_words_and_frames_are_proved_through_resamplers() -> None:
    """At both ends, at 16 and 24 kHz, also when barged in; exact code tells nothing."""
    *robust, exact = await _talks(
        (Resampling16k, "robust"), (Resampling24k, "robust"), (Resampling24k, "exact")
    )

    for record, turns in robust:
        assert record.outcome == "completed", record.cause
        said = [turn.said for turn in record.turns]
        assert [turn.transcript for turn in turns] == said
        assert not any(turn.missing or turn.repeated for turn in turns)
        assert [plain_words(one.text) for one in record.utterances[:2]] == [
            plain_words(sentence) for sentence in sentences(GREETING)
        ]
        assert not any(utterance.lost for utterance in record.utterances)
        spoken = plain_words(REPLIES[said[1]])
        assert plain_words(record.turns[1].heard) == spoken
        assert record.turns[1].barge_in
        assert not record.foreign
    # But for frames near silence, whose samples are too few to differ.
    assert sum(turn.heard for turn in exact.turns) < 10
    assert not any(turn.transcript for turn in exact.turns)
    assert not any(len(utterance.text) > 20 for utterance in exact.record.utterances)
