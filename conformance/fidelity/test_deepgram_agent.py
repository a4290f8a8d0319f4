"""The unmodified deepgram-sdk, sync and async, as a client of the fake Voice Agent."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.agent.v1.types import (
    AgentV1ForceEndTurn,
    AgentV1InjectAgentMessage,
    AgentV1InjectUserMessage,
    AgentV1SendFunctionCallResponse,
    AgentV1Settings,
    AgentV1UpdateListen,
    AgentV1UpdatePrompt,
    AgentV1UpdateSpeak,
    AgentV1UpdateThink,
)
from deepgram.environment import DeepgramClientEnvironment

from conformance.core._agent_talk import Talk, weather
from conformance.core._agent_talk import settings_of as talk_settings
from conformance.fidelity._sdk_types import problems
from fakes.deepgram.agent.settings import AgentSettings
from fakes.fault_rules import Rule
from fakes.faults import Refuse
from fakes.speech import REPLIES, CodedFrame, FrameReader, Speaker, WordsHeard, speak
from fakes.world import Addresses, DeepgramSettings, World, WorldProcess
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = [
    pytest.mark.judged(
        "Deepgram: voice agent, /v1/agent/converse", by="deepgram-sdk 7"
    ),
    # The SDK imports names that websockets has deprecated; not ours to change.
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

ASKED = "Where is my parcel?"
# EndOfThought is sent by the live service, but no type of the SDK describes it.
UNDESCRIBED = {"EndOfThought"}
WAYS = AgentSettings(
    think_delay=0.05, turn_silence=0.3, sentence_lead=60.0, listen_update_delay=0.05,
    latency_report=True, thinking=True,
)  # fmt: skip


OPTIONS = [
    "--listen-pace=0",
    "--accept-key=good",
    '--voice-agent={"think_delay":0.05,"turn_silence":0.3}',
]


def settings_of(**agent: Any) -> AgentV1Settings:
    """Return Settings as an application would make them."""
    form = {"encoding": "mulaw", "sample_rate": 8000}
    return AgentV1Settings(
        audio={"input": form, "output": form | {"container": "none"}},  # type: ignore[arg-type]
        agent={
            "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
            "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}},
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
        }
        | agent,  # type: ignore[arg-type]
    )


def environment(addresses: Addresses) -> DeepgramClientEnvironment:
    """Return the SDK's own way to another address."""
    return DeepgramClientEnvironment(
        base=addresses.deepgram,
        production=addresses.deepgram_websocket,
        agent=addresses.deepgram_websocket,
        agent_rest=addresses.deepgram,
    )


def frames_of(text: str) -> list[bytes]:
    """Return what a caller says, with half a second of silence after it."""
    spoken = speak(text, speaker=Speaker.CALLER, call=4729, turn=1)
    return [*spoken.frames, *[SILENCE_FRAME] * 25]


def words_in(messages: list[Any]) -> str:
    """Return the words of the first utterance that the audio carries."""
    audio = b"".join(x for x in messages if isinstance(x, bytes))
    found = FrameReader().feed(audio)
    codes = [x.code for x in found if isinstance(x, CodedFrame)]
    return WordsHeard([x for x in codes if x.call == codes[0].call]).text()


def kind_of(message: Any) -> str:
    """Return the type of a message, whether the SDK knows it or not."""
    if isinstance(message, bytes):
        return "audio"
    kind = message.get("type") if isinstance(message, dict) else message.type
    return str(kind)


def misfits(message: Any) -> list[str]:
    """Return what of a message the SDK's types do not describe."""
    if isinstance(message, bytes) or kind_of(message) in UNDESCRIBED:
        return []
    # Imported here, since it warns of what websockets has deprecated.
    from deepgram.agent.v1.socket_client import V1SocketClientResponse

    given = json.loads(json.dumps(message.dict()))
    assert type(message).__name__ not in ("dict", "AgentV1CustomFromThinkProvider")
    return problems(given, V1SocketClientResponse)


