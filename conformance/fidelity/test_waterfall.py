"""The waterfall judged by agents and providers whose delays are known."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from fakes.deepgram.settings import DeepgramSettings
from fakes.evidence.call_evidence import evidence_of
from fakes.evidence.waterfall import PARTS, waterfall
from fakes.llm.server import ModelSettings
from fakes.twilio.phone import AwaitGreeting, HangUp, Say, place_call
from fakes.world import World
from voiceutils.agent.call import AgentCall
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings
from voiceutils.mulaw import FRAME_SECONDS, SILENCE_FRAME

PUT_IN = 0.3
RECOGNISER, MODEL, VOICE = 0.12, 0.2, 0.1  # delays of the fakes without more
TALK = (AwaitGreeting(), Say("What time is it?"), HangUp())
# Where the agent is held up against what finds it.
SLACK = FRAME_SECONDS + 0.02  # a frame, and what a busy machine adds


class _SlowToAsk(AgentCall):
    """Thinks before it asks the model."""

    async def answer(self, turn: int) -> None:
        await asyncio.sleep(PUT_IN)
        await super().answer(turn)


class _SlowToSpeak(AgentCall):
    """Hesitates over each sentence of an answer."""

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        await asyncio.sleep(PUT_IN if turn else 0.0)
        await super().speak_sentence(turn, number, text)


class _SlowToSend(AgentCall):
    """Holds audio back."""

    async def send_audio(self, turn: int, audio: bytes) -> None:
        await asyncio.sleep(PUT_IN)
        await super().send_audio(turn, audio)


class _SilentFirst(AgentCall):
    """Sends silence ahead of an answer, which plays first."""

    _before = -1

    async def send_audio(self, turn: int, audio: bytes) -> None:
        if turn and turn != self._before:
            self._before = turn
            audio = SILENCE_FRAME * round(PUT_IN / FRAME_SECONDS) + audio
        await super().send_audio(turn, audio)


class _SlowToListen(AgentCall):
    """Hands the caller's audio on late."""

    async def on_media(self, audio: bytes) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(
            PUT_IN,
            lambda: self.spawn(super(_SlowToListen, self).on_media(audio), "late"),
        )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an agent; yields its media socket."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        running = asyncio.create_task(server.serve([bound]))
        await asyncio.wait_for(server.up.wait(), 5.0)
        yield f"ws://127.0.0.1:{bound.getsockname()[1]}/media"
        server.should_exit = True
        await running


async def parts_of(
    kind: type[AgentCall],
    deepgram: DeepgramSettings | None = None,
    model: ModelSettings | None = None,
) -> dict[str, float]:
    """Return the parts of the turn gap of one call to such an agent."""
    async with World(deepgram=deepgram, model=model) as world:
        where = world.addresses
        settings = AgentSettings(
            deepgram_url=where.deepgram,
            deepgram_key="k",
            model_url=where.model,
            model_key="k",
        )
        async with serving(build_app(settings, call_class=kind)) as media:
            record = await place_call(media, TALK, call=4729, deadline=25.0)
        assert record.outcome == "completed", record.cause
        evidence = evidence_of(
            world.ledger,
            4729,
            group=record.call_sid,
            utterances=[utterance.utterance for utterance in record.utterances],
            since=record.placed_at,
            until=record.placed_at + record.duration,
        )
        (turn,) = waterfall(record, evidence)
        assert turn.whole, turn
        return {part.name: part.seconds for part in turn.parts}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, float]]:
    """All calls at once: they wait, they do not compute."""

    async def every() -> dict[str, dict[str, float]]:
        slow_ear = DeepgramSettings(recogniser_delay=RECOGNISER + PUT_IN)
        slow_voice = DeepgramSettings(speech_delay=VOICE + PUT_IN)
        slow_model = ModelSettings(first_token_delay=MODEL + PUT_IN)
        cases = {
            "nothing": parts_of(AgentCall),
            "buffering": parts_of(_SlowToListen),
            "recognition": parts_of(AgentCall, slow_ear),
            "to the model": parts_of(_SlowToAsk),
            "first token": parts_of(AgentCall, model=slow_model),
            "to the voice": parts_of(_SlowToSpeak),
            "first audio": parts_of(AgentCall, slow_voice),
            "to the caller": parts_of(_SlowToSend),
            "playout": parts_of(_SilentFirst),
        }
        # What the tests before have left in this process must not hold up the calls.
        gc.collect()
        gc.freeze()
        results = await asyncio.gather(*cases.values())
        return dict(zip(cases, results, strict=True))

    return asyncio.run(every())


@pytest.mark.parametrize("place", PARTS)
def test_a_delay_is_found_where_it_was_put(
    place: str, found: dict[str, dict[str, float]]
) -> None:
    """There, within a frame of what was put in, and nowhere else.

    The agent's chunks of 100 ms begin anew with each call, hence a chunk of slack for
    the part that waits for one to be filled.
    """
    usual, late = found["nothing"], found[place]
    for part, seconds in late.items():
        expected = usual[part] + (PUT_IN if part == place else 0.0)
        slack = SLACK + (0.1 if part in ("buffering", "to the caller") else 0.0)
        assert seconds == pytest.approx(expected, abs=slack), (place, usual, late)
