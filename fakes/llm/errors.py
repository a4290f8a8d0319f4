"""The errors of the model's service, in its words and shapes.

https://platform.openai.com/docs/guides/error-codes tells statuses and codes; the texts
are those that clients quote in their issues.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

__all__ = [
    "ModelError",
    "context_exceeded",
    "error_for_status",
    "misfit",
    "no_such_model",
    "no_such_response",
    "rate_limit_headers",
]

INVALID = "invalid_request_error"


class ModelError(NamedTuple):
    """An answer other than success."""

    status: int
    message: str
    kind: str = INVALID
    code: str | None = None
    param: str | None = None

    @property
    def content(self) -> dict[str, str | None]:
        """The error as clients see it."""
        return {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }

    def body(self) -> bytes:
        """Return the JSON body."""
        return json.dumps({"error": self.content}).encode()


_KNOWN = {
    400: ("Bad request.", INVALID, None),
    401: ("Incorrect API key provided.", INVALID, "invalid_api_key"),
    403: (
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    404: ("The requested resource was not found.", INVALID, None),
    429: ("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
    500: (
        "The server had an error while processing your request.",
        "server_error",
        None,
    ),
    503: (
        "The engine is currently overloaded, please try again later",
        "service_unavailable_error",
        None,
    ),
}


def error_for_status(status: int) -> ModelError:
    """Return the error that the service words for a status."""
    kind = "server_error" if status >= 500 else INVALID
    message, kind, code = _KNOWN.get(status, (f"Error {status}.", kind, None))
    return ModelError(status, message, kind, code)


def no_such_model(name: str) -> ModelError:
    """A model that nobody has, or that this key may not use."""
    text = f"The model `{name}` does not exist or you do not have access to it."
    return ModelError(404, text, code="model_not_found")


def no_such_response(identity: str) -> ModelError:
    """A response that was never stored, was deleted, or is forgotten."""
    return ModelError(404, f"Response with id '{identity}' not found.")


def context_exceeded(limit: int, tokens: int, param: str) -> ModelError:
    """More is told than the model can hold; each of the two interfaces words it so."""
    text = (
        f"This model's maximum context length is {limit} tokens. However, your "
        f"messages resulted in {tokens} tokens. Please reduce the length of the "
        "messages."
    )
    if param == "input":
        text = (
            "Your input exceeds the context window of this model. Please adjust your "
            "input and try again."
        )
    return ModelError(400, text, code="context_length_exceeded", param=param)


_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_KINDS = re.compile(r"Expected `([^`]*)`, got `(\w+)`")


def misfit(problem: str) -> ModelError:
    """Return the error for a body that does not fit, from msgspec's words for it."""
    place = _PLACE.search(problem)
    # The service gives an index, msgspec does not: the list itself is named.
    param, listed, _ = place[1].partition("[") if place else ("", "", "")
    missing = _MISSING.search(problem)
    if missing:
        param = param if listed else ".".join(filter(None, (param, missing[1])))
        text = f"Missing required parameter: '{param}'."
        return ModelError(400, text, code="missing_required_parameter", param=param)
    kinds = _KINDS.search(problem)
    if kinds and param:
        text = f"Invalid type for '{param}': expected {kinds[1]}, but got {kinds[2]}."
        return ModelError(400, text, code="invalid_type", param=param)
    if param:
        text = f"Invalid value for '{param}': {problem.partition(' - at')[0]}."
        return ModelError(400, text, code="invalid_value", param=param)
    text = (
        "We could not parse the JSON body of your request. (HINT: This likely means "
        f"you aren't using your HTTP library correctly: {problem}.)"
    )
    return ModelError(400, text)


def rate_limit_headers(retry_after: float | None) -> dict[str, str]:
    """The headers of a 429: what is left, and when to come again."""
    wait = retry_after or 0.0
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{wait:g}s",
    }
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
        headers["retry-after-ms"] = f"{retry_after * 1000:.0f}"
    return headers
