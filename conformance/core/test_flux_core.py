"""One Flux connection in virtual time: orders, errors, limits and the ledger."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._flux import AT_ONCE, events, flux, messages, stream
from conformance.core._listening import SAID, caller
from fakes.deepgram.outbox import Ended, Outgoing, Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import HearsPings
from voiceutils.mulaw import SILENCE_FRAME

QUIET = SILENCE_FRAME * 60
SPEECH = b"".join(caller())
HALF = SPEECH[: len(SPEECH) // 320 * 160]


def order(kind: str, **fields: Any) -> str:
    """Return what a client sends."""
    return json.dumps({"type": kind} | fields)


def test_connected_comes_on_open() -> None:
    """With the request's id and sequence_id 0."""
    (connected,) = messages(flux().take())
    assert list(connected) == ["type", "request_id", "sequence_id"]
    assert (connected["type"], connected["sequence_id"]) == ("Connected", 0)


def test_force_end_turn_ends_the_turn_with_what_was_said() -> None:
    """Trigger manual, the confidence as it is; what follows is the next turn."""
    core = flux(("eager_eot_threshold", "0.3"))
    said = stream(core, HALF, close=False)
    core.receive(order("ForceEndTurn"), 5.0)
    (end,) = messages(core.take())

    assert (end["event"], end["trigger"]) == ("EndOfTurn", "manual")
    assert end["transcript"]
    assert end["transcript"].startswith(events(said)[-1][2])
    assert 0 < end["end_of_turn_confidence"] < 0.7
    core.receive(SPEECH[len(HALF) :] + QUIET, 5.0)
    later = messages(core.take())
    first = " ".join(word["word"] for word in end["words"])
    rest = [m["transcript"] for m in later if m.get("event") == "EndOfTurn"]
    assert f"{first} {rest[0]}" == SAID


def test_force_end_turn_without_a_turn_is_warned_about() -> None:
    """The Warning as documented; the stream goes on."""
    core = flux()
    core.take()
    core.receive(order("ForceEndTurn"), 1.0)
    (warning,) = messages(core.take())

    assert warning == {
        "type": "Warning",
        "code": "FORCE_END_TURN_NO_ACTIVE_TURN",
        "description": "Received ForceEndTurn while no turn was active; the request "
        "was ignored.",
        "request_id": warning["request_id"],
        "sequence_id": 1,
    }
    assert not core.ended


def test_close_stream_gives_what_is_left_as_update() -> None:
    """No EndOfTurn, no Metadata; a close frame without status code."""
    said = stream(flux(), SPEECH)

    assert said[-1] == Ended(1005, "")
    kinds = [event for event, _, _ in events(said)]
    assert kinds[-1] == "Update"
    assert "EndOfTurn" not in kinds
    assert events(said)[-1][2] == SAID
    assert {m["type"] for m in messages(said)} == {"Connected", "TurnInfo"}


@pytest.mark.parametrize(
    "junk",
    [
        order("KeepAlive"),
        order("Finalize"),
        order("Configure", features={"numerals": True}),
        order("Configure", numerals="true"),
        order("Configure", thresholds={"eot": 0.7}),
        "junk",
        "{}",
        "[" * 5000,
        "\ud800",
    ],
)
def test_any_other_text_is_fatal(junk: str) -> None:
    """KeepAlive too: Error, then the close without a code."""
    core = flux()
    core.take()
    core.receive(junk, 1.0)
    error, end = core.take()

    assert isinstance(error, Said)
    told = json.loads(error.text)
    assert list(told) == ["type", "sequence_id", "code", "description"]
    assert (told["type"], told["code"]) == ("Error", "UNPARSABLE_CLIENT_MESSAGE")
    assert end == Ended(1005, "")
    assert core.next_timer() is None
    core.receive(SPEECH, 2.0)
    assert core.take() == []


def test_configure_echoes_all_that_is_active() -> None:
    """What is not given stays; key terms replace the list, and [] clears it."""
    core = flux(("eager_eot_threshold", "0.4"), ("keyterm", "a"))
    core.take()
    core.receive(order("Configure", thresholds={"eot_threshold": 0.8}), 1.0)
    core.receive(order("Configure", keyterms=["b", "c"], numerals=True), 1.0)
    core.receive(order("Configure", keyterms=[]), 1.0)
    first, second, third = messages(core.take())

    assert first["type"] == "ConfigureSuccess"
    assert list(first)[-1] == "sequence_id"
    assert first["thresholds"] == {
        "eager_eot_threshold": 0.4,
        "eot_threshold": 0.8,
        "eot_timeout_ms": 5000,
    }
    assert [m["keyterms"] for m in (first, second, third)] == [["a"], ["b", "c"], []]
    assert [m["numerals"] for m in (first, second, third)] == [False, True, True]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"thresholds": {"eager_eot_threshold": 0.8}}, "INVALID_THRESHOLD"),
        ({"thresholds": {"eot_threshold": 0.2}}, "INVALID_THRESHOLD"),
        ({"thresholds": {"eot_timeout_ms": 10}}, "INVALID_THRESHOLD"),
        ({"keyterms": ["x"] * 101}, "INVALID_KEYTERMS"),
        ({"language_hints": ["es"]}, "INVALID_LANGUAGE_HINTS"),
    ],
)
def test_configure_is_all_or_nothing(change: dict[str, Any], code: str) -> None:
    """One wrong value, and nothing of the message is applied; the stream goes on."""
    core = flux()
    core.take()
    good: dict[str, Any] = {"keyterms": ["y"], "numerals": True}
    core.receive(order("Configure", **(good | change)), 1.0)
    core.receive(order("Configure"), 2.0)
    failure, active = messages(core.take())

    assert (failure["type"], failure["code"]) == ("ConfigureFailure", code)
    assert active["type"] == "ConfigureSuccess"
    assert active["keyterms"] == []
    assert active["numerals"] is False
    assert active["thresholds"] == {"eot_threshold": 0.7, "eot_timeout_ms": 5000}


