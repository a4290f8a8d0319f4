"""The ledger as JSON lines, the bill, and how clients came back."""

from __future__ import annotations

import json

import pytest

from fakes import ledger as ledger_module
from fakes.backoff.reconnects import reconnects
from fakes.bill import Charge, charge_for
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.ear.audio_rate import bytes_a_second
from fakes.deepgram.outbox import AudioPiece, UtteranceBegun
from fakes.ledger import Attempt, Ledger
from fakes.ledger_export import ledger_lines
from fakes.speech import Speaker, speak


def attempt(
    ledger: Ledger, at: float, closed: float | None, **fields: object
) -> Attempt:
    """Enter an attempt that was over at ``closed``."""
    entry = ledger.knock(str(fields.pop("surface", "listen")), "CA1", at)
    entry.closed = closed
    for name, value in fields.items():
        setattr(entry, name, value)
    return entry


def refused(ledger: Ledger, at: float, status: int = 503, **fields: object) -> Attempt:
    """Enter a refusal."""
    outcome = f"refused {status}"
    return attempt(ledger, at, at, outcome=outcome, closed_by="fake", **fields)


def test_line_has_everything_of_a_connection() -> None:
    """One line of JSON: the attempt, its timeline, charge, fault and utterances."""
    ledger = Ledger()
    refused(ledger, 1.0)
    entry = attempt(ledger, 3.0, None, surface="listen", opened=3.1)
    entry.bytes_a_second = 8000.0
    book = Bookkeeper(ledger, entry)
    book.received(b"\xff" * 4000, [], 3.5)
    ledger.fire(entry, "Reset", 9.0)
    entry.closed = 5.1
    lines = [json.loads(line) for line in ledger_lines(ledger)]

    assert [line["outcome"] for line in lines] == ["refused 503", "pending"]
    line = lines[1]
    assert line["waited"] == 2.0
    assert line["open_seconds"] == pytest.approx(2.0)
    assert line["charge"] == {"unit": "audio seconds", "amount": 0.5}
    assert [(x["by"], x["kind"], x["size"]) for x in line["timeline"]] == [
        ("client", "audio", 4000)
    ]
    assert line["fault"]["fault"] == "Reset"
    assert line["conduct"]["audio_messages"] == 1


def test_lines_of_one_group_and_with_utterances() -> None:
    """A group's lines alone; utterances stand with their connection."""
    ledger = Ledger()
    ledger.knock("listen", "CA2", 0.5)
    entry = attempt(ledger, 1.0, None, surface="speak", opened=1.0)
    book = Bookkeeper(ledger, entry)
    speech = speak("Goodbye.", speaker=Speaker.AGENT, call=7)
    book.sending(UtteranceBegun(7, speech, 1.0), 1.0)
    book.sending(AudioPiece(b"\xff" * 160, 7), 1.1)
    (line,) = [json.loads(line) for line in ledger_lines(ledger, "CA1")]

    assert [made["text"] for made in line["utterances_made"]] == ["Goodbye."]
    assert list(ledger_lines(ledger, "nobody")) == []


def test_writing_goes_on_while_lines_are_read() -> None:
    """A long export neither fails nor repeats when new attempts come in."""
    ledger = Ledger()
    for number in range(100):
        ledger.knock("chat", "CA1", float(number))
    lines = ledger_lines(ledger)
    ids = [json.loads(next(lines))["id"]]
    ledger.knock("chat", "CA1", 200.0)
    ids += [json.loads(line)["id"] for line in lines]

    assert ids == sorted(set(ids))
    assert len(ids) == 100


def test_timelines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest sockets keep their timeline."""
    monkeypatch.setattr(ledger_module, "TIMELINES_KEPT", 3)
    ledger = Ledger()
    attempts = [ledger.knock("listen", "", float(n)) for n in range(5)]
    for entry in attempts:
        Bookkeeper(ledger, entry).received(b"\xff", [], 9.0)
    kept = [ledger.kept_timeline(entry.id) is not None for entry in attempts]

    assert kept == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("surface", "fields", "charge"),
    [
        ("listen", {"bytes_a_second": 8000.0}, Charge("audio seconds", 2.0)),
        ("flux", {"bytes_a_second": 32000.0}, Charge("audio seconds", 0.5)),
        ("listen", {}, None),
        ("listen_rest", {"audio_seconds": 3.5}, Charge("audio seconds", 3.5)),
        ("speak_rest", {"characters": 120}, Charge("characters", 120)),
        ("agent", {"closed": 91.0}, Charge("minutes", 1.5)),
        ("agent", {}, None),
        ("chat", {}, None),
        ("listen", {"opened": None, "bytes_a_second": 8000.0}, None),
    ],
)
def test_bill(surface: str, fields: dict[str, object], charge: Charge | None) -> None:
    """Audio seconds, characters, agent minutes; nothing for a refusal."""
    entry = Attempt(id=1, surface=surface, at=0.0, opened=1.0, audio_bytes=16000)
    for name, value in fields.items():
        setattr(entry, name, value)

    assert charge_for(entry) == charge


@pytest.mark.parametrize(
    ("query", "rate"),
    [
        ("encoding=mulaw&sample_rate=8000", 8000.0),
        ("encoding=linear16&sample_rate=16000&channels=2", 64000.0),
        ("encoding=opus&sample_rate=48000", 0.0),
        ("", 0.0),
        ("encoding=mulaw&sample_rate=abc", 0.0),
        ("encoding=mulaw&sample_rate=-8000", 0.0),
    ],
)
def test_bytes_of_a_second(query: str, rate: float) -> None:
    """Raw audio has a fixed size, compressed audio and nonsense have none."""
    pairs = [tuple(pair.split("=")) for pair in query.split("&") if pair]

    assert bytes_a_second(pairs) == rate  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        ('{"type":"Settings","audio":{"input":{"encoding":"mulaw","sample_rate":8000}}}',
         8000.0),
        ('{"type":"Settings","audio":{"input":5}}', 0.0),
        ('{"type":"Settings"', 0.0),
    ],
)  # fmt: skip
def test_voice_agent_announces_its_audio(settings: str, rate: float) -> None:
    """The Settings of an agent say what a second of its audio takes."""
    ledger = Ledger()
    entry = ledger.knock("agent", "CA1", 1.0)
    Bookkeeper(ledger, entry).received(settings, [], 1.0)

    assert entry.bytes_a_second == rate


def test_reconnects_are_the_ways_back_after_the_services_doing() -> None:
    """Refused, closed and dropped count; what the client ended itself does not."""
    ledger = Ledger()
    refused(ledger, 1.0)
    attempt(ledger, 1.5, 2.0, opened=1.5, closed_by="fake", close_code=1011)
    attempt(ledger, 3.0, 13.0, opened=3.0, closed_by="fake", close_code=1006)
    attempt(ledger, 13.5, 14.0, opened=13.5, closed_by="client", close_code=1000)
    attempt(ledger, 20.0, None, opened=20.0)
    attempt(ledger, 21.0, None, opened=21.0)
    found = [
        (back.seconds, back.cause, back.failed) for back in reconnects(ledger.attempts)
    ]

    assert found == [
        (0.5, "refused 503", True),
        (1.0, "closed 1011", True),
        (0.5, "dropped", False),
    ]


def test_attempts_side_by_side_are_no_way_back() -> None:
    """A second connection while the first is open is not a reconnection."""
    ledger = Ledger()
    attempt(ledger, 1.0, 10.0, opened=1.0, closed_by="fake", close_code=1011)
    attempt(ledger, 5.0, None, opened=5.0)

    assert reconnects(ledger.attempts) == []
