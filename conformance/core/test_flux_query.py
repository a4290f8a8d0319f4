"""The query of Flux: what is taken, and what is refused at the handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._flux import PHONE
from fakes.deepgram.errors import Refusal
from fakes.deepgram.flux.query import FluxQuery, parse_flux
from fakes.deepgram.settings import DeepgramSettings
from voiceutils.wire.deepgram_flux import Thresholds

SETTINGS = DeepgramSettings()


def parse(
    *pairs: tuple[str, str], settings: DeepgramSettings = SETTINGS
) -> FluxQuery | Refusal:
    """Return how a query of a phone call is read, with these pairs before it."""
    return parse_flux([*pairs, *PHONE], settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "en"),
        ("smart_format", "true"),
        ("punctuate", "true"),
        ("interim_results", "true"),
        ("endpointing", "300"),
        ("channels", "1"),
        ("encoding", "flac"),
        ("sample_rate", "12345"),
        ("eot_threshold", "0.4"),
        ("eot_threshold", "1.1"),
        ("eot_threshold", "high"),
        ("eager_eot_threshold", "0.2"),
        ("eager_eot_threshold", "0.95"),
        ("eager_eot_threshold", "0.8"),  # above the default eot_threshold
        ("eot_timeout_ms", "499"),
        ("eot_timeout_ms", "60001"),
        ("eot_timeout_ms", "1e3"),
        ("language_hint", "es"),  # of an English model
        ("keyterm", ""),
        ("keyterm", "x" * 101),
        ("redact", "ssn"),
        ("numerals", "False"),
    ],
)
def test_what_flux_does_not_take_is_refused(name: str, value: str) -> None:
    """400 with a JSON body and a sentence that names the parameter."""
    refusal = parse((name, value))

    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, "INVALID_QUERY_PARAMETER")
    assert name in refusal.message


def test_eager_above_the_threshold_is_refused() -> None:
    """Compared with the threshold given, or with its default."""
    too_eager = (("eager_eot_threshold", "0.8"), ("eot_threshold", "0.75"))
    refusal = parse(*too_eager)

    assert isinstance(refusal, Refusal)
    assert refusal.message == (
        "eager_eot_threshold must be less than or equal to eot_threshold"
    )
    assert isinstance(parse(too_eager[0], ("eot_threshold", "0.8")), FluxQuery)


def test_model_is_required_and_known() -> None:
    """No default; an unknown one is 403, or 400 by an older text."""
    older = DeepgramSettings(unknown_model_status=400)
    missing = parse_flux([("encoding", "mulaw")], SETTINGS)
    assert isinstance(missing, Refusal)
    assert missing.status == 400
    for settings, status in ((SETTINGS, 403), (older, 400)):
        refusal = parse(("model", "nova-3"), settings=settings)
        assert isinstance(refusal, Refusal)
        assert refusal.status == status


def test_raw_audio_needs_its_rate_and_files_need_neither() -> None:
    """Encoding without sample_rate is refused; both may be left out."""
    model = ("model", "flux-general-en")
    raw = parse_flux([model, ("encoding", "mulaw")], SETTINGS)

    assert isinstance(raw, Refusal)
    assert parse_flux([model], SETTINGS) == FluxQuery("flux-general-en")


def test_older_ranges_are_settings() -> None:
    """Older texts stop at 0.9 and at ten seconds."""
    older = DeepgramSettings(flux_highest_threshold=0.9, flux_longest_timeout=10_000)
    for pair in (("eot_threshold", "1.0"), ("eot_timeout_ms", "20000")):
        assert isinstance(parse(pair), FluxQuery)
        assert isinstance(parse(pair, settings=older), Refusal)


def test_all_that_is_documented_is_taken() -> None:
    """Lists are repeated keys, flags true or false."""
    query = parse(
        ("model", "flux-general-multi"),
        ("eager_eot_threshold", "0.4"),
        ("eot_threshold", "0.8"),
        ("eot_timeout_ms", "700"),
        ("keyterm", "busy hour"),
        ("keyterm", "Deepgram"),
        ("language_hint", "en"),
        ("language_hint", "es"),
        ("numerals", "true"),
        ("profanity_filter", "true"),
        ("redact", "numbers"),
        ("mip_opt_out", "true"),
        ("tag", "a"),
    )

    assert query == FluxQuery(
        "flux-general-multi",
        "mulaw",
        8000,
        Thresholds(0.4, 0.8, 700),
        ("busy hour", "Deepgram"),
        ("en", "es"),
        numerals=True,
        profanity_filter=True,
        redact=("numbers",),
    )


@given(count=st.integers(95, 105))
def test_a_hundred_keyterms_are_taken(count: int) -> None:
    """And not one more."""
    terms = [("keyterm", f"term {number}") for number in range(count)]
    assert isinstance(parse(*terms), FluxQuery) == (count <= 100)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["model", "encoding", "eot_threshold", "keyterm", "x"])
            | st.text(max_size=6),
            st.text(max_size=12),
        ),
        max_size=6,
    )
)
def test_any_query_is_taken_or_refused(pairs: list[tuple[str, str]]) -> None:
    """No query makes the fake stumble."""
    assert isinstance(parse_flux(pairs, SETTINGS), FluxQuery | Refusal)
