"""A phone call to an agent that rests on Deepgram's Voice Agent, in real time."""

from __future__ import annotations

from conformance.core._agent_bridge import agent_bridge
from conformance.core._agent_talk import settings_of
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.settings import DeepgramSettings
from fakes.speech import REPLIES
from fakes.twilio.phone import AwaitGreeting, HangUp, Say, place_call
from fakes.world import World

ASKED = "Where is my parcel?"
LONG = "What are your opening hours?"


async def test_a_caller_talks_with_a_voice_agent() -> None:
    """Greeting, a question, its answer, and a barge-in, all heard on the phone."""
    ways = AgentSettings(think_delay=0.1, turn_silence=0.4)
    steps = (
        AwaitGreeting(),
        Say(LONG),
        Say(ASKED, barge_in_after=0.4),
        HangUp(),
    )
    async with (
        World(deepgram=DeepgramSettings(agent=ways)) as world,
        agent_bridge(
            world.addresses.deepgram_websocket, settings_of(greeting="Hello there!")
        ) as (media, messages),
    ):
        record = await place_call(media, steps, call=4729, deadline=15)

    assert (record.outcome, record.cause) == ("completed", "")
    texts = [x["content"] for x in messages if x["type"] == "ConversationText"]
    assert texts[0] == "Hello there!"
    assert [texts[1], texts[2]] == [LONG, REPLIES[LONG].split(". ")[0] + "."]
    assert ASKED in texts
    heard = world.ledger.call(4729)
    assert heard is not None
    assert [turn.transcript for turn in heard.turns] == [LONG, ASKED]
    assert all(not turn.missing for turn in heard.turns)
    first, second = record.turns
    assert first.reply_at is not None
    assert second.reply_at is not None
    assert second.barge_in
    assert second.stopped_after is not None
    assert second.stopped_after < 0.5
