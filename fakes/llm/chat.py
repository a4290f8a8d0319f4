"""What the scripted model answers, and in which events; no socket, no clock.

The reply depends on the last thing the user said alone, so every call can be judged.
Errors have the shape of https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from fakes.speech import number_words, numbers_in, reply_to
from voiceutils.errors import WireError
from voiceutils.wire.chat import (
    DONE,
    Choice,
    Chunk,
    Delta,
    Request,
    decode_request,
    encode_event,
)

__all__ = [
    "MODELS",
    "ChatError",
    "Reply",
    "error_for_status",
    "read_request",
    "remembered_in",
    "reply_for",
]

MODELS = ("busyhour-script", "gpt-4o-mini")
NOTHING_SAID = "I did not hear anything. Could you say that again?"


class ChatError(NamedTuple):
    """An answer other than success."""

    status: int
    message: str
    kind: str
    code: str | None = None
    param: str | None = None

    def body(self) -> bytes:
        """Return the JSON body."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return json.dumps({"error": error}).encode()


_KNOWN = {
    400: ("Bad request.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("Access denied.", "invalid_request_error", None),
    404: ("The requested resource was not found.", "invalid_request_error", None),
    429: ("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
    500: (
        "The server had an error while processing your request.",
        "server_error",
        None,
    ),
    503: (
        "The engine is currently overloaded, please try again later",
        "server_error",
        None,
    ),
}


def error_for_status(status: int) -> ChatError:
    """Return the error that the service words for a status."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    message, kind, code = _KNOWN.get(status, (f"Error {status}.", kind, None))
    return ChatError(status, message, kind, code)


def read_request(body: bytes) -> Request | ChatError:
    """Return the request, or the error that answers a wrong one."""
    try:
        request = decode_request(body)
    except WireError as error:
        problem = str(error).partition(": b")[0]
        return ChatError(400, f"We could not parse the body: {problem}", _KNOWN[400][1])
    if not request.messages:
        text = "[] is too short - 'messages'"
        return ChatError(400, text, "invalid_request_error", None, "messages")
    return request


def said_in(request: Request) -> str:
    """Return the last thing that the user said, or the empty string."""
    said = [message.text for message in request.messages if message.role == "user"]
    return " ".join(said[-1].split()) if said else ""


def remembered_in(request: Request) -> str:
    """Return what the request tells of earlier replies, cut at 4000 characters."""
    told = [message.text for message in request.messages if message.role == "assistant"]
    return " ".join(" ".join(told).split())[-4000:]


def reply_for(said: str) -> str:
    """Return the scripted reply.

    A number of four digits or more is said back; a scripted question has its answer;
    anything else is repeated.
    """
    numbers = numbers_in(said)
    if numbers:
        return f"Thank you, caller {number_words(numbers[0])}. How can I help?"
    scripted = reply_to(said)
    if scripted is not None:
        return scripted
    words = said.rstrip(".?!,; ")
    return f"You said: {words}." if words else NOTHING_SAID


class Reply(NamedTuple):
    """One completion.

    Attributes:
        created: wall time in whole seconds.
        tool: name of a tool that is called in place of any text.
    """

    id: str
    created: int
    model: str
    text: str
    asked_words: int = 0
    tool: str = ""

    @property
    def tokens(self) -> list[str]:
        """The text in pieces: each word with the space before it."""
        blank = [self.text] if self.text and not self.text.strip() else []
        return re.findall(r"\s*\S+", self.text) or blank

    @property
    def _tool_calls(self) -> list[dict[str, object]]:
        function = {"name": self.tool, "arguments": "{}"}
        return [{"index": 0, "id": "call_1", "type": "function", "function": function}]

    def events(self, *, usage: bool = False) -> Iterator[str]:
        """Yield the server-sent events: role, one a token, the end, ``[DONE]``."""
        if self.tool:
            chunk = json.loads(self._event(Delta(role="assistant"))[len("data: ") :])
            delta: dict[str, object] = {"role": "assistant", "content": None}
            delta["tool_calls"] = self._tool_calls
            chunk["choices"][0]["delta"] = delta
            yield f"data: {json.dumps(chunk)}\n\n"
            yield self._event(Delta(), "tool_calls")
        else:
            yield self._event(Delta(role="assistant", content=""))
            for token in self.tokens:
                yield self._event(Delta(content=token))
            yield self._event(Delta(), "stop")
        if usage:
            content = json.loads(encode_event(self._chunk(()))[len("data: ") :])
            yield f"data: {json.dumps(content | {'usage': self._usage()})}\n\n"
        yield DONE

    def body(self) -> bytes:
        """Return the whole completion as one JSON object."""
        message: dict[str, object] = {
            "role": "assistant",
            "content": None if self.tool else self.text,
            "refusal": None,
        }
        if self.tool:
            message["tool_calls"] = self._tool_calls
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": "tool_calls" if self.tool else "stop",
        }
        content = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self._usage(),
        }
        return json.dumps(content).encode()

    def _event(self, delta: Delta, finish_reason: str | None = None) -> str:
        return encode_event(self._chunk((Choice(0, delta, finish_reason),)))

    def _chunk(self, choices: tuple[Choice, ...]) -> Chunk:
        return Chunk(self.id, self.created, self.model, choices)

    def _usage(self) -> dict[str, int]:
        answered = len(self.tokens)
        return {
            "prompt_tokens": self.asked_words,
            "completion_tokens": answered,
            "total_tokens": self.asked_words + answered,
        }
