"""Runs the reference agent with another kind of call."""

from __future__ import annotations

import os

from voiceutils.agent.__main__ import run
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import settings_of

__all__ = ["serve_variant"]


def serve_variant(call_class: type[AgentCall]) -> int:
    """Serve on a free port, told as JSON, until told to stop; return the exit code."""
    return run(settings_of(os.environ), call_class=call_class)
