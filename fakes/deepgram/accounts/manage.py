"""The management calls that clients make before they start: projects, keys, models.

There is one project with one balance; nothing can be changed. Documented at
https://developers.deepgram.com/reference/management-api.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fakes.deepgram.accounts.admission import Credential, key_id
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.answers import identity_of
from fakes.deepgram.settings import DeepgramSettings

__all__ = ["manage", "manages"]

Content: TypeAlias = dict[str, object]

_NOT_FOUND = Refusal(404, "NOT_FOUND", "Not found.")
_NO_METHOD = Refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed.")
_NO_PROJECT = Refusal(404, "PROJECT_NOT_FOUND", "Project not found.")
_NO_MODEL = Refusal(404, "MODEL_NOT_FOUND", "Model not found.")
_NO_BALANCE = Refusal(404, "BALANCE_NOT_FOUND", "Balance not found.")

_CREATED = "2026-01-02T03:04:05.000Z"
_MEMBER = {
    "member_id": "5f0c1e52-0000-4000-8000-b0572b057001",
    "email": "agent@example.com",
}
_SCOPES = ["account:read", "member", "usage:read", "usage:write"]
_BALANCE = {
    "balance_id": "7c3e9a10-0000-4000-8000-b0572b057002",
    "amount": 200.0,
    "units": "usd",
    "purchase_order_id": "9d1f2b30-0000-4000-8000-b0572b057003",
}
_LANGUAGES = ["en", "en-US", "multi"]
_VOICES = (
    ("thalia", "aura-2-thalia-en", "9f29a7e3-0000-4000-8000-b0572b057010"),
    ("asteria", "aura-asteria-en", "ecb76e9d-f2db-4127-8060-79b05590d22f"),
)


def manages(path: str) -> bool:
    """Whether a path belongs to the management interface."""
    part = path.partition("/v1/")[2].split("/")[0]
    return part in ("projects", "models") or path.endswith(
        ("/v1/auth/token", "/v1/auth/grant")
    )


def manage(
    method: str, path: str, shown: list[Credential], settings: DeepgramSettings
) -> Content | Refusal:
    """Return the answer to a management call that was admitted."""
    kind, *rest = path.partition("/v1/")[2].rstrip("/").split("/")
    if method != "GET":
        return _NO_METHOD
    if kind == "auth":
        return _key(shown) if rest == ["token"] else _NO_METHOD
    if kind == "models":
        return _models(rest)
    if not rest:
        return {"projects": [_project(settings)]}
    if rest[0] != settings.project_id:
        return _NO_PROJECT
    return _of_project(rest[1:], shown, settings)


def _of_project(
    rest: list[str], shown: list[Credential], settings: DeepgramSettings
) -> Content | Refusal:
    if not rest:
        project = _project(settings)
        name = project.pop("name")
        return {**project, "mip_opt_out": False, "name": name}
    if rest[0] == "models":
        return _models(rest[1:])
    if rest[0] == "balances" and len(rest) == 2:
        return dict(_BALANCE) if rest[1] == _BALANCE["balance_id"] else _NO_BALANCE
    answer: dict[str, Callable[[], Content]] = {
        "keys": lambda: {"api_keys": [{"member": _MEMBER, "api_key": _key(shown)}]},
        "balances": lambda: {"balances": [_BALANCE]},
        "usage": _usage,
        "members": lambda: {"members": [{**_MEMBER, "scopes": ["owner"]}]},
    }
    return answer[rest[0]]() if len(rest) == 1 and rest[0] in answer else _NOT_FOUND


def _project(settings: DeepgramSettings) -> Content:
    return {"project_id": settings.project_id, "name": "busyhour"}


def _key(shown: list[Credential]) -> Content:
    secret = shown[0].secret if shown else ""
    return {
        "api_key_id": key_id(secret),
        "comment": "busyhour",
        "scopes": _SCOPES,
        "created": _CREATED,
    }


def _usage() -> Content:
    return {
        "start": "2026-01-01",
        "end": "2026-12-31",
        "resolution": {"units": "day", "amount": 1},
        "results": [],
    }


def _models(rest: list[str]) -> Content | Refusal:
    heard, spoken = _heard_models(), _spoken_models()
    if not rest:
        return {"stt": heard, "tts": spoken}
    by_uuid = {model["uuid"]: model for model in (*heard, *spoken)}
    return by_uuid.get(rest[0], _NO_MODEL)


def _heard_models() -> list[Content]:
    listed = []
    for name in ("nova-3", "nova-2", "base"):
        identity = identity_of(name)
        model: Content = {
            "name": "general",
            "canonical_name": f"{name}-general",
            "architecture": identity.info.arch,
            "languages": _LANGUAGES,
            "version": identity.info.version,
            "uuid": identity.uuid,
            "batch": True,
            "streaming": True,
            "formatted_output": True,
        }
        listed.append(model)
    return listed


def _spoken_models() -> list[Content]:
    return [
        {
            "name": name,
            "canonical_name": canonical,
            "architecture": canonical.split("-" + name)[0],
            "languages": ["en", "en-US"],
            "version": "2025-04-07.0",
            "uuid": uuid,
            "metadata": {"accent": "American", "age": "Adult", "tags": ["feminine"]},
        }
        for name, canonical, uuid in _VOICES
    ]
