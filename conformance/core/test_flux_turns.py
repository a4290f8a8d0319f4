"""The rules of Flux's turns, for whatever is said and however it is sent."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._flux import AT_ONCE, events, flux, messages, stream
from conformance.core._listening import (
    SAID,
    audio_of,
    caller,
    chunkings,
    scripts,
)
from fakes.deepgram.flux.turns import TABLE, Event, Signal, State
from fakes.deepgram.outbox import Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import LateFinal, NoFinal
from voiceutils.mulaw import SILENCE_FRAME

EAGER = ("eager_eot_threshold", "0.4")
QUIET = SILENCE_FRAME * 60


def turns_of(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the TurnInfo messages."""
    return [message for message in said if message["type"] == "TurnInfo"]


def check_rules(said: list[dict[str, Any]], *, eager: bool) -> None:
    """The documented rules, one after the other."""
    assert [message["sequence_id"] for message in said] == list(range(len(said)))
    turn, active, announced, window = 0, False, None, 0.0
    last_end = 0.0
    for message in turns_of(said):
        event, text = message["event"], message["transcript"]
        assert message["turn_index"] == turn
        assert message["audio_window_start"] == window
        assert message["audio_window_end"] >= last_end
        last_end = message["audio_window_end"]
        assert text == " ".join(word["word"] for word in message["words"])
        assert ("trigger" in message) == (event == "EndOfTurn")
        if event == "StartOfTurn":
            assert text
            assert not active
            active = True
        elif event == "EagerEndOfTurn":
            assert eager
            assert active
            assert text
            assert announced is None
            announced = text
        elif event == "TurnResumed":
            assert announced is not None
            assert text != announced
            announced = None
        elif event == "EndOfTurn":
            assert active
            assert announced in (None, text)
            turn, active, announced, window = turn + 1, False, None, last_end
        else:
            assert event == "Update"
            assert active or not text
            assert announced in (None, text)


@given(script=scripts, chunks=chunkings, eager=st.booleans())
@settings(max_examples=40)
def test_rules_hold_and_cutting_changes_nothing(
    script: list[str | int], chunks: list[int], *, eager: bool
) -> None:
    """Whatever is said and in whatever pieces it comes, the messages are the same."""
    audio = audio_of(script)
    more = (EAGER,) if eager else ()
    whole = messages(stream(flux(*more), audio))
    cut = messages(stream(flux(*more), audio, chunks))

    check_rules(whole, eager=eager)
    assert cut == whole


