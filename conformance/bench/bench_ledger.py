"""What the ledger costs: a message of a caller, and of the service."""

from __future__ import annotations

from itertools import cycle

from pytest_benchmark.fixture import BenchmarkFixture

from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.outbox import Said
from fakes.ledger import Ledger
from fakes.speech import FrameCode, Speaker

FRAME = b"\xff" * 160
CONNECTIONS = 500
RESULTS = '{"type":"Results","channel_index":[0,1]}' + " " * 600


def _books() -> list[tuple[Bookkeeper, list[FrameCode]]]:
    ledger = Ledger()
    books = []
    for number in range(CONNECTIONS):
        attempt = ledger.knock("listen", f"CA{number}", 0.0)
        attempt.bytes_a_second = 8000.0
        code = FrameCode(Speaker.CALLER, number + 1, 1, 0, 200)
        books.append((Bookkeeper(ledger, attempt), [code]))
    return books


def test_a_frame_of_each_of_500_callers(benchmark: BenchmarkFixture) -> None:
    """20 ms of 500 calls: the path of every frame."""
    books = _books()
    moments = cycle(range(10**6))

    def frames() -> None:
        now = next(moments) * 0.02
        for book, codes in books:
            book.received(FRAME, codes, now)

    benchmark(frames)


def test_a_result_to_each_of_500_callers(benchmark: BenchmarkFixture) -> None:
    """An interim result for 500 calls."""
    books = _books()
    said = Said(RESULTS)
    moments = cycle(range(10**6))

    def results() -> None:
        now = float(next(moments))
        for book, _ in books:
            book.sending(said, now)

    benchmark(results)
