"""The fake Deepgram under load, and what a second of a stream costs its core.

The whole comparison, with the same cores on `websockets`, is a command of its own:
``python -m conformance.bench.fake_deepgram``.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._streams import QUERY, Load, due_times, phone_audio
from conformance.bench.fake_deepgram import measure
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Opening
from fakes.ledger import Ledger

SECONDS = 5.0


@pytest.mark.benchmark(group="fake deepgram: five seconds of a stream, no socket")
@pytest.mark.parametrize("frame", [160, 800])
def test_core_of_one_stream(benchmark: BenchmarkFixture, frame: int) -> None:
    """Hearing, results and book of one stream in virtual time."""
    load = Load(1, frame, SECONDS)
    frames = phone_audio(1, load)
    pairs = [(name, value) for name, _, value in map(_part, QUERY.split("&"))]

    def stream() -> int:
        opening = Opening(pairs, DeepgramSettings(), "", "", 0.0, lambda: 1)
        core, ledger = open_listen(opening), Ledger()
        assert not isinstance(core, Refusal)
        book = Bookkeeper(ledger, ledger.knock("listen", "", 0.0))
        results = 0
        for number, audio in enumerate(frames):
            now = number * load.interval
            core.receive(audio, now)
            book.received(audio, core.take_codes(), now)
            results += len(core.take())
            core.next_timer()
        return results

    assert benchmark(stream) >= int(SECONDS) - 1


def _part(pair: str) -> tuple[str, str, str]:
    return pair.partition("=")


def test_small_load_is_answered_in_time() -> None:
    """Every result of a few streams arrives, those of their twin and no others."""
    load = Load(streams=10, frame=160, seconds=2.0, speakers=2)
    figures = measure("ours", load)

    assert figures.results == figures.expected == 10 * len(due_times(load))
    assert figures.own is not None
    assert figures.own["messages"] >= figures.results
    assert figures.p50 < 0.25  # other work shares the machine with the tests
