"""The fake recogniser: its query, and the words of its refusals."""

from __future__ import annotations

import json

import pytest

from conformance.core._listening import AT_ONCE
from fakes.deepgram.errors import Refusal
from fakes.deepgram.query import ListenQuery, parse_listen


@pytest.mark.parametrize(
    ("query", "status", "code", "text"),
    [
        ("utterance_end_ms=999", 400, "INVALID_QUERY_PARAMETER",
         "Invalid 'utterance_end_ms' value of '999'."),
        ("endpointing=banana", 400, "Bad Request", "Invalid query string."),
        ("interim_results=False", 400, "Bad Request", "Invalid query string."),
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
