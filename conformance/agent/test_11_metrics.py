"""What the agent says of its own speed, held against the wire.

``GET /metrics`` beside the voice webhook must answer ``{"open_calls": 0, "calls":
[{"call_sid": ..., "turns": [{"llm_time_to_first_token_ms": ...,
"tts_time_to_first_byte_ms": ...}, ...]}]}``; an agent without it is UNSUPPORTED.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from conformance._asking import ask
from conformance._case import MUST, SHOULD, case
from conformance._line import Line, Unsupported
from fakes.evidence.own_figures import metrics_url
from fakes.faults import Delay, Nothing, Trickle
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say

_MODEL, _SPEECH = "llm_time_to_first_token_ms", "tts_time_to_first_byte_ms"
# What the way to the model and back, and a busy machine, may add.
_TOLERANCE = 0.15


async def _metrics(line: Line) -> dict[str, Any]:
    url = metrics_url(line.agent)
    if not url:
        raise Unsupported("needs the address of the voice webhook")
    try:
        told = (await ask("GET", url, line.reach)).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unsupported(f"needs GET {url} ({error})") from None
    if not isinstance(told, dict) or not isinstance(told.get("calls"), list):
        raise Unsupported(f"needs GET {url} in the form of the README")
    return told


async def _turns(line: Line) -> list[dict[str, float]]:
    """Return what the agent says of this call's turns, once the call is over."""
    for _ in range(30):
        for call in (await _metrics(line))["calls"]:
            if call.get("call_sid") == line.call_sid:
                return list(call.get("turns", []))
        await asyncio.sleep(0.1)
    line.expect(False, "the finished call among the agent's metrics", "it is not there")
    return []


async def _model_delays(line: Line) -> list[float]:
    return [
        attempt.first_answer_at - attempt.at
        for attempt in await line.attempts("chat")
        if attempt.first_answer_at is not None
    ]


def _expect_near(line: Line, said: list[float], wire: list[float]) -> None:
    pairs = list(zip(said, wire, strict=False))
    wrong = [f"{a:.3f} s for {b:.3f} s" for a, b in pairs if abs(a - b) > _TOLERANCE]
    line.expect(
        len(said) == len(wire) and not wrong,
        f"{len(wire)} values, each within {_TOLERANCE:g} s of the wire",
        ", ".join(wrong) or f"{len(said)} values",
    )


@case(
    "11.1",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/issues/3451",
    mutants=("measures_the_first_turn_only",),
    needs=("metrics",),
)
async def test_every_turn_has_its_figures(line: Line) -> None:
    """Every turn that was answered has its figures.

    Do: three questions with their replies; ask for the metrics.
    Expect: three sets of figures, each with the model's and the speech's first answer.
    Because: an average over the turns that were measured hides those that were not.
    """
    said = ("What time is it?", "Where are you located?", "Where is my parcel?")
    await line.talk(AwaitGreeting(), *(Say(text) for text in said), HangUp())
    line.expect_completed()
    turns = await _turns(line)
    whole = [turn for turn in turns if _MODEL in turn and _SPEECH in turn]
    line.expect(len(whole) == 3, "three sets of figures", f"{len(whole)}")


@case(
    "11.2",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/3822",
    mutants=("reports_the_first_value_again", "measures_from_the_first_turn"),
    needs=("metrics",),
)
async def test_figures_follow_the_wire(line: Line) -> None:
    """The reported time of the model is that of the wire, turn by turn.

    Do: the model takes 0, 0.9 and 0.4 s longer; three questions; ask for the metrics.
    Expect: each value within 0.15 s of what passed on the wire.
    Because: a figure that does not move with what it measures is decoration.
    """
    await line.fault("chat", Nothing(), Delay(0.9), Delay(0.4))
    said = ("What time is it?", "Where are you located?", "Where is my parcel?")
    await line.talk(AwaitGreeting(), *(Say(text) for text in said), HangUp())
    line.expect_completed()
    turns = await _turns(line)
    told = [turn[_MODEL] / 1000 for turn in turns if _MODEL in turn]
    _expect_near(line, told, await _model_delays(line))


@case(
    "11.3",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent",
    mutants=("mixes_the_figures_of_calls",),
    needs=(
        "concurrent-calls",
        "metrics",
    ),
)
async def test_figures_belong_to_their_call(line: Line) -> None:
    """The figures of a call are its own.

    Do: two calls at once; the model takes 1.2 s longer for one of them.
    Expect: each call's figures are those of its own wire.
    Because: start times in shared variables are those of whoever came last.
    """
    async with line.beside() as other:
        await line.fault("chat", Delay(1.2))
        await asyncio.gather(
            *(
                one.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
                for one in (line, other)
            )
        )
        for one in (line, other):
            one.expect_completed()
            told = [turn[_MODEL] / 1000 for turn in await _turns(one) if _MODEL in turn]
            _expect_near(one, told, await _model_delays(one))


@case(
    "11.4",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/1431",
    mutants=("measures_speech_from_the_question",),
    needs=("metrics",),
)
async def test_speech_is_not_charged_with_the_model(line: Line) -> None:
    """The reported time of the speech service does not contain the model's.

    Do: let the model take 0.3 s a word; a question; ask for the metrics.
    Expect: less than 0.6 s to the first byte of speech.
    Because: whoever reads it changes the wrong provider.
    """
    await line.fault("chat", Trickle(0.3))
    await line.talk(AwaitGreeting(), Say("Where is my parcel?"), HangUp())
    line.expect_completed()
    told = [turn[_SPEECH] / 1000 for turn in await _turns(line) if _SPEECH in turn]
    line.expect(
        bool(told) and max(told) <= 0.6,
        "at most 0.6 s",
        ", ".join(f"{value:.2f} s" for value in told) or "nothing",
    )


@case(
    "11.5",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/4823",
    mutants=("counts_ended_calls_as_open",),
    needs=(
        "concurrent-calls",
        "metrics",
    ),
)
async def test_open_calls_are_counted(line: Line) -> None:
    """The number of open calls is true during calls and after them.

    Do: two calls to an agent of its own, one of them ended by a reset; ask for the
        metrics during them and 2 s after them.
    Expect: 2, then 0.
    Because: what balances load by this number sends calls to a full machine.
    """
    async with line.own_agent(), line.beside() as other:
        talking = asyncio.gather(
            line.talk(Pause(3.0), HangUp()), other.talk(Pause(3.0), HangUp("reset"))
        )
        await asyncio.sleep(1.8)
        during = (await _metrics(line)).get("open_calls")
        await talking
        await asyncio.sleep(2.0)
        after = (await _metrics(line)).get("open_calls")
    line.expect((during, after) == (2, 0), "2, then 0", f"{during}, then {after}")
