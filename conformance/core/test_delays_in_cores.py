"""Delays that vary, as the protocol cores use them; in virtual time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._opening import opening
from fakes.deepgram.listen.live import Listening, open_listen
from fakes.deepgram.outbox import Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.delays import Uniform
from fakes.speech import Speaker, speak
from voiceutils.mulaw import SILENCE_FRAME

QUERY = [
    ("model", "nova-3"), ("encoding", "mulaw"), ("sample_rate", "8000"),
    ("interim_results", "true"), ("endpointing", "100"),
]  # fmt: skip
_SAID = speak("Where is my parcel?", speaker=Speaker.CALLER, call=4711, turn=1).audio
AUDIO = (_SAID + SILENCE_FRAME * 40) * 3


def results(service: DeepgramSettings, number: int) -> list[tuple[float, str]]:
    """Return when each message came while a caller spoke in real time."""
    core = open_listen(opening(service, pairs=QUERY)._replace(number=number))
    assert isinstance(core, Listening)
    came = []
    for step in range(len(AUDIO) // 160 + 250):
        now = step * 0.02
        frame = AUDIO[step * 160 : step * 160 + 160]
        if frame:
            core.receive(frame, now)
        core.on_timer(now)
        came += [(now, said.text) for said in core.take() if isinstance(said, Said)]
    return came


@settings(max_examples=20)
@given(st.integers(0, 20), st.integers(0, 20))
def test_same_connection_and_seed_same_moments(seed: int, number: int) -> None:
    """A run can be repeated to the frame; another connection has its own delays."""
    service = DeepgramSettings(
        listen_pace=0, recogniser_delay=Uniform(0.1, 2.0), seed=seed
    )

    first = results(service, number)
    assert first == results(service, number)
    other = results(service, number + 1)
    assert [text for _, text in first] == [text for _, text in other]
    assert [at for at, _ in first] != [at for at, _ in other]


@settings(max_examples=20)
@given(st.integers(0, 50))
def test_results_never_overtake_each_other(number: int) -> None:
    """However much delays vary, messages keep their order and their least delay."""
    still = results(DeepgramSettings(listen_pace=0, recogniser_delay=0.0), number)
    service = DeepgramSettings(listen_pace=0, recogniser_delay=Uniform(0.1, 2.0))
    varied = results(service, number)

    assert [text for _, text in varied] == [text for _, text in still]
    late = [b - a for (a, _), (b, _) in zip(still, varied, strict=True)]
    assert min(late) >= 0.1 - 1e-9
    assert max(late) <= 2.0 + 0.02 + 1e-9
