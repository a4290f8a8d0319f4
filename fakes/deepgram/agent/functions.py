"""Which functions the scripted model calls, with what, and what it makes of an answer.

The rule: a function is called when every word of its name was said, so ``get_weather``
answers "Get me the weather in Rome". Of its parameters the required ones are filled:
strings with what was said (of an ``enum`` the value that was said, else its first),
numbers with the numbers heard in order, else 0.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from fakes.speech import numbers_in
from voiceutils.wire.deepgram_agent import RequestedFunction
from voiceutils.wire.deepgram_agent_settings import Function

__all__ = ["arguments_for", "call_id", "calls_for", "words_of_answer"]

_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_LONGEST_ANSWER = 2000  # characters of it that are said


def calls_for(
    functions: Iterable[Function], said: str, ids: Iterator[str]
) -> tuple[RequestedFunction, ...]:
    """Return the calls that the model makes for what was said; none in most cases."""
    heard = set(_words(said))
    calls = []
    for function in functions:
        name = function.name or ""
        words = [word.lower() for word in _NAME_WORD.findall(name)]
        if words and heard.issuperset(words):
            arguments = json.dumps(arguments_for(function.parameters or {}, said))
            own = not function.endpoint
            calls.append(RequestedFunction(next(ids), name, arguments, own))
    return tuple(calls)


def arguments_for(parameters: dict[str, Any], said: str) -> dict[str, Any]:
    """Return the arguments of a call, for a schema of parameters as JSON schema."""
    properties = parameters.get("properties")
    required = parameters.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    numbers = iter(_numbers(said))
    return {
        name: _value(properties.get(name), said, numbers)
        for name in required
        if isinstance(name, str)
    }


def call_id(request_id: str, number: int) -> str:
    """Return the id of the n-th call of a connection."""
    digest = hashlib.sha256(f"{request_id}:{number}".encode()).hexdigest()
    return f"call_{digest[:24]}"


def words_of_answer(content: str) -> str:
    """Return what the agent says about the answer of a function: its values."""
    try:
        values = list(_values(json.loads(content)))
    except (ValueError, RecursionError):
        values = [content]
    said = ", ".join(" ".join(value.split()) for value in values if value.strip())
    return f"I found this: {said[:_LONGEST_ANSWER].rstrip('.?!,; ')}." if said else ""


def _values(answer: object) -> Iterator[str]:
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from _values(part)
    elif answer is not None:
        yield str(answer).lower() if isinstance(answer, bool) else str(answer)


def _value(schema: object, said: str, numbers: Iterator[float]) -> Any:
    if not isinstance(schema, dict):
        return said
    match schema.get("type"):
        case "integer":
            return int(next(numbers, 0))
        case "number":
            return next(numbers, 0)
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return arguments_for(schema, said)
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        heard = said.lower()
        return next((x for x in choices if str(x).lower() in heard), choices[0])
    return said


def _numbers(said: str) -> list[float]:
    """Numbers as digits, or as at least four spoken digits."""
    digits = [float(x) for x in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", said)]
    found = digits or numbers_in(said)
    return [int(x) if x == int(x) else x for x in found]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", text.lower())