def test_configure_comes_one_at_a_time() -> None:
    """While the answer to one waits behind the audio, another is refused."""
    core = flux(settings=DeepgramSettings())
    core.receive(SILENCE_FRAME * 100, 0.0)
    core.receive(order("Configure", numerals=True), 0.0)
    core.receive(order("Configure", numerals=False), 0.0)
    core.on_timer(5.0)
    core.receive(order("Configure"), 5.0)
    *_, first, second, third = messages(core.take())

    assert first["type"] == "ConfigureSuccess"
    assert second["code"] == "CONFIGURE_ALREADY_PENDING"
    assert (third["type"], third["numerals"]) == ("ConfigureSuccess", True)


def test_configure_takes_effect_on_the_audio_after_it() -> None:
    """With 1.0 from now on, the turn does not end by itself any more."""
    core = flux()
    said = stream(core, SPEECH, close=False)
    core.receive(order("Configure", thresholds={"eot_threshold": 1.0}), 9.0)
    core.receive(QUIET, 9.0)
    said += core.take()

    assert "EndOfTurn" not in [event for event, _, _ in events(said)]


def test_idle_limit_is_reset_by_anything_and_by_pings() -> None:
    """Sixty seconds; then Error INACTIVE_CLIENT and the close without a code."""
    core = flux()
    assert isinstance(core, HearsPings)
    assert core.next_timer() == 60.0
    core.pinged(50.0)
    core.on_timer(100.0)
    assert not core.ended
    core.receive(SILENCE_FRAME, 105.0)
    assert core.next_timer() == 165.0
    core.on_timer(165.0)
    *_, error, end = core.take()

    assert isinstance(error, Said)
    assert json.loads(error.text)["code"] == "INACTIVE_CLIENT"
    assert end == Ended(1005, "")


def test_empty_frame_is_ignored_or_closes_by_setting() -> None:
    """It is unknown what Flux makes of it."""
    calm, strict = flux(), flux(settings=DeepgramSettings(flux_empty_frame_closes=True))
    for core in (calm, strict):
        core.receive(b"", 1.0)
        core.on_timer(2.0)
    assert (calm.ended, strict.ended) == (False, True)


def test_finals_for_the_ledger_are_the_words_of_ended_turns() -> None:
    """EndOfTurn carries what was said, with call and turn; other events nothing."""
    said = stream(flux(), SPEECH + QUIET)
    finals = [item.final for item in said if isinstance(item, Said) and item.final]

    assert len(finals) == 1
    assert [word.text for word in finals[0] or ()] == SAID.split()
    assert {(word.call, word.turn) for word in finals[0] or ()} == {(4729, 1)}
    core = flux()
    core.receive(SPEECH, 1.0)
    assert len(core.take_codes()) == len(SPEECH) // 160


def test_numerals_redaction_and_languages() -> None:
    """Figures for numbers, a star for what is redacted, the languages heard."""
    several = ("model", "flux-general-multi")
    options = [("numerals", "true"), ("redact", "numbers")]
    figures = stream(flux(options[0], several, ("language_hint", "en")), SPEECH + QUIET)
    hidden = stream(flux(options[1]), SPEECH + QUIET)

    end = next(m for m in messages(figures) if m.get("event") == "EndOfTurn")
    assert end["transcript"] == "Hello, this is caller 4729."
    assert (end["languages"], end["languages_hinted"]) == (["en"], ["en"])
    end = next(m for m in messages(hidden) if m.get("event") == "EndOfTurn")
    assert end["transcript"] == "Hello, this is caller *."


def test_backlog_delays_what_follows() -> None:
    """Audio that comes at once is heard at 1.25 times its speed."""
    core = flux(settings=DeepgramSettings())
    core.take()
    core.receive(SILENCE_FRAME * 100, 0.0)
    assert core.take() == []
    core.on_timer(2.0 / 1.25 + 0.04)
    assert core.take() == []
    core.on_timer(2.0 / 1.25 + 0.06)
    assert len(core.take()) == 7


clients = st.lists(
    st.one_of(
        st.sampled_from(
            [
                SPEECH,
                HALF,
                QUIET,
                b"",
                b"\x00" * 77,
                order("ForceEndTurn"),
                order("CloseStream"),
                order("Configure", numerals=True),
                order("Configure", thresholds={"eot_threshold": 0.1}),
                order("KeepAlive"),
                "ping",
            ]
        ),
        st.floats(0, 70),
    ),
    max_size=12,
)


@given(clients, st.sampled_from([AT_ONCE, DeepgramSettings()]))
@settings(max_examples=80)
def test_whatever_a_client_does(
    client: list[bytes | str | float], options: DeepgramSettings
) -> None:
    """Sequence ids have no gap, nothing follows the close, timers never stand still."""
    core, now, said = flux(settings=options), 0.0, list[Outgoing]()
    for step in client:
        if isinstance(step, float):
            now += step
        elif step == "ping":
            core.pinged(now)
        else:
            core.receive(step, now)
        core.on_timer(now)
        said += core.take()
        due = core.next_timer()
        assert (due is None) == core.ended
        assert due is None or due > now
    core.on_timer(now + 1000)
    said += core.take()
    assert core.ended
    numbers = [message["sequence_id"] for message in messages(said)]
    assert numbers == list(range(len(numbers)))
    assert [type(item) for item in said].count(Ended) == 1
    assert isinstance(said[-1], Ended)
