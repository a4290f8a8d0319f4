"""What the fake Voice Agent does where the real one is slow, unknown or contradictory.

Pace of speech, delay of the recogniser, and the client's silence that ends a
connection are those of :class:`fakes.deepgram.settings.DeepgramSettings`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fakes.delays import DelayModel, check_delay
from voiceutils.errors import SettingError

__all__ = ["AgentSettings", "decode_agent_settings"]


class AgentSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Settings of the fake Voice Agent; times in seconds.

    Attributes:
        welcome_delay: from the opening to Welcome; seen: 30 to 45 ms.
        update_delay: from Settings or an update to its acknowledgement.
        listen_update_delay: the same for UpdateListen; seen: 244 to 433 ms.
        turn_silence: silence that ends the user's turn.
        think_delay: from the user's text to the first words of the model.
        slow_after: a model or voice slower than this gives a warning, once a reply.
        sentence_lead: how long before a sentence has been played the next one is sent.
        done_delay: from the last byte of a reply to AgentAudioDone.
        done_when_cut: whether AgentAudioDone comes for a reply that was cut, too; it
            then follows the user's next text, as recorded.
        end_of_thought: the undocumented EndOfThought, as recorded.
        thinking: AgentThinking before each reply; real models seldom send it.
        latency_report: LatencyReport after each AgentStartedSpeaking.
        behavior: ``conversational_behavior`` in ConversationText, as since 2026.
        function_response_delay: from the last response to the History of the calls.
        function_timeout: how long the client may take to answer a function call.
        prompt_limit: characters.
        injection_limit: characters of an injected message.
        injection_answer: what refuses one in the middle of a turn: the published
            ``InjectionRefused`` or a ``Warning`` (seen).
        injection_key: ``message``, or ``content`` as one guide has it.
        think_models: ``listed`` refuses models that the list of the interface lacks.
        keepalive_counts: whether KeepAlive puts off the end for want of messages; one
            report has it that it did not.
        session_warning: age of a connection that is warned of its end.
        session_limit: age of a connection that ends.
        close_code: after an Error; 1005 is a close frame without code. Not published.
        error_key: ``code``, or ``message`` as recorded in 2025.
    """

    welcome_delay: float = 0.035
    update_delay: float = 0.04
    listen_update_delay: float = 0.3
    turn_silence: float = 0.5
    think_delay: DelayModel = 0.475
    slow_after: float = 5.0
    sentence_lead: float = 0.3
    done_delay: float = 0.035
    done_when_cut: bool = True
    end_of_thought: bool = True
    thinking: bool = False
    latency_report: bool = False
    behavior: bool = True
    function_response_delay: float = 0.04
    function_timeout: float = 20.0
    prompt_limit: int = 25_000
    injection_limit: int = 25_000
    injection_answer: Literal["InjectionRefused", "Warning"] = "InjectionRefused"
    injection_key: Literal["message", "content"] = "message"
    think_models: Literal["any", "listed"] = "any"
    keepalive_counts: bool = True
    session_warning: float = 6900.0
    session_limit: float = 7200.0
    close_code: int = 1005
    error_key: Literal["code", "message"] = "code"


_NUMBERS = (
    "welcome_delay", "update_delay", "listen_update_delay", "turn_silence",
    "slow_after", "sentence_lead", "done_delay", "function_response_delay",
    "function_timeout", "session_warning", "session_limit",
)  # fmt: skip
_settings = msgspec.json.Decoder(AgentSettings)


def decode_agent_settings(text: str) -> AgentSettings:
    """Return the settings of a JSON object; what it leaves out has its default.

    Raises:
        SettingError: not JSON, an unknown name or a value that cannot work.
    """
    try:
        settings = _settings.decode(text)
    except msgspec.DecodeError as error:
        raise SettingError(f"bad settings of the Voice Agent: {error}") from error
    check_delay(settings.think_delay)
    for name in _NUMBERS:
        value = getattr(settings, name)
        if not 0 <= value <= 86_400:
            raise SettingError(f"{name} {value:g}: not between 0 and 86400 seconds")
    if settings.close_code not in (1005, *range(1000, 1004), *range(1007, 5000)):
        raise SettingError(f"close_code {settings.close_code} is not a close code")
    return settings
