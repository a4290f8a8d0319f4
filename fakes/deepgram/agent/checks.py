"""What can be wrong with an agent's parts although every field is of its type.

Each check yields the complaints in the order in which the service would find them; the
first one counts. ``path`` is where in the message the part stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from msgspec import UNSET, UnsetType

from fakes.deepgram.agent.complaints import Complaint, misfit
from fakes.deepgram.agent.models import is_listed
from fakes.deepgram.agent.settings import AgentSettings
from voiceutils.wire.deepgram_agent_settings import (
    Agent,
    Context,
    Endpoint,
    Function,
    Listen,
    Speak,
    SpeakProvider,
    Think,
)

__all__ = [
    "agent_problems",
    "listed",
    "listen_problems",
    "speak_problems",
    "think_problems",
]

T = TypeVar("T")

_ONLY_V1 = ("language", "smart_format")
_ONLY_V2 = ("language_hints", "eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
_LIMITS = {  # of Flux: lowest and highest
    "eot_threshold": (0.5, 1.0),
    "eager_eot_threshold": (0.3, 0.9),
    "eot_timeout_ms": (500, 60000),
}
_FILLERS = (
    "initial_agent_filler",
    "agent_filler_max_count",
    "agent_filler_interval_ms",
)
# For each provider of speech the fields it needs, then those it may have.
_SPEAK_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "deepgram": (("model",), ("version", "speed", "expressivity", "language")),
    "eleven_labs": (("model_id",), ("version", "language", "language_code")),
    "cartesia": (("model_id", "voice"), ("version", "language", "volume")),
    "open_ai": (("model", "voice"), ("version",)),
    "aws_polly": (("voice", "language", "engine", "credentials"), ("language_code",)),
}


def agent_problems(agent: Agent, ways: AgentSettings) -> Iterator[Complaint]:
    """Yield what is wrong with an agent as a whole."""
    if agent.context is not UNSET:
        yield from _context_problems(agent.context)
    if agent.listen is not UNSET:
        yield from listen_problems(agent.listen, "agent.listen")
    if agent.think is not UNSET:
        live = agent.think_live is not UNSET
        yield from think_problems(agent.think, "agent.think", ways, live=live)
    if agent.speak is not UNSET:
        yield from speak_problems(agent.speak, "agent.speak")


def _context_problems(context: Context) -> Iterator[Complaint]:
    for said in context.messages or ():
        spoken = said.role is not UNSET and said.content is not UNSET
        if not spoken and said.function_calls is UNSET:
            yield misfit("agent.context.messages")


def listen_problems(listen: Listen, path: str) -> Iterator[Complaint]:
    """Yield what is wrong with a recogniser."""
    if listen.provider is UNSET:
        return
    provider, path = listen.provider, f"{path}.provider"
    flux = provider.version == "v2"
    for field in _ONLY_V1 if flux else _ONLY_V2:
        if getattr(provider, field) is not UNSET:
            yield misfit(f"{path}.{field}")
    if flux and provider.model is UNSET:
        yield misfit(f"{path}.model")
    if (provider.model or "nova").startswith("flux") != flux and (
        flux or provider.model is not UNSET
    ):
        yield Complaint(
            "INVALID_SETTINGS",
            f"`{provider.model}` is not a model of listen version "
            f"{'v2' if flux else 'v1'}.",
        )
    for field, (low, high) in _LIMITS.items():
        value = getattr(provider, field)
        if value is not UNSET and not low <= value <= high:
            yield Complaint(
                "INVALID_SETTINGS", f"{path}.{field} must be from {low} to {high}."
            )
    eager, end = provider.eager_eot_threshold, provider.eot_threshold
    if eager is not UNSET and eager > (end or 0.7):
        yield Complaint(
            "INVALID_SETTINGS",
            "eager_eot_threshold must be less than or equal to eot_threshold",
        )


def think_problems(
    think: Think | tuple[Think, ...], path: str, ways: AgentSettings, *, live: bool
) -> Iterator[Complaint]:
    """Yield what is wrong with a language model, its functions and its place."""
    for one in listed(think):
        provider = one.provider
        if one.endpoint is not UNSET:
            yield from _endpoint_problems(one.endpoint, path)
        elif ways.think_models == "listed" and not is_listed(
            provider.type, provider.model
        ):
            yield Complaint(
                "INVALID_SETTINGS",
                f"{provider.type} has no model `{provider.model}`; see "
                "GET /v1/agent/settings/think/models.",
            )
        for function in one.functions or ():
            yield from _function_problems(function, f"{path}.functions", live=live)


def _endpoint_problems(endpoint: Endpoint, path: str) -> Iterator[Complaint]:
    if endpoint.url is UNSET:
        yield misfit(f"{path}.endpoint.url")
    elif not endpoint.url.startswith(("http://", "https://", "ws://", "wss://")):
        yield Complaint(
            "INVALID_SETTINGS", f"Failed to resolve endpoint: {endpoint.url[:200]}"
        )


def _function_problems(
    function: Function, path: str, *, live: bool
) -> Iterator[Complaint]:
    if not function.name:
        yield misfit(f"{path}.name")
    for field in _FILLERS:
        if getattr(function, field) is not UNSET and not live:
            yield Complaint(
                "INVALID_SETTINGS", f"{path}.{field} requires agent.think_live."
            )


def speak_problems(speak: Speak | tuple[Speak, ...], path: str) -> Iterator[Complaint]:
    """Yield what is wrong with a voice and its place."""
    for one in listed(speak):
        yield from _voice_problems(one.provider, f"{path}.provider")
        if one.endpoint is not UNSET:
            yield from _endpoint_problems(one.endpoint, path)


def _voice_problems(provider: SpeakProvider, path: str) -> Iterator[Complaint]:
    needed, allowed = _SPEAK_FIELDS[provider.type]
    for field in provider.__struct_fields__:
        given = getattr(provider, field) is not UNSET
        wanted = field in needed or field == "type"
        if wanted != given and not (given and field in allowed):
            yield misfit(f"{path}.{field}")
    model = provider.model or ""
    if provider.type == "deepgram" and not model.startswith(("aura", "flux")):
        yield Complaint("INVALID_SETTINGS", f"There is no voice `{model[:100]}`.")


def listed(given: T | tuple[T, ...] | UnsetType) -> tuple[T, ...]:
    """Return one or many or nothing as a tuple."""
    if isinstance(given, UnsetType):
        return ()
    return given if isinstance(given, tuple) else (given,)
