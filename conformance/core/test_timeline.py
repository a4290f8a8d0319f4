"""What crossed a connection, and how its client behaved."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fakes.conduct import Conduct, is_control
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.outbox import AudioPiece, Ended, Said, UtteranceBegun
from fakes.ledger import Attempt, Ledger
from fakes.speech import Speaker, speak
from fakes.timeline import FIRST_KEPT, LAST_KEPT, Timeline

RATE = 8000.0
_MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["client", "fake"]),
        st.sampled_from(["audio", "KeepAlive", "Results"]),
        st.floats(0.0, 2.0),
        st.integers(0, 400),
    ),
    max_size=300,
)


@given(_MESSAGES)
def test_timeline_counts_every_message_and_stays_bounded(
    messages: list[tuple[str, str, float, int]],
) -> None:
    """Nothing is lost in the sums while entries are kept; runs never mix."""
    timeline = Timeline()
    now = 0.0
    for by, kind, wait, size in messages:
        now += wait
        timeline.add(by, kind, size, now)
    entries = timeline.crossings

    assert len(entries) <= FIRST_KEPT + LAST_KEPT
    for entry in entries:
        assert entry.at <= entry.until
        assert entry.gap <= min(1.0, entry.until - entry.at)
    if not timeline.omitted:
        assert sum(entry.count for entry in entries) == len(messages)
        assert sum(entry.size for entry in entries) == sum(m[3] for m in messages)
        for by in ("client", "fake"):
            mine = [entry for entry in entries if entry.by == by]
            ends = pairwise(mine)
            assert all(a.kind != b.kind or b.at - a.until > 1.0 for a, b in ends)


def test_long_connection_keeps_its_beginning_and_its_end() -> None:
    """The first and the last hundred entries stay; the rest is counted."""
    timeline = Timeline()
    for number in range(1000):
        timeline.add("fake", f"kind {number}", 1, float(number))
    kinds = [entry.kind for entry in timeline.crossings]

    assert kinds[0] == "kind 0"
    assert kinds[-1] == "kind 999"
    assert len(kinds) + timeline.omitted == 1000


def booked(rate: float = RATE, surface: str = "listen") -> tuple[Attempt, Bookkeeper]:
    """Return an open connection and its book."""
    ledger = Ledger()
    attempt = ledger.knock(surface, "CA1", 0.0)
    attempt.opened, attempt.bytes_a_second = 0.0, rate
    return attempt, Bookkeeper(ledger, attempt)


@given(st.lists(st.tuples(st.floats(0.001, 12.0), st.integers(1, 4000)), min_size=1))
def test_figures_of_conduct_agree_with_the_whole_story(
    frames: list[tuple[float, int]],
) -> None:
    """Silence, frame sizes and haste are those of the whole list."""
    attempt, book = booked()
    now, moments = 0.0, [0.0]
    for wait, size in frames:
        now += wait
        moments.append(now)
        book.received(b"\xff" * size, [], now)
    conduct = attempt.conduct
    gaps = [b - a for a, b in pairwise(moments)]

    assert conduct.silence == max(gaps)
    assert conduct.audio_messages == attempt.messages == len(frames)
    assert conduct.short_messages == sum(size < 160 for _, size in frames)
    assert conduct.long_messages == sum(size > 2000 for _, size in frames)
    ahead = most = 0.0
    for (_, size), gap in zip(frames, gaps, strict=True):
        ahead = max(0.0, ahead + size / RATE - 1.25 * gap)
        most = max(most, ahead)
    assert abs(conduct.most_ahead - most) < 1e-6


def test_texts_of_a_speaking_client() -> None:
    """Characters are counted, those that were never flushed apart."""
    attempt, book = booked(surface="speak")
    for text in (
        '{"type":"Speak","text":"Hello."}',
        '{"type":"Flush"}',
        '{"type": "Speak", "text": "Bye"}',
        '{"type":"Speak","text":5}',
        '{"type":"Speak"',
    ):
        book.received(text, [], 1.0)

    assert attempt.characters == 9
    assert attempt.conduct.unspoken == 3
    book.received('{"type":"Close"}', [], 2.0)
    assert attempt.conduct.farewell == "Close"


def test_odd_messages_of_a_client() -> None:
    """A command in binary, an empty message and KeepAlive are told apart from audio."""
    attempt, book = booked()
    for message in (
        '{"type": "KeepAlive"}', b'{"type":"KeepAlive"}', b"", b"{" + b"\xff" * 159,
    ):  # fmt: skip
        book.received(message, [], 1.0)
    conduct = attempt.conduct

    assert (conduct.keep_alives, conduct.binary_controls) == (1, 1)
    assert (conduct.empty_audio, conduct.farewell) == (1, "empty audio")
    for message in ('{"type":"CloseStream"}', b""):
        book.received(message, [], 2.0)
    assert (conduct.empty_audio, conduct.farewell) == (2, "CloseStream")
    assert (attempt.messages, attempt.audio_bytes) == (1, 160)
    assert not is_control(b'{"type"' + b" " * 5000)


def test_both_directions_are_on_the_timeline() -> None:
    """Messages of the service and its close stand beside those of the client."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 0.0)
    book = Bookkeeper(ledger, attempt)
    for number in range(50):
        book.received(b"\xff" * 160, [], 1.0 + number / 50)
    book.sending(Said('{"type":"Results"}'), 1.5)
    book.sending(Ended(1000, ""), 2.5)
    kept = ledger.kept_timeline(attempt.id)

    assert kept is not None
    told = [(e.by, e.kind, e.count, e.size) for e in kept.crossings]
    assert told == [
        ("client", "audio", 50, 8000),
        ("fake", "Results", 1, 18),
        ("fake", "close 1000", 1, 0),
    ]
    assert attempt.answers == 1


def test_voice_agent_counts_what_it_hears() -> None:
    """On the surface that hears and speaks, the audio counted is the client's."""
    attempt, book = booked(surface="agent")
    speech = speak("Goodbye.", speaker=Speaker.AGENT, call=7)
    book.sending(UtteranceBegun(7, speech, 1.0), 1.0)
    book.sending(AudioPiece(b"\xff" * 320, 7), 1.1)
    book.received(b"\xff" * 160, [], 1.2)

    assert attempt.audio_bytes == 160


def test_conduct_without_a_form_has_no_frame_sizes() -> None:
    """Compressed audio has no seconds, so nothing is held against it."""
    conduct = Conduct()
    for number in range(100):
        conduct.audio(5000, 0.0, number / 1000)

    assert (conduct.long_messages, conduct.most_ahead) == (0, 0.0)
