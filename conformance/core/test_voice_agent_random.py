"""Whatever a client does, the fake Voice Agent keeps its promises."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.core._agent_talk import Sent, Talk, settings_of, weather
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.outbox import AudioPiece, UtteranceBegun, UtteranceCut
from fakes.faults import EmptyAudio, LateFinal, NoFinal, Trickle

ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.01, 0.3, 0.5, 1.2, 4.0, 9.0])),
    st.tuples(st.just("say"), st.sampled_from(["Get the weather.", "Where is it?"])),
    st.tuples(st.just("word"), st.integers(1, 30)),
    st.tuples(st.just("hush"), st.sampled_from([0.1, 0.6, 1.0])),
    st.tuples(st.just("noise"), st.integers(1, 12)),
    st.tuples(st.just("user"), st.sampled_from(["Hello.", "Get the weather.", " "])),
    st.tuples(
        st.just("agent"), st.sampled_from(["default", "queue", "interrupt", "dynamic"])
    ),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(
        st.just("plain"),
        st.sampled_from(["KeepAlive", "ForceEndTurn", "UpdatePrompt", "UpdateListen"]),
    ),
)  # fmt: skip
LISTEN = {"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}}
MORE: dict[str, dict[str, Any]] = {
    "UpdatePrompt": {"prompt": "Be kind."},
    "UpdateListen": {"listen": LISTEN},
    "Settings": settings_of(),
}


def do(talk: Talk, action: tuple[str, Any]) -> None:
    """Let the client do one thing."""
    match action:
        case ("wait", seconds):
            talk.command("KeepAlive")
            talk.wait(seconds)
        case ("say", text):
            talk.say(text)
            talk.hush(0.6)
        case ("word", frames):
            talk.say("Where is my parcel?", frames=frames)
        case ("hush", seconds):
            talk.hush(seconds)
        case ("noise", frames):
            for _ in range(frames):
                talk.send(bytes([0x10, 0x90]) * 80)
                talk.wait(0.02)
        case ("user", content):
            talk.command("InjectUserMessage", content=content)
        case ("agent", "dynamic"):
            talk.command("InjectAgentMessage", is_dynamic=True)
        case ("agent", behavior):
            message = "One thing. And another thing."
            talk.command("InjectAgentMessage", message=message, behavior=behavior)
        case ("answer", named):
            calls = [x.body for x in talk.sent if x.kind == "FunctionCallRequest"]
            if calls:
                known = {"id": calls[-1]["functions"][0]["id"]} if named else {}
                response = known | {"name": "get_weather", "content": "Sun."}
                talk.command("FunctionCallResponse", **response)
        case ("plain", kind):
            talk.command(kind, **MORE.get(kind, {}))
        case ("fatal", "junk"):
            talk.send("junk")
        case ("fatal", kind):
            talk.send(MORE[kind])


def check_order(sent: list[Sent]) -> None:
    """Twins follow their texts, one start a reply, nothing after the end."""
    kinds = [x.kind for x in sent]
    if "end" in kinds:
        assert kinds[-2:] == ["Error", "end"]
    texts = [x for x in sent if x.kind not in ("audio", "begun", "cut", "end")]
    ids: list[str] = []
    started = False
    for said, after in zip(texts, [*texts[1:], None], strict=True):
        body = said.body
        if body["type"] == "ConversationText":
            assert after is not None
            twin = {"type": "History", "role": body["role"], "content": body["content"]}
            assert after.body == twin
            started = started and body["role"] == "assistant"
        elif body["type"] == "AgentStartedSpeaking":
            assert not started, "a second start in one reply"
            started = True
        elif body["type"] == "AgentAudioDone":
            started = False
        elif body["type"] == "FunctionCallRequest":
            ids += [function["id"] for function in body["functions"]]
    assert len(ids) == len(set(ids))
    times = [x.at for x in sent]
    assert times == sorted(times)


def check_utterances(sent: list[Sent]) -> None:
    """Every utterance is begun once, and sent whole or cut once, but not both."""
    begun: dict[int, int] = {}
    audio: Counter[int] = Counter()
    cut: set[int] = set()
    for x in sent:
        match x.item:
            case UtteranceBegun(number, speech):
                assert number not in begun
                begun[number] = len(speech.audio)
            case AudioPiece(piece, number):
                assert number in begun
                assert number not in cut
                audio[number] += len(piece)
            case UtteranceCut(number):
                assert number in begun
                assert number not in cut
                assert audio[number] < begun[number]
                cut.add(number)
    for number, size in begun.items():
        assert (audio[number] == size) is (number not in cut)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(
    actions=st.lists(ACTIONS, min_size=2, max_size=20),
    fault=st.sampled_from(
        [None, None, NoFinal(), LateFinal(1.0), EmptyAudio(), Trickle(1.5)]
    ),
    pace=st.sampled_from([1.0, 10.0]),
    listen_pace=st.sampled_from([0, 1.25]),
    ways=st.sampled_from(
        [AgentSettings(), AgentSettings(done_when_cut=False, function_timeout=1.0)]
    ),
    fatal=st.sampled_from(["", "", "junk", "Settings"]),
)
def test_promises_hold_for_any_client(
    actions: list[tuple[str, Any]],
    fault: Any,
    pace: float,
    listen_pace: float,
    ways: AgentSettings,
    fatal: str,
) -> None:
    """Order, twins, utterances, ids and timers, however the client behaves."""
    message = settings_of(greeting="Hello! How can I help?", functions=[weather()])
    talk = Talk(
        ways, fault=fault, settings=message, speech_pace=pace, listen_pace=listen_pace
    )
    for action in actions:
        do(talk, action)
    if fatal:
        do(talk, ("fatal", fatal))
    talk.wait(60)  # the client falls silent: the connection ends by itself
    count = len(talk.sent)
    talk.send(b"\xff" * 160)
    talk.send({"type": "KeepAlive"})

    assert talk.core.ended
    assert talk.core.next_timer() is None
    assert len(talk.sent) == count
    check_order(talk.sent)
    check_utterances(talk.sent)
