"""The body of a speak request, and the head of its answer."""

from __future__ import annotations

import re

import msgspec

from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.request import SpeakQuery, model_uuid

__all__ = ["model_headers", "read_body"]

_KINDS = ("application/json", "text/plain")
_NOT_ONE = (
    "Failed to deserialize JSON payload. Please specify exactly one of `text` or `url` "
    "in the JSON body."
)
_WRONG_KIND = (
    "`Content-Type` header is not supported. `Content-Type` must be either "
    "`text/plain` or `application/json`."
)
_JSON_PROBLEMS = (msgspec.DecodeError, UnicodeError, RecursionError)


def read_body(
    body: bytes, content_type: str, settings: DeepgramSettings
) -> str | Refusal:
    """Return the text to say, or the refusal."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _KINDS:
        return Refusal(415, "UNSUPPORTED_MEDIA_TYPE", _WRONG_KIND)
    try:
        said: str | Refusal = body.decode()
    except UnicodeDecodeError:
        return Refusal(400, "PAYLOAD_ERROR", "Failed to decode payload as UTF-8.")
    if kind == "application/json":
        said = _text_of_json(body)
    if isinstance(said, Refusal):
        return said
    if not said.strip():
        return Refusal(400, "Bad Request", "Input text contains no characters.")
    if len(said) > settings.text_limit:
        limit = f"Input text exceeds maximum character limit of {settings.text_limit}."
        return Refusal(settings.text_too_long_status, "Payload Too Large", limit)
    return said


def _text_of_json(body: bytes) -> str | Refusal:
    try:
        content = msgspec.json.decode(body)
    except _JSON_PROBLEMS:
        content = None
    given = content if isinstance(content, dict) else {}
    text, url = given.get("text"), given.get("url")
    if (text is None) == (url is None) or not isinstance(text or url or "", str):
        return Refusal(400, "PAYLOAD_ERROR", _NOT_ONE)
    if text is not None:
        return str(text)
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+(/\S*)?", str(url)):
        return Refusal(400, "PAYLOAD_ERROR", "Failed to parse URL in JSON body.")
    # Nothing is fetched: what is on this machine the service could not reach either,
    # and this fake reaches for nothing else.
    text = "URL for media download must be publicly routable."
    return Refusal(400, "REMOTE_CONTENT_ERROR", text)


def model_headers(query: SpeakQuery, text: str, request_id: str) -> dict[str, str]:
    """Return the headers of a successful response, without ``date``."""
    return {
        "content-type": query.form.content_type,
        "dg-model-name": query.model,
        "dg-model-uuid": model_uuid(query.model),
        "dg-char-count": str(len(text)),
        "dg-request-id": request_id,
    }
