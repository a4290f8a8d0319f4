"""Keys, tokens and the management calls of the fake Deepgram."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.deepgram.accounts.admission import (
    Credential,
    admission,
    credentials_of,
    grant,
    issue_token,
)
from fakes.deepgram.accounts.manage import manage
from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings

KEYED = DeepgramSettings(
    keys=frozenset({"good", "weak"}), weak_keys=frozenset({"weak"})
)
ANY = DeepgramSettings()
NOW = 1_795_000_000.0
GOOD = [Credential("token", "good")]


@pytest.mark.parametrize(
    ("authorization", "protocols"),
    [("Token good", ""), ("token good", ""), ("TOKEN  good ", ""), ("", "token, good")],
)
def test_key_comes_in_by_header_or_sub_protocol(
    authorization: str, protocols: str
) -> None:
    """The scheme's case does not count; browsers show the key as a sub-protocol."""
    shown = credentials_of(authorization, protocols)

    assert shown == GOOD
    assert admission(shown, KEYED, NOW) is None


@pytest.mark.parametrize(
    "shown", [[], [Credential("token", "bad")], [Credential("bearer", "good")]]
)
def test_others_are_refused(shown: list[Credential]) -> None:
    """No key, a wrong key, and a key under Bearer: 401 with the documented words."""
    refusal = admission(shown, KEYED, NOW)

    assert refusal == Refusal(401, "INVALID_AUTH", "Invalid credentials.")


def test_key_under_bearer_is_a_setting() -> None:
    """An API key under Bearer is 401, unless the setting takes it."""
    shown = [Credential("bearer", "good")]

    assert admission(shown, ANY, NOW) is not None
    assert admission(shown, DeepgramSettings(bearer_takes_keys=True), NOW) is None


@given(st.integers(1, 3600), st.floats(0, 4000))
def test_token_holds_for_its_time(seconds: int, later: float) -> None:
    """A token from grant is admitted until it expires, and not a moment longer."""
    answer = grant(json.dumps({"ttl_seconds": seconds}).encode(), GOOD, KEYED, NOW)
    assert isinstance(answer, dict)
    shown = [Credential("bearer", str(answer["access_token"]))]

    assert answer["expires_in"] == seconds
    assert (admission(shown, KEYED, NOW + later) is None) == (later < seconds)


@given(st.integers(0, 80), st.characters(codec="ascii"))
def test_forged_token_is_refused(place: int, letter: str) -> None:
    """A token changed anywhere is no token."""
    token = issue_token(KEYED, 30, NOW)
    place = min(place, len(token) - 2)
    forged = token[:place] + letter + token[place + 1 :]
    shown = [Credential("bearer", forged)]

    assert forged == token or admission(shown, KEYED, NOW) is not None


def test_own_token_expires_even_where_any_key_is_taken() -> None:
    """A reconnect with an old token is 401, with or without keys."""
    shown = [Credential("bearer", issue_token(ANY, 30, NOW))]

    assert admission(shown, ANY, NOW + 29) is None
    assert admission(shown, ANY, NOW + 31) is not None


def test_token_does_not_manage() -> None:
    """Tokens cover speech, not management."""
    shown = [Credential("bearer", issue_token(KEYED, 30, NOW))]
    refusal = admission(shown, KEYED, NOW, managing=True)

    assert refusal is not None
    assert refusal.code == "INSUFFICIENT_PERMISSIONS"


def test_grant_defaults_to_thirty_seconds() -> None:
    """An empty body and ``{}`` mean 30 seconds."""
    for body in (b"", b"{}"):
        answer = grant(body, GOOD, KEYED, NOW)
        assert isinstance(answer, dict)
        assert answer["expires_in"] == 30


def test_weak_key_may_not_grant() -> None:
    """A key without the role of a member: 403 with the documented words."""
    weak = [Credential("token", "weak")]

    assert admission(weak, KEYED, NOW) is None
    assert grant(b"{}", weak, KEYED, NOW) == Refusal(
        403, "FORBIDDEN", "Insufficient permissions."
    )


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"\xff", b'{"ttl_seconds":0}', b'{"ttl_seconds":3601}', b'{"x":1}'],
)
def test_bad_grant_is_a_400(body: bytes) -> None:
    """Junk and times out of range are refused with a body of either shape."""
    refusal = grant(body, GOOD, KEYED, NOW)

    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert json.loads(refusal.body("r"))["request_id"] == "r"


def test_newer_shape_of_bodies() -> None:
    """Junk in JSON has category, message, details, request_id, in this order."""
    refusal = grant(b"{", GOOD, KEYED, NOW)
    assert isinstance(refusal, Refusal)

    content = json.loads(refusal.body("r"))
    assert list(content) == ["category", "message", "details", "request_id"]
    assert content["message"] == "Invalid JSON submitted."


def test_projects_and_what_belongs_to_them() -> None:
    """The one project has keys, balances, usage and models; others are 404."""
    listed: Any = manage("GET", "/x/v1/projects", GOOD, KEYED)
    (project,) = listed["projects"]
    path = f"/v1/projects/{project['project_id']}"

    for ending in ("", "/keys", "/balances", "/usage", "/models", "/members"):
        assert isinstance(manage("GET", path + ending, GOOD, KEYED), dict), ending
    assert manage("GET", "/v1/projects/none/keys", GOOD, KEYED) == Refusal(
        404, "PROJECT_NOT_FOUND", "Project not found."
    )
    unknown = manage("GET", f"{path}/nonsense", GOOD, KEYED)
    assert isinstance(unknown, Refusal)
    assert unknown.status == 404
    deleted = manage("DELETE", path, GOOD, KEYED)
    assert isinstance(deleted, Refusal)
    assert deleted.status == 405


def test_models_by_uuid() -> None:
    """Every listed model can be asked for by its uuid."""
    listed: Any = manage("GET", "/v1/models", GOOD, KEYED)
    for model in (*listed["stt"], *listed["tts"]):
        assert manage("GET", f"/v1/models/{model['uuid']}", GOOD, KEYED) == model
