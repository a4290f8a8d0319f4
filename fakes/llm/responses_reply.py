"""A response as events or as one body.

The shapes and the order of the events are those of
https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from fakes.llm.answer import Answer, ToolCall
from fakes.llm.pieces import json_pieces, text_pieces
from fakes.llm.responses_request import Item, ResponseAsked
from fakes.llm.steps import Step, event

__all__ = ["ResponseReply"]

# What a response says of itself where the request says nothing.
_DEFAULTS: Item = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


class ResponseReply(NamedTuple):
    """One response.

    Attributes:
        number: tells this response from others; part of every id.
        created: wall time in whole seconds.
    """

    request: ResponseAsked
    answer: Answer
    number: str
    created: int

    @property
    def id(self) -> str:
        """Of the response."""
        return f"resp_{self.number}"

    @property
    def status(self) -> str:
        """Of the response when it is over."""
        return "incomplete" if self.answer.finish == "length" else "completed"

    def body(self) -> bytes:
        """Return the whole response as one JSON object."""
        return msgspec.json.encode(self.content(self.status))

    def content(self, status: str) -> Item:
        """Return the response in a status; the output is there when it is over."""
        over = status in ("completed", "incomplete")
        told = {k: v for k, v in self.request.stated.items() if k in _DEFAULTS}
        reason = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            **_DEFAULTS,
            **{key: value for key, value in told.items() if value is not None},
            "completed_at": self.created if status == "completed" else None,
            "error": None,
            "incomplete_details": reason,
            "model": self.request.asked.model,
            "output": self.output() if over else [],
            "usage": self.usage if over else None,
        }

    @property
    def usage(self) -> Item:
        """What question and answer cost; a token is a word."""
        asked, answered = self.request.asked.prompt_tokens, self.answer.tokens
        return {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answered,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + answered,
        }

    def output(self) -> list[Item]:
        """Return the items of the answer: a message, then calls of tools."""
        answer = self.answer
        items = []
        if answer.text or not answer.calls:
            items.append(self._message(self.status, [_part(answer.text)]))
        # Cut by a limit, the last item is what is not whole.
        for index, call in enumerate(answer.calls):
            last = index + 1 == len(answer.calls)
            items.append(self._call(index, call, self.status if last else "completed"))
        return items

    def steps(self) -> Iterator[Step]:
        """Yield the events of the stream, numbered from 0."""
        for number, (wait, name, content) in enumerate(self._events()):
            told = {"type": name, "sequence_number": number, **content}
            yield Step(wait, event(told, name))

    # --- events ------------------------------------------------------------------

    def _events(self) -> Iterator[tuple[Any, str, Item]]:
        begun = "queued" if self.request.background else "in_progress"
        yield "none", "response.created", {"response": self.content(begun)}
        if self.request.background:
            yield "none", "response.queued", {"response": self.content(begun)}
        running = self.content("in_progress")
        yield "none", "response.in_progress", {"response": running}
        for index, item in enumerate(self.output()):
            kind = self._call_events if "arguments" in item else self._text_events
            for place, (wait, name, content) in enumerate(kind(item)):
                now = "first" if index == 0 and place == 0 else wait
                yield now, name, {"output_index": index, **content}
        over = {"response": self.content(self.status)}
        yield "token", f"response.{self.status}", over

    def _text_events(self, item: Item) -> Iterator[tuple[str, str, Item]]:
        part: Item = item["content"][0]
        begun = {**item, "content": [], "status": "in_progress"}
        yield "token", "response.output_item.added", {"item": begun}
        where = {"item_id": item["id"], "content_index": 0}
        empty = {**where, "part": _part("")}
        yield "none", "response.content_part.added", empty
        for piece in text_pieces(part["text"]):
            told = {**where, "delta": piece, "logprobs": []}
            yield "token", "response.output_text.delta", told
        whole = {**where, "text": part["text"], "logprobs": []}
        yield "none", "response.output_text.done", whole
        yield "none", "response.content_part.done", {**where, "part": part}
        yield "none", "response.output_item.done", {"item": item}

    def _call_events(self, item: Item) -> Iterator[tuple[str, str, Item]]:
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield "token", "response.output_item.added", {"item": begun}
        where = {"item_id": item["id"]}
        name = "response.function_call_arguments"
        for piece in json_pieces(item["arguments"]):
            yield "token", f"{name}.delta", {**where, "delta": piece}
        whole = {**where, "arguments": item["arguments"]}
        yield "none", f"{name}.done", whole
        yield "none", "response.output_item.done", {"item": item}

    # --- items -------------------------------------------------------------------

    def _message(self, status: str, content: list[Item]) -> Item:
        return {
            "id": f"msg_{self.number}",
            "type": "message",
            "status": status if not self.answer.calls else "completed",
            "role": "assistant",
            "content": content,
        }

    def _call(self, index: int, call: ToolCall, status: str) -> Item:
        return {
            "id": f"fc_{self.number}{index:02d}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{self.number[:22]}{index:02d}",
            "name": call.name,
            "arguments": call.arguments,
        }


def _part(text: str) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
