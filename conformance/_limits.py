"""The figures that cases compare with, each with where it comes from."""

from __future__ import annotations

import msgspec

from fakes.backoff.policy import Policy
from voiceutils.budget import DEFAULT_BUDGETS

__all__ = ["USUAL", "Limits"]

_BUDGETS = {budget.name: budget.limit_seconds for budget in DEFAULT_BUDGETS}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is held to; seconds.

    Attributes:
        greeting: from the answer to the first sound of the greeting.
        turn_gap: from the caller's last word to the first sound of the reply, in the
            mean of the turns of a plain call.
        barge_in: how long the old reply is heard on after the caller spoke up.
        silence: nobody waits longer than that for any sound; then he has hung up.
        message: audio in one message to the recogniser.
        teardown: from the hang-up until nothing of the call is open any more.
        reconnect: from the first refusal until an attempt that is let in, after two.
        backoff: what the agent promises of its retries; None for the general bounds.
    """

    greeting: float = _BUDGETS["greeting"]
    turn_gap: float = _BUDGETS["turn_gap"]
    barge_in: float = _BUDGETS["barge_in"]
    silence: float = 8.0
    # Deepgram's own advice for one message of audio is 20 to 250 ms,
    # https://developers.deepgram.com/docs/measuring-streaming-latency
    message: float = 0.250
    # Providers bill for open sockets; a close that is tried again takes a second.
    teardown: float = 2.0
    # Three refusals under the usual policies; the caller's words wait meanwhile.
    reconnect: float = 5.0
    backoff: Policy | None = None

    def __str__(self) -> str:
        """Return them for a person."""
        names = [name for name in self.__struct_fields__ if name != "backoff"]
        seconds = [f"{name} {getattr(self, name):g} s" for name in names]
        return ", ".join([*seconds, f"backoff {self.backoff or 'general bounds'}"])


USUAL = Limits()
"""What an agent is held to where nobody says otherwise."""
