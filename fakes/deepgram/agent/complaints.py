"""What the Voice Agent says when something is wrong, in the service's own words.

Codes are those of https://developers.deepgram.com/docs/voice-agent-errors-warnings;
a description that is not known from the live service is ours and plain.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from voiceutils.errors import WireError
from voiceutils.wire.deepgram_agent import AgentError

__all__ = ["Complaint", "complaint_of", "error_message", "field_of"]


class Complaint(NamedTuple):
    """Why a connection ends, or what a warning says."""

    code: str
    description: str

    def about(self, *what: object) -> Complaint:
        """Return it with these in the gaps of its description."""
        return self._replace(description=self.description.format(*what))


UNKNOWN_MESSAGE = Complaint(
    "UNPARSABLE_CLIENT_MESSAGE",
    "Text message received from client did not match any of the formats we expect.",
)
BEFORE_SETTINGS = Complaint(
    "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS",
    "A message was received before Settings. The first message must be Settings.",
)
SECOND_SETTINGS = Complaint(
    "SETTINGS_ALREADY_APPLIED", "Settings were already applied to this session."
)
NO_MESSAGE = Complaint(
    "CLIENT_MESSAGE_TIMEOUT",
    "We waited too long for a websocket message. Please ensure that you're sending "
    "binary messages containing user speech.",
)
BAD_AUDIO = Complaint(
    "USER_AUDIO_FORMAT", "The audio does not have the form that the Settings name."
)
NO_SUCH_FUNCTION = Complaint(
    "NON_EXISTENT_FUNCTION_CALLED", "There is no function of the name `{}`."
)
TOO_OLD = Complaint(
    "MAXIMUM_SESSION_LENGTH_REACHED", "The session reached its maximum length."
)
SOON_TOO_OLD = Complaint(
    "MAXIMUM_SESSION_LENGTH_APPROACHING",
    "The session will end soon: it is near its maximum length.",
)
PROMPT_TOO_LONG = Complaint(
    "PROMPT_TOO_LONG", "The prompt is longer than {} characters."
)
NO_FORCED_END = Complaint(
    "FORCE_END_TURN_UNSUPPORTED", "ForceEndTurn needs a v2 listen provider."
)
SLOW_THINK = Complaint("SLOW_THINK_REQUEST", "The think provider is slow to answer.")
SLOW_SPEAK = Complaint("SLOW_SPEAK_REQUEST", "The speak provider is slow to answer.")
NO_SPEECH = Complaint("SPEAK_REQUEST_FAILED", "The speak provider gave no audio.")
FUNCTION_FAILED = Complaint("FUNCTION_CALL_FAILED", "The call of `{}` failed: {}")
DURING_USER_SPEECH = Complaint(
    "INJECT_AGENT_MESSAGE_DURING_USER_SPEECH",
    "The message was not injected: the user is speaking.",
)
DURING_AGENT_SPEECH = Complaint(
    "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH",
    "The message was not injected: the agent is responding.",
)


def field_of(problem: str) -> str:
    """Return the field that a validation error is about, ``agent.tags`` for example."""
    what, _, where = problem.partition(" - at ")
    path = where.strip("`").removeprefix("$").removeprefix(".")
    names = [part.partition("[")[0] for part in path.split(".")]
    if "field `" in what:
        names.append(what.partition("field `")[2].rstrip("`"))
    return ".".join(name for name in names if name)


def complaint_of(error: WireError) -> Complaint:
    """Return what the service says about a message that cannot be read."""
    cause = error.__cause__
    field = field_of(str(cause)) if isinstance(cause, msgspec.ValidationError) else ""
    return misfit(field) if field not in ("", "type") else UNKNOWN_MESSAGE


def misfit(field: str) -> Complaint:
    """Return the complaint about one field of a message."""
    return Complaint(
        "UNPARSABLE_CLIENT_MESSAGE",
        f"Error parsing client message. Check the {field} field against the API spec.",
    )


def error_message(complaint: Complaint, key: Literal["code", "message"]) -> AgentError:
    """Return the Error, in the form of today or of 2025 (without code)."""
    if key == "message":
        return AgentError(complaint.description, message="")
    return AgentError(complaint.description, complaint.code)
