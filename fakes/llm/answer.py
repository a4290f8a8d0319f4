"""One answer of the model, within the limits of its request; no socket, no clock."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple, TypeAlias

from fakes.llm.asked import Asked, Tool
from fakes.llm.pieces import json_pieces, text_pieces
from fakes.llm.rules import Action, Replies, ToolUse
from fakes.llm.sample import sample
from fakes.speech import numbers_in

__all__ = ["Answer", "Finish", "ToolCall", "answer_to", "limited"]

Finish: TypeAlias = Literal["stop", "length", "tool_calls"]


class ToolCall(NamedTuple):
    """A call of a tool; ``arguments`` is JSON, or its beginning if it was cut."""

    name: str
    arguments: str = "{}"


class Answer(NamedTuple):
    """What the model says and calls, in this order."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = "stop"

    @property
    def tokens(self) -> int:
        """What the answer costs."""
        calls = sum(len(json_pieces(call.arguments)) for call in self.calls)
        return len(text_pieces(self.text)) + calls


def answer_to(asked: Asked, replies: Replies) -> Answer:
    """Return what the model answers."""
    action = replies.to(asked)
    if asked.must_call and not action.calls:
        action = Action("", tuple(ToolUse(tool.name) for tool in asked.choosable[:1]))
    calls = tuple(_call(asked, use) for use in action.calls)
    text = action.say
    if asked.format is not None and text and not calls:
        text = _formed(asked, text)
    return limited(Answer(text, calls), asked)


def limited(answer: Answer, asked: Asked) -> Answer:
    """Return the answer as the request limits it."""
    calls = answer.calls if asked.parallel else answer.calls[:1]
    text = answer.text
    for stop in asked.stops:
        text = text.partition(stop)[0] if stop else text
    if text != answer.text:
        calls = ()  # the reply ends where it stops
    whole = Answer(text, calls, "tool_calls" if calls else "stop")
    if asked.most_tokens is None or whole.tokens <= asked.most_tokens:
        return whole
    return _cut(whole, asked.most_tokens)


def _cut(answer: Answer, left: int) -> Answer:
    """Return the first tokens of an answer; JSON breaks off where they end."""
    pieces = text_pieces(answer.text)[:left]
    left -= len(pieces)
    calls = []
    for call in answer.calls:
        if left <= 0:
            break
        told = json_pieces(call.arguments)[:left]
        left -= len(told)
        calls.append(ToolCall(call.name, "".join(told)))
    return Answer("".join(pieces), tuple(calls), "length")


def _call(asked: Asked, use: ToolUse) -> ToolCall:
    if use.arguments is not None:
        return ToolCall(use.tool, _json(use.arguments))
    offered = (tool for tool in asked.choosable if tool.name == use.tool)
    schema = next(offered, Tool(use.tool, {})).parameters
    numbers = numbers_in(asked.said)
    made = sample(schema, asked.said, numbers[0] if numbers else None)
    return ToolCall(use.tool, _json(made if isinstance(made, dict) else {}))


def _formed(asked: Asked, text: str) -> str:
    """Return a text in the form that was asked for, unless it has it already."""
    assert asked.format is not None
    try:
        if isinstance(json.loads(text), dict):
            return text  # a rule's own JSON
    except (ValueError, RecursionError):
        pass
    if asked.format.schema is None:
        return _json({"reply": text})
    numbers = numbers_in(asked.said)
    return _json(sample(asked.format.schema, text, numbers[0] if numbers else None))


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)