@given(
    script=scripts,
    orders=st.lists(
        st.sampled_from(
            ['{"type":"ForceEndTurn"}', '{"type":"Configure","numerals":true}']
        ),
        max_size=5,
    ),
    size=st.integers(200, 3000),
)
@settings(max_examples=40)
def test_rules_hold_with_orders_of_the_client(
    script: list[str | int], orders: list[str], size: int
) -> None:
    """ForceEndTurn and Configure at any moment break no rule, and lose no word."""
    core, audio = flux(EAGER), audio_of([*script, 60])
    said, now = core.take(), 0.0
    waiting = list(orders)
    for at in range(0, len(audio), size):
        now += size / 8000
        core.receive(audio[at : at + size], now)
        if waiting and (at // size) % 3 == 1:
            core.receive(waiting.pop(), now)
        said += core.take()
    check_rules(messages(said), eager=True)
    finals = [
        word.text
        for item in said
        if isinstance(item, Said)
        for word in item.final or ()
    ]
    spoken = " ".join(part for part in script if isinstance(part, str)).split()
    assert finals == spoken


def test_the_documented_turn() -> None:
    """The events of the documented example, in its order."""
    first, second = caller("Hello, this is caller four."), caller("Seven.", turn=2)
    pause = SILENCE_FRAME * 10
    audio = SILENCE_FRAME * 20 + b"".join((*first, pause, *second)) + QUIET
    said = stream(flux(("eager_eot_threshold", "0.3")), audio)
    order = [event for event, _, _ in events(said)]
    squeezed = [
        event for at, event in enumerate(order) if not at or event != order[at - 1]
    ]

    # No Update is left between two events that are close.
    core = [event for event in squeezed if event != "Update"]
    assert core == [
        "StartOfTurn",
        "EagerEndOfTurn",
        "TurnResumed",
        "EagerEndOfTurn",
        "EndOfTurn",
    ]
    assert order[0] == "Update"
    assert order[-1] == "Update"
    last = turns_of(messages(said))[-1]
    assert (last["turn_index"], last["transcript"]) == (1, "")


def test_fields_and_their_order_are_those_of_the_wire() -> None:
    """A TurnInfo has exactly the documented keys, in the documented order."""
    said = turns_of(messages(stream(flux(), b"".join(caller()) + QUIET)))
    ends = [message for message in said if message["event"] == "EndOfTurn"]
    common = [
        "type", "request_id", "sequence_id", "event", "turn_index",
        "audio_window_start", "audio_window_end", "transcript", "words",
        "end_of_turn_confidence",
    ]  # fmt: skip

    assert list(said[0]) == common
    assert list(ends[0]) == [*common, "trigger"]
    assert ends[0]["transcript"] == SAID
    assert list(ends[0]["words"][0]) == ["word", "confidence", "start", "end"]
    assert ends[0]["words"][0]["word"] == "Hello,"


def test_updates_come_every_quarter_of_a_second_of_audio() -> None:
    """Also before anybody speaks; not by the clock."""
    said = turns_of(messages(stream(flux(), SILENCE_FRAME * 100, close=False)))
    ends = [message["audio_window_end"] for message in said]

    assert all(event["event"] == "Update" for event in said)
    assert len(ends) == 7
    assert ends[0] == 0.26


def end_after(core: Any, text: str, quiet: int = 400) -> tuple[float, str]:
    """Return the seconds of silence before EndOfTurn, and its trigger."""
    frames = caller(text)
    audio = b"".join(frames) + SILENCE_FRAME * quiet
    for message in turns_of(messages(stream(core, audio, close=False))):
        if message["event"] == "EndOfTurn":
            last_word = message["words"][-1]["end"]
            return message["audio_window_end"] - last_word, message["trigger"]
    return float("inf"), ""


def test_thresholds_decide_when_a_turn_ends() -> None:
    """A higher threshold waits longer; the timeout ends what never becomes sure."""
    waits = [
        end_after(flux(("eot_threshold", value)), SAID)
        for value in ("0.5", "0.7", "0.9")
    ]
    assert [trigger for _, trigger in waits] == ["model"] * 3
    assert waits[0][0] < waits[1][0] < waits[2][0]
    assert 0.25 <= waits[1][0] <= 0.4

    slow = end_after(flux(), "Hello, this is caller")
    assert slow[0] > waits[1][0]
    timed = (("eot_threshold", "1.0"), ("eot_timeout_ms", "800"))
    waited, trigger = end_after(flux(*timed), SAID)
    assert trigger == "timeout"
    assert 0.79 < waited < 0.85


def test_unfinished_text_may_be_left_to_the_timeout() -> None:
    """A setting keeps the confidence below the threshold then: five seconds."""
    doubtful = DeepgramSettings(
        listen_pace=0, flux_delay=0.0, flux_unfinished_confidence=0.6
    )
    waited, trigger = end_after(flux(settings=doubtful), "Hello, this is caller")

    assert trigger == "timeout"
    assert 4.99 < waited < 5.05


def test_timeout_waits_for_audio_and_not_for_the_clock() -> None:
    """A client that stops sending gets no EndOfTurn, however long it waits."""
    core = flux(("eot_threshold", "1.0"), ("eot_timeout_ms", "500"))
    said = stream(core, b"".join(caller()), close=False)
    core.on_timer(50.0)
    said += core.take()
    assert not [event for event, _, _ in events(said) if event == "EndOfTurn"]
    core.receive(SILENCE_FRAME * 26, 50.0)
    assert "EndOfTurn" in [event for event, _, _ in events(core.take())]


def test_faults_of_the_end_of_turn() -> None:
    """NoFinal: turns never end by themselves; LateFinal: later, in order."""
    audio = b"".join(caller()) + QUIET
    never = stream(flux(fault=NoFinal()), audio)
    assert "EndOfTurn" not in [event for event, _, _ in events(never)]

    late = flux(fault=LateFinal(3.0))
    said = stream(late, audio, close=False)
    assert "EndOfTurn" not in [event for event, _, _ in events(said)]
    late.on_timer(30.0)
    said += late.take()
    check_rules(messages(said), eager=False)
    assert "EndOfTurn" in [event for event, _, _ in events(said)]


def test_table_says_what_the_documentation_draws() -> None:
    """Every state gives Updates; only an announced end can be taken back."""
    assert {state for state, _ in TABLE} == set(State)
    resumed = [key for key, (_, event) in TABLE.items() if event is Event.RESUMED]
    assert resumed == [(State.ENDING, Signal.WORDS)]
    ends = {state for (state, _), (after, event) in TABLE.items() if event is Event.END}
    assert ends == {State.SPEAKING, State.ENDING}
    assert all((state, Signal.TICK) in TABLE for state in State)
    assert AT_ONCE.flux_delay == 0.0
