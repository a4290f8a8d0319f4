"""The fake recogniser: its query, and the words of its refusals."""

from __future__ import annotations

import json

import pytest

from conformance.core._listening import AT_ONCE
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.query import (
    ListenQuery,
    RecordedQuery,
    parse_listen,
    parse_recorded,
)
from fakes.deepgram.parameters import INVALID_QUERY
from fakes.deepgram.settings import DeepgramSettings


@pytest.mark.parametrize(
    ("query", "status", "code", "text"),
    [
        ("utterance_end_ms=999", 400, "INVALID_QUERY_PARAMETER",
         "Invalid 'utterance_end_ms' value of '999'."),
        ("endpointing=banana", 400, "Bad Request", "Invalid query string."),
        ("interim_results=maybe", 400, "Bad Request", "Invalid query string."),
        ("model=flux-general-en", 400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT",
         ("Flux models are not supported on the `/v1/listen` endpoint. Please use "
          "`/v2/listen`.")),
        ("model=nova-2&keyterm=x", 400, "INVALID_QUERY_PARAMETER",
         ("`keyterm` is only supported for Nova-3 and Flux. Please use `keywords` "
          "instead.")),
        ("model=nova3", 403, "INSUFFICIENT_PERMISSIONS",
         "Project does not have access to the requested model."),
        ("model=nova-3&language=Martian!", 400, "Bad Request",
         "Bad Request: No such model/language/tier combination found."),
        ("encoding=mulaw", 400, "Bad Request", "Invalid query string."),
        ("summarize=true", 400, "Bad Request",
         "Summarization is not available for streaming."),
        ("diarize=true&diarize_model=latest", 400, "Bad Request",
         "diarize_model cannot be used together with diarize or diarize_version."),
        ("diarize_model=v2", 400, "Bad Request", "Invalid query string."),
        ("vad_turnoff=500&endpointing=10", 400, "Bad Request", "Invalid query string."),
        ("callback=nowhere", 400, "Bad Request", "Invalid callback url."),
        ("model=whisper-large", 405, "METHOD_NOT_ALLOWED", "Method not allowed."),
        ("model=nova-3&keyterm=" + "x " * 501, 400, "KEYWORD_LIMIT_EXCEEDED",
         "Keyterm limit exceeded. The maximum is 500 tokens."),
        ("channels=21", 400, "Bad Request", "Invalid query string."),
        ("topics=true", 403, "UNAUTHORIZED_FEATURES_REQUESTED",
         "Project does not have access to the requested features."),
    ],
)  # fmt: skip
def test_query_is_read_strictly(query: str, status: int, code: str, text: str) -> None:
    """Wrong values are refused with the service's own words."""
    pairs = [(k, v) for k, _, v in (part.partition("=") for part in query.split("&"))]

    assert parse_listen(pairs, AT_ONCE) == Refusal(status, code, text)


def test_refusal_body_is_the_captured_one() -> None:
    """The body has 145 bytes in the captured reply, key for key."""
    refusal = parse_listen([("utterance_end_ms", "999")], AT_ONCE)
    assert isinstance(refusal, Refusal)
    body = refusal.body("x" * 36)

    assert len(body) == 145
    assert list(json.loads(body)) == ["err_code", "err_msg", "request_id"]


def test_unknown_and_unsupported_parameters_are_ignored() -> None:
    """Unknown parameters and sentiment are ignored; defaults are the service's."""
    query = parse_listen([("nonsense", "1"), ("sentiment", "true")], AT_ONCE)

    assert query == ListenQuery(endpointing=10)


def test_case_of_booleans_is_noted_or_refused() -> None:
    """Python's ``False`` is taken and noted; by setting it is the 400 of one client."""
    notes: list[str] = []
    query = parse_listen([("punctuate", "True")], AT_ONCE, notes.append)
    strict = DeepgramSettings(strict_booleans=True)

    assert isinstance(query, ListenQuery)
    assert query.punctuate
    assert notes == ["query: punctuate=True should be true"]
    assert parse_listen([("punctuate", "True")], strict) == INVALID_QUERY


def test_odd_queries_are_noted() -> None:
    """Repeated keys, unknown names and features without effect are noted."""
    notes: list[str] = []
    pairs = [
        ("model", "nova-3"),
        ("model", "nova-2"),
        ("nonsense", "1"),
        ("keywords", "a"),
        ("keywords", "b"),
        ("sentiment", "true"),
        ("utterance_end_ms", "1000"),
    ]
    query = parse_listen(pairs, AT_ONCE, notes.append)

    assert isinstance(query, ListenQuery)
    assert query.model == "nova-3"
    assert [note.split()[1] for note in notes] == [
        "model",
        "sentiment",
        "keywords",
        "nonsense",
        "utterance_end_ms",
    ]


def test_lists_are_repeated_keys() -> None:
    """Every value of a repeatable parameter counts, in order."""
    pairs = [
        ("extra", "a:1"),
        ("model", "nova-3"),
        ("extra", "b:2"),
        ("replace", "Bob:Al"),
        ("replace", "hm:"),
        ("redact", "pci"),
        ("redact", "ssn,true"),
    ]
    query = parse_listen(pairs, AT_ONCE)

    assert isinstance(query, ListenQuery)
    assert query.extra == ("a:1", "b:2")
    assert query.replace == (("bob", "Al"), ("hm", ""))
    assert query.redact == {"pci", "ssn", "numbers"}


def test_recordings_have_features_that_streams_have_not() -> None:
    """Summaries and topics are taken for recordings; Whisper and v2 diarization too."""
    pairs = [
        ("model", "whisper-large"),
        ("summarize", "v2"),
        ("topics", "true"),
        ("diarize_model", "v2"),
        ("utt_split", "1.5"),
    ]
    query = parse_recorded(pairs, AT_ONCE)

    assert isinstance(query, RecordedQuery)
    assert (query.summarize, query.topics, query.listen.diarize) == (True, True, "v2")
    assert query.utterance_split == 1.5
