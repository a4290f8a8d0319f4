"""Whose host is whose: the names that agents write into their code."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from voiceutils.errors import SettingError

__all__ = ["COMMON_HOSTS", "Hosts", "Provider", "read_hosts"]


class Provider(enum.StrEnum):
    """Who answers for a host."""

    DEEPGRAM = "deepgram"
    MODEL = "model"
    TWILIO = "twilio"
    MISSING = "missing"  # well known, but there is no fake: 501


# Regional hosts: developers.deepgram.com/reference/regional-endpoints,
# twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region,
# platform.openai.com/docs/guides/your-data. The others speak OpenAI's chat completions.
_PATTERNS: tuple[tuple[str, Provider], ...] = (
    (r"(api|agent)(\.[a-z0-9-]+)?\.deepgram\.com", Provider.DEEPGRAM),
    (r"api(\.[a-z0-9-]+){0,2}\.twilio\.com", Provider.TWILIO),
    (r"([a-z]{2}\.)?api\.openai\.com", Provider.MODEL),
    (
        r"api\.(groq\.com|together\.xyz|deepseek\.com|mistral\.ai|cerebras\.ai|x\.ai)",
        Provider.MODEL,
    ),
    (r"api\.fireworks\.ai|openrouter\.ai", Provider.MODEL),
)
_MISSING: Mapping[str, str] = MappingProxyType(
    {
        r"(.+\.)?deepgram\.com": "this host of Deepgram",
        r"(.+\.)?twilio\.com": "this product of Twilio",
        r"(.+\.)?openai\.com": "this host of OpenAI",
        r"(.+\.)?openai\.azure\.com": "OpenAI's models on Azure",
        r"api\.anthropic\.com": "Anthropic's models",
        r"generativelanguage\.googleapis\.com": "Google's Gemini",
        r"(.+-)?aiplatform\.googleapis\.com": "Google's Vertex AI",
        r"(.+-)?(speech|texttospeech)\.googleapis\.com": "Google's speech services",
        r"oauth2\.googleapis\.com": "Google's sign-in",
        r"(.+\.)?elevenlabs\.io": "ElevenLabs' speech",
        r"(.+\.)?cartesia\.ai": "Cartesia's speech",
        r"(.+\.)?assemblyai\.com": "AssemblyAI's recogniser",
        r"(.+\.)?(gladia\.io|speechmatics\.com|soniox\.com|rev\.ai)": "this recogniser",
        r"(.+\.)?(play\.ht|play\.ai|rime\.ai|lmnt\.com|hume\.ai|inworld\.ai)": (
            "this speech service"
        ),
        r"(.+\.)?(microsoft\.com|cognitiveservices\.azure\.com)": "Azure's speech",
        r"(transcribestreaming|transcribe|polly|bedrock-runtime)\.[a-z0-9-]+"
        r"\.amazonaws\.com": "Amazon's speech and models",
        r"api\.(cohere\.ai|cohere\.com|perplexity\.ai)": "this provider's models",
        r"api\.(telnyx\.com|plivo\.com|nexmo\.com|vapi\.ai|retellai\.com)": (
            "this telephone service"
        ),
    }
)
# What a hosts file and a certificate can name; patterns cover the rest.
COMMON_HOSTS = (
    "api.deepgram.com",
    "agent.deepgram.com",
    "api.eu.deepgram.com",
    "api.au.deepgram.com",
    "api.in.deepgram.com",
    "api.twilio.com",
    "api.dublin.ie1.twilio.com",
    "api.sydney.au1.twilio.com",
    "api.openai.com",
    "eu.api.openai.com",
    "us.api.openai.com",
    "api.groq.com",
    "api.together.xyz",
    "api.fireworks.ai",
    "openrouter.ai",
    "api.deepseek.com",
    "api.mistral.ai",
    "api.cerebras.ai",
    "api.x.ai",
)
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")


class Hosts:
    """The hosts that are stood in for.

    Args:
        further: host -> provider, beside the known ones and before them.
    """

    def __init__(self, further: Mapping[str, Provider] | None = None) -> None:
        self._further = dict(further or {})

    def provider_of(self, host: str) -> Provider | None:
        """Return who answers for a host; None when nobody does."""
        name = host.lower().rstrip(".")
        if name in self._further:
            return self._further[name]
        for pattern, provider in _PATTERNS:
            if re.fullmatch(pattern, name):
                return provider
        return Provider.MISSING if self.missing(name) else None

    def missing(self, host: str) -> str:
        """Return in words what a host would serve that no fake does; "" if unknown."""
        name = host.lower().rstrip(".")
        for pattern, what in _MISSING.items():
            if re.fullmatch(pattern, name):
                return what
        return ""

    @property
    def named(self) -> tuple[str, ...]:
        """Names for a hosts file; further names are known by their pattern."""
        return (*COMMON_HOSTS, *(name for name in self._further))


def read_hosts(asked: Iterable[str]) -> Hosts:
    """Return the hosts for texts such as ``llm.example=model``.

    Raises:
        SettingError: a text is not of that form.
    """
    further: dict[str, Provider] = {}
    for text in asked:
        host, _, provider = text.strip().lower().partition("=")
        if not _NAME.fullmatch(host) or provider not in ("deepgram", "model", "twilio"):
            form = "HOST=deepgram, HOST=model or HOST=twilio"
            raise SettingError(f"--stand-in-for {text}: need {form}")
        further[host] = Provider(provider)
    return Hosts(further)
