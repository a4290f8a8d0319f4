"""Reads the TwiML that answers a call, as far as a media stream needs it."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

from fakes.twilio.twiml.address import Warned, media_address
from fakes.twilio.twiml.document import MAX_BYTES, TwimlError, _parse

__all__ = ["StreamOrder", "read_twiml"]

MAX_PARAMETER = 500  # name and value, each; exclusive

_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
_LISTENED_TRACKS = frozenset({"", "inbound_track"})
# Verbs that a caller would hear or wait for; this fake has no voice of its own.
_PASSED_OVER = frozenset({"Say", "Play", "Pause", "Gather", "Record", "Start", "Stop"})


class StreamOrder(NamedTuple):
    """Where the call's audio goes.

    Attributes:
        url: the media socket, absolute, without query.
        parameters: custom parameters for the start message.
        warnings: what was wrong without being fatal.
    """

    url: str
    parameters: dict[str, str]
    warnings: tuple[Warned, ...] = ()


def read_twiml(body: bytes, *, content_type: str, document_url: str) -> StreamOrder:
    """Return the ``<Connect><Stream>`` of a document.

    Raises:
        TwimlError: the document is not usable, or asks for no such stream.
    """
    _check_envelope(body, content_type)
    root = _parse(body)
    if root.tag != "Response":
        raise TwimlError("12102", f"bad TwiML: root is <{root.tag}>, not <Response>")
    warnings: list[Warned] = []
    stream = _find_stream(root, warnings)
    track = stream.get("track", "")
    if track not in _LISTENED_TRACKS:
        text = f"bad TwiML: <Connect><Stream track={track!r}>, only inbound_track works"
        raise TwimlError("31941", text)
    url = media_address(stream.get("url", ""), document_url, warnings)
    return StreamOrder(url, _parameters(stream, warnings), tuple(warnings))


def _check_envelope(body: bytes, content_type: str) -> None:
    if len(body) > MAX_BYTES:
        raise TwimlError("11750", f"bad TwiML: {len(body)} bytes, more than 64 kB")
    if not body.strip():
        raise TwimlError("11770", "bad TwiML: empty body")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain" or kind.startswith("audio/"):
        cause = f"bad TwiML: {kind} is played to the caller, and the call ends"
        raise TwimlError("12300", cause)
    if kind not in _XML_TYPES:
        text = f"bad TwiML: content type {kind or 'missing'!s}, not text/xml"
        raise TwimlError("12300", text)


def _find_stream(root: ET.Element, warnings: list[Warned]) -> ET.Element:
    for verb in root:
        if verb.tag == "Connect":
            stream = verb.find("Stream")
            if stream is None:
                nouns = ", ".join(f"<{noun.tag}>" for noun in verb) or "nothing"
                raise TwimlError("12200", f"bad TwiML: <Connect> holds {nouns}")
            return stream
        if verb.tag in ("Reject", "Hangup"):
            raise TwimlError("0", f"the agent answered with <{verb.tag}>")
        if verb.tag in ("Redirect", "Dial"):
            raise TwimlError("0", f"<{verb.tag}> is not followed by this fake")
        if verb.tag in _PASSED_OVER:
            warnings.append(Warned("passed_over", f"<{verb.tag}> is not performed"))
        else:
            warnings.append(Warned("12200", f"unknown verb <{verb.tag}> ignored"))
    raise TwimlError("0", "bad TwiML: no <Connect><Stream>, so the call ends")


def _parameters(stream: ET.Element, warnings: list[Warned]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for child in stream.findall("Parameter"):
        name, value = child.get("name", ""), child.get("value", "")
        if max(len(name), len(value)) >= MAX_PARAMETER:
            text = (
                f"parameter {name[:40]!r}: name and value must be under 500 characters"
            )
            warnings.append(Warned("12200", text))
            continue
        parameters[name] = value
    return parameters
