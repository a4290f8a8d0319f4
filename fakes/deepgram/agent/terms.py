"""What Settings and updates come to: checked, with the defaults filled in."""

from __future__ import annotations

import uuid
from typing import NamedTuple, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from fakes.deepgram.agent.checks import (
    agent_problems,
    listed,
    listen_problems,
    speak_problems,
    think_problems,
)
from fakes.deepgram.agent.complaints import Complaint, misfit
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.speak.form import RAW, SpeechForm, read_form
from voiceutils.wire.deepgram_agent import (
    ListenUpdated,
    SpeakUpdated,
    ThinkLiveUpdated,
    ThinkUpdated,
)
from voiceutils.wire.deepgram_agent_commands import (
    UpdateListen,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
)
from voiceutils.wire.deepgram_agent_settings import (
    AudioInput,
    AudioOutput,
    Function,
    Listen,
    ListenProvider,
    Settings,
    Think,
)

__all__ = ["Terms", "Update", "read", "update"]

_INPUT = AudioInput(encoding="linear16", sample_rate=24000)
_NOVA = ListenProvider(type="deepgram", version="v1", model="nova-3")


class Terms(NamedTuple):
    """What a conversation goes by."""

    input: AudioInput
    output: SpeechForm
    listen: ListenProvider
    functions: tuple[Function, ...]
    greeting: str
    prompt: str
    history: bool
    think_live: bool


def read(settings: Settings, ways: AgentSettings) -> Terms | Complaint:
    """Return what Settings come to, or why they are refused."""
    agent = settings.agent
    if isinstance(agent, str):
        return _stored(agent)
    output = _output(settings.audio.output or AudioOutput())
    if isinstance(output, Complaint):
        return output
    sound = settings.audio.input or _INPUT
    if sound.sample_rate <= 0 or sound.sample_rate > 384_000:
        return misfit("audio.input.sample_rate")
    for problem in agent_problems(agent, ways):
        return problem
    return Terms(
        input=sound,
        output=output,
        listen=_provider(agent.listen),
        functions=_functions(agent.think),
        greeting=agent.greeting or "",
        prompt=_first_prompt(agent.think),
        history=settings.flags is UNSET or settings.flags.history is not False,
        think_live=agent.think_live is not UNSET,
    )


def _stored(agent: str) -> Complaint:
    try:
        uuid.UUID(agent)
    except ValueError:
        return Complaint("INVALID_AGENT_ID", f"`{agent[:100]}` is not an agent id.")
    return Complaint(
        "AGENT_ID_NOT_SUPPORTED", "There is no stored agent configuration here."
    )


def _output(asked: AudioOutput) -> SpeechForm | Complaint:
    encoding = asked.encoding or "linear16"
    if encoding not in RAW:
        known = ", ".join(RAW)
        problem = f"this fake does not make `{encoding}` for agents; use one of {known}"
        return Complaint("INVALID_SETTINGS", problem)
    given: dict[str, str] = {"encoding": encoding}
    given["container"] = asked.container or "none"
    if asked.sample_rate is not UNSET:
        given["sample_rate"] = str(asked.sample_rate)
    if asked.bitrate is not UNSET:
        given["bit_rate"] = str(asked.bitrate)
    form = read_form(given, default=encoding, streaming=False)
    return Complaint("INVALID_SETTINGS", form) if isinstance(form, str) else form


Update: TypeAlias = UpdateListen | UpdateThink | UpdateThinkLive | UpdateSpeak


def update(
    terms: Terms, message: Update, ways: AgentSettings
) -> tuple[Terms, Struct] | Complaint:
    """Return the new terms and the acknowledgement, or why an update is refused."""
    changed: tuple[Terms, Struct]
    match message:
        case UpdateListen(listen):
            if not listen.provider:
                return misfit("listen.provider")
            changed = terms._replace(listen=listen.provider), ListenUpdated()
            problems = listen_problems(listen, "listen")
        case UpdateThink(think):
            problems = think_problems(think, "think", ways, live=terms.think_live)
            prompt = _first_prompt(think) or terms.prompt
            new = terms._replace(functions=_functions(think), prompt=prompt)
            changed = new, ThinkUpdated()
        case UpdateSpeak(speak):
            problems = speak_problems(speak, "speak")
            changed = terms, SpeakUpdated()
        case UpdateThinkLive():
            return terms._replace(think_live=True), ThinkLiveUpdated()
    return next(problems, None) or changed


def _provider(listen: Listen | UnsetType) -> ListenProvider:
    return (listen.provider if listen else UNSET) or _NOVA


def _functions(think: Think | tuple[Think, ...] | UnsetType) -> tuple[Function, ...]:
    """Return the functions of the first choice."""
    thinks = listed(think)
    return (thinks[0].functions or ()) if thinks else ()


def _first_prompt(think: Think | tuple[Think, ...] | UnsetType) -> str:
    thinks = listed(think)
    return (thinks[0].prompt or "") if thinks else ""
