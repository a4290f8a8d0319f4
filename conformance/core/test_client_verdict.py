"""What the clients did wrong on a connection, from ledgers made by hand."""

from __future__ import annotations

import pytest

from conformance.core._client import CLOSE_STREAM, FRAME, Client, codes, only
from fakes.client_verdict import judge_clients
from fakes.ledger import Ledger, UtteranceMade
from fakes.speech import FrameCode, Speaker


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger."""
    return Ledger()


@pytest.fixture
def client(ledger: Ledger) -> Client:
    """A client that has just opened a connection."""
    made = Client(ledger)
    made.open()
    return made


def test_good_client_is_not_accused(ledger: Ledger, client: Client) -> None:
    """20 ms frames in real time, KeepAlive in silence, CloseStream, backoff."""
    client.send(FRAME, 500)
    client.send('{"type":"KeepAlive"}', 5, every=5.0)
    client.send(b"\xff" * 2000, 20, every=0.25)
    client.send(CLOSE_STREAM)
    client.end()
    for wait in (0.0, 0.5, 1.0, 2.0):
        client.now += wait
        client.refused(503)
    client.now += 4.0
    client.open()

    assert judge_clients(ledger) == []
    assert judge_clients(Ledger()) == []


def test_silence_without_keepalive(ledger: Ledger, client: Client) -> None:
    """Ten seconds of nothing, in the middle or before the end; evidence says when."""
    client.send(FRAME, 50)
    began = client.now
    client.now += 10.0
    client.end(1011, by="fake")

    finding = only(ledger, "keepalive_missing")
    assert finding.level == "must"
    assert finding.evidence[0].at == pytest.approx(began)
    assert "10.0 s" in finding.evidence[0].what


def test_silence_from_the_opening_counts(ledger: Ledger, client: Client) -> None:
    """The clock of the service starts at the opening."""
    client.send(FRAME, every=11.0)
    client.send(CLOSE_STREAM)
    client.end()

    assert only(ledger, "keepalive_missing").evidence[0].at == 100.0


def test_silence_on_a_speech_socket_is_fine(ledger: Ledger) -> None:
    """Speech sockets know no KeepAlive."""
    client = Client(ledger)
    client.open("speak")
    client.send('{"type":"Close"}', every=30.0)
    client.end()

    assert judge_clients(ledger) == []


def test_keepalive_in_binary(ledger: Ledger, client: Client) -> None:
    """It is audio to the service."""
    client.send(b'{"type":"KeepAlive"}', 3, every=3.0)
    client.send(CLOSE_STREAM)
    client.end()

    assert "3 commands" in only(ledger, "control_in_binary").evidence[0].what


def test_keepalive_on_flux(ledger: Ledger) -> None:
    """Flux closes on it."""
    client = Client(ledger)
    client.open("flux")
    client.send('{"type":"KeepAlive"}')
    client.end(1005, by="fake")

    only(ledger, "keepalive_on_flux")


def test_notes_of_a_request_are_told(ledger: Ledger, client: Client) -> None:
    """What the service lets pass is told as information."""
    client.attempt.note("query: sentiment is ignored on a stream")
    client.send(CLOSE_STREAM)
    client.end()

    finding = only(ledger, "odd_request")
    assert finding.level == "info"
    assert "sentiment" in finding.evidence[0].what


def test_empty_audio(ledger: Ledger, client: Client) -> None:
    """An empty binary message ends the stream; no second finding about the end."""
    client.send(FRAME, 10)
    client.send(b"")
    client.end()

    only(ledger, "empty_audio")


@pytest.mark.parametrize(
    ("size", "every", "code"),
    [
        (80, 0.01, "frames_too_short"),
        (3200, 0.4, "frames_too_long"),
        (159, 0.02, "frames_too_short"),
        (160, 0.02, None),
        (2000, 0.25, None),
    ],
)
def test_frame_sizes(
    ledger: Ledger, client: Client, size: int, every: float, code: str | None
) -> None:
    """20 to 250 ms of audio a message; the edges are fine."""
    client.send(b"\xff" * size, 50, every)
    client.send(CLOSE_STREAM)
    client.end()

    assert codes(ledger) == ([code] if code else [])


def test_odd_frame_now_and_then_is_fine(ledger: Ledger, client: Client) -> None:
    """What is left in a buffer goes out short, at the end and at pauses."""
    for _ in range(4):
        client.send(b"\xff" * 800, 20, 0.1)
        client.send(b"\xff" * 40)
    client.send(b"\xff" * 40)
    client.send(CLOSE_STREAM)
    client.end()

    assert judge_clients(ledger) == []


@pytest.mark.parametrize(("pace", "found"), [(1.2, False), (1.25, False), (4.0, True)])
def test_haste(ledger: Ledger, client: Client, pace: float, found: bool) -> None:
    """A minute of audio at four times real time, and at the documented limit."""
    client.send(b"\xff" * 800, 600, 0.1 / pace)
    client.send(CLOSE_STREAM)
    client.end()

    assert codes(ledger) == (["faster_than_real_time"] if found else [])


def test_backlog_of_a_short_break_is_fine(ledger: Ledger, client: Client) -> None:
    """Three seconds kept during a reconnection may come at once."""
    client.send(b"\xff" * 800, 30, 0.0001)
    client.send(CLOSE_STREAM, every=3.0)
    client.end()

    assert judge_clients(ledger) == []


@pytest.mark.parametrize(("code", "how"), [(1006, "dropped"), (1000, "closed with")])
def test_end_without_farewell(
    ledger: Ledger, client: Client, code: int, how: str
) -> None:
    """Leaving by dropping or by a bare close frame loses the last results."""
    client.send(FRAME, 10)
    client.end(code)

    assert how in only(ledger, "no_farewell").evidence[0].what


def test_words_that_were_never_finished(ledger: Ledger, client: Client) -> None:
    """Speech was sent, the client dropped before its final."""
    frames = [FrameCode(Speaker.CALLER, 4711, 1, n, 20) for n in range(20)]
    ledger.hear(client.attempt, frames, client.now)
    client.end(1006)

    assert codes(ledger) == ["no_farewell", "words_lost"]
    ledger.finalise(4711, 1, ["Hello"], client.now)
    assert codes(ledger) == ["no_farewell"]
    ledger.hear(client.attempt, frames[-1:], client.now + 0.5)
    assert codes(ledger) == ["no_farewell", "words_lost"]


def test_text_without_flush_and_speech_left_behind(ledger: Ledger) -> None:
    """Text that never sounds, and speech that nobody waited for."""
    client = Client(ledger)
    attempt = client.open("speak")
    client.send('{"type":"Speak","text":"Hello, world."}')
    ledger.make(
        UtteranceMade(
            utterance=1,
            text="Hello.",
            group="CA1",
            attempt=attempt.id,
            requested_at=1.0,
            frames=9,
            aborted=True,
        )
    )
    client.end(1006)
    findings = judge_clients(ledger)

    assert [(f.code, f.level) for f in findings] == [
        ("no_farewell", "should"),
        ("text_never_flushed", "should"),
        ("speech_discarded", "info"),
    ]
