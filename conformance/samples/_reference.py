"""Runs the reference agent with another kind of call."""

from __future__ import annotations

import os

from voiceutils.agent.__main__ import run
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings

__all__ = ["serve_variant"]


def serve_variant(call_class: type[AgentCall]) -> int:
    """Serve on a free port, told as JSON, until told to stop; return the exit code."""
    env, default = os.environ.get, AgentSettings()
    settings = AgentSettings(
        deepgram_url=env("DEEPGRAM_URL", default.deepgram_url),
        deepgram_key=env("DEEPGRAM_API_KEY", ""),
        model_url=env("OPENAI_BASE_URL", default.model_url),
        model_key=env("OPENAI_API_KEY", ""),
        auth_token=env("TWILIO_AUTH_TOKEN", ""),
    )
    return run(settings, call_class=call_class)