async def until(socket: Any, kind: str) -> list[Any]:
    """Return the messages up to one of this kind; each fits its type."""
    messages: list[Any] = []
    while not messages or kind_of(messages[-1]) != kind:
        messages.append(await socket.recv())
        assert misfits(messages[-1]) == []
    return messages


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop."""
    settings = DeepgramSettings(listen_pace=0, recogniser_delay=0.02, agent=WAYS)
    async with World(deepgram=settings) as running:
        yield running


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncDeepgramClient]:
    """The async SDK, with an HTTP client that is closed at the end."""
    where = environment(world.addresses)
    async with httpx.AsyncClient() as http:
        yield AsyncDeepgramClient(api_key="k", environment=where, httpx_client=http)


async def test_a_spoken_turn(world: World, client: AsyncDeepgramClient) -> None:
    """Welcome, Settings, greeting, the user's words, and the reply as audio."""
    async with client.agent.v1.connect() as socket:
        await until(socket, "Welcome")
        await socket.send_settings(settings_of(greeting="Hello!"))
        greeting = await until(socket, "AgentAudioDone")
        for frame in frames_of(ASKED):
            await socket.send_media(frame)
        reply = await until(socket, "AgentAudioDone")

    assert [kind_of(x) for x in greeting][:3] == [
        "SettingsApplied", "ConversationText", "History",
    ]  # fmt: skip
    kinds = dict.fromkeys(map(kind_of, reply))
    assert list(kinds) == [
        "UserStartedSpeaking", "ConversationText", "History", "EndOfThought",
        "AgentThinking", "AgentStartedSpeaking", "LatencyReport", "audio",
        "AgentAudioDone",
    ]  # fmt: skip
    texts = [x for x in reply if kind_of(x) == "ConversationText"]
    assert [x.role for x in texts] == ["user", "assistant", "assistant"]
    assert texts[0].content == ASKED
    assert " ".join(x.content for x in texts[1:]) == REPLIES[ASKED]
    assert words_in(reply) == texts[1].content


async def test_the_ledger_knows_the_turn(
    world: World, client: AsyncDeepgramClient
) -> None:
    """What was heard of the caller, and every utterance that was made."""
    async with client.agent.v1.connect() as socket:
        await socket.send_settings(settings_of())
        for frame in frames_of(ASKED):
            await socket.send_media(frame)
        await until(socket, "AgentAudioDone")

    (attempt,) = world.ledger.group("")
    assert (attempt.surface, attempt.outcome) == ("agent", "accepted")
    heard = world.ledger.call(4729)
    assert heard is not None
    assert (heard.turns[0].missing, heard.turns[0].transcript) == ([], ASKED)
    assert len(attempt.utterances) == 2


async def test_injections_and_updates(client: AsyncDeepgramClient) -> None:
    """Everything that a client may send is answered by the SDK's own types."""
    listen = {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
    think = {"type": "anthropic", "model": "claude-sonnet-4-20250514"}
    speak_ = {"type": "deepgram", "model": "aura-2-zeus-en"}
    async with client.agent.v1.connect() as socket:
        await socket.send_settings(settings_of())
        await until(socket, "SettingsApplied")
        await socket.send_force_end_turn(AgentV1ForceEndTurn())
        (warning,) = await until(socket, "Warning")
        await socket.send_update_prompt(AgentV1UpdatePrompt(prompt="Be kind."))
        await until(socket, "PromptUpdated")
        update: Any = AgentV1UpdateSpeak(speak={"provider": speak_})  # type: ignore[arg-type]
        await socket.send_update_speak(update)
        await until(socket, "SpeakUpdated")
        update = AgentV1UpdateThink(think={"provider": think})  # type: ignore[arg-type]
        await socket.send_update_think(update)
        await until(socket, "ThinkUpdated")
        update = AgentV1UpdateListen(listen={"provider": listen})  # type: ignore[arg-type]
        await socket.send_update_listen(update)
        await until(socket, "ListenUpdated")
        await socket.send_keep_alive()
        await socket.send_inject_agent_message(
            AgentV1InjectAgentMessage(message="Are you there?")
        )
        said = await until(socket, "AgentAudioDone")
        await socket.send_inject_user_message(AgentV1InjectUserMessage(content=ASKED))
        await socket.send_inject_agent_message(
            AgentV1InjectAgentMessage(message="Never said.")
        )
        refused = await until(socket, "InjectionRefused")
        await until(socket, "AgentAudioDone")

    assert warning.code == "FORCE_END_TURN_UNSUPPORTED"
    assert words_in(said) == "Are you there?"
    assert "agent" in refused[-1].message


async def test_a_function_call(client: AsyncDeepgramClient) -> None:
    """The client answers, and its answer is said."""
    weather = {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    }
    think = {
        "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
        "functions": [weather],
    }
    async with client.agent.v1.connect() as socket:
        await socket.send_settings(settings_of(think=think))
        await socket.send_inject_user_message(
            AgentV1InjectUserMessage(content="Get the weather in Rome.")
        )
        *_, request = await until(socket, "FunctionCallRequest")
        (call,) = request.functions
        await socket.send_function_call_response(
            AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content="Sunny")
        )
        told = await until(socket, "AgentAudioDone")

    assert json.loads(call.arguments) == {"location": "Get the weather in Rome."}
    assert kind_of(told[0]) == "History"
    assert told[0].function_calls[0].response == "Sunny"
    assert words_in(told) == "I found this: Sunny."


