"""The figures that cases compare with, each with where it comes from."""

from __future__ import annotations

from voiceutils.budget import DEFAULT_BUDGETS

__all__ = [
    "BARGE_IN_LIMIT",
    "GREETING_LIMIT",
    "MESSAGE_LIMIT",
    "SILENCE_LIMIT",
    "TEARDOWN_LIMIT",
    "TURN_GAP_LIMIT",
]

_BUDGETS = {budget.name: budget.limit_seconds for budget in DEFAULT_BUDGETS}

GREETING_LIMIT = _BUDGETS["greeting"]
BARGE_IN_LIMIT = _BUDGETS["barge_in"]
TURN_GAP_LIMIT = max(
    budget.limit_seconds for budget in DEFAULT_BUDGETS if budget.name == "turn_gap"
)
# Deepgram's own advice for one message of audio is 20 to 250 ms,
# https://developers.deepgram.com/docs/measuring-streaming-latency
MESSAGE_LIMIT = 0.250
# Providers bill for open sockets; an agent that has to retry a close needs one second.
TEARDOWN_LIMIT = 2.0
# A caller who hears nothing for so long after speaking has hung up.
SILENCE_LIMIT = 8.0
