"""A chat completion as events or as one body.

The shapes are those of https://platform.openai.com/docs/api-reference/chat; the order
of the events is the live service's: role, tokens, finish, usage, ``[DONE]``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from fakes.llm.answer import Answer, ToolCall
from fakes.llm.chat_request import ChatAsked
from fakes.llm.pieces import json_pieces, text_pieces
from fakes.llm.steps import Step, event
from voiceutils.wire.chat import DONE

__all__ = ["ChatReply"]

FINGERPRINT = "fp_busyhour"

Json = dict[str, Any]


class ChatReply(NamedTuple):
    """One completion; each of its choices is the same answer.

    Attributes:
        number: tells this completion from others; part of every id.
        created: wall time in whole seconds.
    """

    request: ChatAsked
    answer: Answer
    number: str
    created: int

    def steps(self) -> Iterator[Step]:
        """Yield the events of the stream, the choices' tokens in turn."""
        choices = range(self.request.choices)
        for group in zip(
            *(self._choice_steps(index) for index in choices), strict=True
        ):
            for place, step in enumerate(group):
                yield step if place == 0 else step._replace(wait="none")
        if self.request.usage:
            chunk = self._chunk([]) | {"usage": self.usage}
            yield Step("none", event(chunk))
        yield Step("none", DONE.encode())

    def body(self) -> bytes:
        """Return the whole completion as one JSON object."""
        choices = [self._choice(index) for index in range(self.request.choices)]
        content = self._head("chat.completion") | {
            "choices": choices,
            "usage": self.usage,
        }
        return msgspec.json.encode(content)

    @property
    def usage(self) -> Json:
        """What question and answers cost; a token is a word."""
        asked = self.request.asked.prompt_tokens
        answered = self.answer.tokens * self.request.choices
        return {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    # --- streamed ----------------------------------------------------------------

    def _choice_steps(self, index: int) -> Iterator[Step]:
        deltas = itertools.chain(self._text_deltas(), self._call_deltas(index))
        first = True
        for delta in deltas:
            head: Json = {"role": "assistant", "refusal": None} if first else {}
            if first and "content" not in delta:
                head["content"] = None
            wait, first = ("first" if first else "token"), False
            yield Step(wait, self._event(index, head | delta, None))  # type: ignore[arg-type]
        yield Step("token", self._event(index, {}, self.answer.finish))

    def _text_deltas(self) -> Iterator[Json]:
        if self.answer.text or not self.answer.calls:
            yield {"content": ""}
        for piece in text_pieces(self.answer.text):
            yield {"content": piece}

    def _call_deltas(self, choice: int) -> Iterator[Json]:
        for index, call in enumerate(self.answer.calls):
            whole = self._tool_call(choice, index, call)
            whole["function"] = {"name": call.name, "arguments": ""}
            yield {"tool_calls": [{"index": index, **whole}]}
            for piece in json_pieces(call.arguments):
                part = {"index": index, "function": {"arguments": piece}}
                yield {"tool_calls": [part]}

    def _event(self, index: int, delta: Json, finish: str | None) -> bytes:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish,
        }
        return event(self._chunk([choice]))

    def _chunk(self, choices: list[Json]) -> Json:
        content = self._head("chat.completion.chunk") | {"choices": choices}
        # Asked for usage, the service says null in every event but the last.
        return content | {"usage": None} if self.request.usage else content

    # --- both --------------------------------------------------------------------

    def _head(self, kind: str) -> Json:
        return {
            "id": f"chatcmpl-{self.number}",
            "object": kind,
            "created": self.created,
            "model": self.request.asked.model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def _choice(self, index: int) -> Json:
        answer = self.answer
        message: Json = {
            "role": "assistant",
            "content": None if answer.calls and not answer.text else answer.text,
            "refusal": None,
            "annotations": [],
        }
        if answer.calls:
            message["tool_calls"] = [
                self._tool_call(index, place, call)
                for place, call in enumerate(answer.calls)
            ]
        return {
            "index": index,
            "message": message,
            "logprobs": None,
            "finish_reason": answer.finish,
        }

    def _tool_call(self, choice: int, index: int, call: ToolCall) -> Json:
        return {
            "id": f"call_{self.number[:20]}{choice:02d}{index:02d}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
