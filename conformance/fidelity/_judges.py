"""Who judges what of the fakes: the table in ``fakes/README.md``, made from the tests.

A test says what it is about with ``@pytest.mark.judged(SURFACE, by=JUDGE)``.
``python -m conformance.index`` writes the table; a test tells when it is stale.
"""

from __future__ import annotations

import io
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import pytest

__all__ = ["BEGIN", "END", "README", "Tally", "judgements", "table"]

README = Path(__file__).parents[2] / "fakes" / "README.md"
BEGIN = "<!-- judges: begin (python -m conformance.index) -->"
END = "<!-- judges: end -->"

SURFACES = (
    "Deepgram: live transcription, /v1/listen",
    "Deepgram: recordings, POST /v1/listen",
    "Deepgram: Flux, /v2/listen",
    "Deepgram: speech by request, POST /v1/speak",
    "Deepgram: streaming speech, /v1/speak",
    "Deepgram: Flux speech, /v2/speak",
    "Deepgram: voice agent, /v1/agent/converse",
    "Deepgram: tokens and management",
    "Deepgram: handshakes and sockets",
    "Deepgram: faults",
    "Twilio: webhooks and signatures",
    "Twilio: TwiML",
    "Twilio: media streams",
    "Twilio: ConversationRelay",
    "Twilio: REST",
    "Twilio: status callbacks",
    "Model: chat completions",
    "Model: responses",
    "Standing in for the providers' hosts",
    "Control interface, /__fakes",
    "Command line, python -m fakes",
    "Standing in for the providers' hosts",
)
# Judges of something else than the fakes.
EXEMPT = (
    "test_guard.py",
    "test_load_across_machines.py",
    "test_load_command.py",
    "test_load_losses.py",
    "test_waterfall.py",
)

# Tests for each surface and judge; one that judges two surfaces counts for both.
Tally = Counter[tuple[str, str]]


class _Collector:
    """Notes the marks of every test that pytest finds."""

    def __init__(self) -> None:
        self.tally: Tally = Counter()
        self.unmarked: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            marks = list(item.iter_markers("judged"))
            if not marks and item.path.name not in EXEMPT:
                self.unmarked.append(item.nodeid)
            for mark in marks:
                (surface,), judge = mark.args, mark.kwargs["by"]
                if surface in SURFACES:
                    self.tally[surface, judge] += 1
                else:
                    self.unmarked.append(f"{item.nodeid} (surface {surface!r})")


def judgements() -> tuple[Tally, list[str]]:
    """Return how many tests each judge has for each surface, and tests without any.

    To be called where no pytest session runs.
    """
    collector = _Collector()
    options = ["--collect-only", "-m", ""]
    with redirect_stdout(io.StringIO()):  # which lists every test
        pytest.main([*options, str(Path(__file__).parent)], plugins=[collector])
    return collector.tally, collector.unmarked


def table(tally: Tally) -> str:
    """Return surfaces as rows and judges as columns, with numbers of tests."""
    judges = sorted({judge for _, judge in tally})
    lines = [
        f"| surface | {' | '.join(judges)} |",
        f"|---|{'---:|' * len(judges)}",
    ]
    for surface in SURFACES:
        counts = (str(tally[surface, judge] or "") for judge in judges)
        lines.append(f"| {surface} | {' | '.join(counts)} |")
    return "\n".join(lines)