def test_every_message_is_as_the_sdk_describes_it() -> None:
    """All that the fake can say, in virtual time: known fields, none missing."""
    # Imported here, since it warns of what websockets has deprecated.
    from deepgram.agent.v1.socket_client import V1SocketClientResponse

    flux = {"type": "deepgram", "version": "v2", "model": "flux-general-multi"}
    live = {"provider": {"type": "deepgram", "version": "v1"}}
    message = talk_settings(
        functions=[weather()], listen={"provider": flux}, greeting="Hi!"
    )
    talk = Talk(WAYS, settings=message)
    talk.command("InjectUserMessage", content="Get the weather.")
    talk.wait(1)
    talk.say(ASKED)
    talk.hush(6)
    talk.command("UpdateThink_Live", think_live=live)
    talk.command("InjectAgentMessage", is_dynamic=True)
    talk.command("InjectAgentMessage", message="Refused.")
    talk.wait(3)
    talk.command("InjectUserMessage", content="Get the weather.")
    talk.wait(1)
    talk.command("FunctionCallResponse", name="get_weather", content="Sun")
    talk.wait(3)
    talk.send("junk")
    bodies = [body for body in talk.bodies() if body["type"] not in UNDESCRIBED]
    found = [
        (body["type"], problem)
        for body in bodies
        for problem in problems(body, V1SocketClientResponse)
    ]

    assert found == []
    assert {body["type"] for body in bodies} == {
            "Welcome", "SettingsApplied", "ConversationText", "History",
            "FunctionCallRequest", "FunctionCallCancelled", "UserStartedSpeaking",
            "AgentThinking", "AgentStartedSpeaking", "LatencyReport",
            "AgentAudioDone", "ThinkLiveUpdated", "InjectionRefused", "Error",
    }  # fmt: skip


async def test_errors_reach_the_application(client: AsyncDeepgramClient) -> None:
    """A field that does not belong: Error with its name, then a close without code."""
    async with client.agent.v1.connect() as socket:
        await until(socket, "Welcome")
        await socket.send_settings(settings_of(tags=["x"]))
        messages = [message async for message in socket]

    (error,) = messages
    assert type(error).__name__ == "AgentV1Error"
    assert error.code == "UNPARSABLE_CLIENT_MESSAGE"
    assert "agent.tags" in error.description


async def test_a_refused_handshake(world: World, client: AsyncDeepgramClient) -> None:
    """The agent's surface has faults of its own; a prefix names the group."""
    world.faults.add(Rule(surface="agent", faults=(Refuse(429),)))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of the SDK's choice
        async with client.agent.v1.connect():
            pass

    assert getattr(caught.value, "status_code", None) == 429


async def test_the_list_of_models(client: AsyncDeepgramClient) -> None:
    """Every entry is of one of the SDK's types."""
    listed = await client.agent.v1.settings.think.models.list()

    assert {type(model).__name__[-4:] for model in listed.models} == {
        "Zero", "mOne", "mTwo", "hree",
    }  # fmt: skip


@pytest.fixture(scope="module")
def world_process() -> Iterator[WorldProcess]:
    """Fakes in another process, as a sync client needs them."""
    with WorldProcess(options=OPTIONS) as running:
        yield running


def test_the_sync_sdk(world_process: WorldProcess) -> None:
    """The same turn with threads."""
    messages: list[Any] = []
    done = threading.Event()

    def read(socket: Any) -> None:
        for message in socket:
            messages.append(message)
            if kind_of(message) == "AgentAudioDone":
                done.set()
                return

    with httpx.Client() as http:
        client = DeepgramClient(
            api_key="good",
            environment=environment(world_process.addresses),
            httpx_client=http,
        )
        with client.agent.v1.connect() as socket:
            reader = threading.Thread(target=read, args=(socket,), daemon=True)
            reader.start()
            socket.send_settings(settings_of())
            for frame in frames_of(ASKED):
                socket.send_media(frame)
            assert done.wait(10), "no AgentAudioDone in 10 s"
            reader.join(5)

    assert [x for x in messages if misfits(x)] == []
    assert messages[-1].type == "AgentAudioDone"
    assert words_in(messages) == REPLIES[ASKED].split(". ")[0] + "."
