"""Reads the TwiML that answers a call, as far as a media stream needs it.

The document comes from the agent under test, so it is read with suspicion: at most
64 kB, no document type (hence no entities to expand). Errors carry Twilio's numbers
(https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit
from xml.etree import ElementTree as ET
from xml.parsers import expat

from voiceutils.errors import VoiceError

__all__ = [
    "MAX_BYTES",
    "StreamOrder",
    "TwimlError",
    "Warned",
    "media_address",
    "read_twiml",
]

MAX_BYTES = 64 * 1024
MAX_PARAMETER = 500  # name and value, each; exclusive

_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
_LISTENED_TRACKS = frozenset({"", "inbound_track"})
# Verbs that a caller would hear or wait for; this fake has no voice of its own.
_PASSED_OVER = frozenset({"Say", "Play", "Pause", "Gather", "Record", "Start", "Stop"})


class TwimlError(VoiceError):
    """The call cannot go on.

    Attributes:
        code: Twilio's error number.
    """

    def __init__(self, code: str, cause: str) -> None:
        self.code = code
        super().__init__(cause)


class Warned(NamedTuple):
    """Something Twilio's debugger would list while the call goes on."""

    code: str
    text: str


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


def media_address(url: str, document_url: str, warnings: list[Warned]) -> str:
    """Return the address of a media socket as Twilio would dial it.

    A relative address belongs to the document's host. A query string is dropped with a
    warning, which is how Twilio was seen to treat it. ``ws://`` is for loopback only.

    Raises:
        TwimlError: no address, a malformed one, or one of the wrong scheme.
    """
    absolute = _absolute(url.strip(), document_url)
    try:
        parts = urlsplit(absolute)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise TwimlError("31923", f"malformed Stream url {url!r} ({error})") from error
    if not host or not url.strip() or any(c.isspace() for c in absolute):
        raise TwimlError("31923", f"malformed Stream url {url!r}")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and is_loopback(host)):
        cause = f"wrong scheme: Stream url {url!r} must be wss:// (ws:// on loopback)"
        raise TwimlError("31922", cause)
    if parts.query:
        text = (
            f"query string of the Stream url dropped: ?{parts.query}; use <Parameter>"
        )
        warnings.append(Warned("31920", text))
    return urlunsplit(parts._replace(query="", fragment=""))


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _absolute(url: str, document_url: str) -> str:
    try:
        if urlsplit(url).scheme:
            return url
        joined = urljoin(document_url, url)
    except ValueError as error:
        raise TwimlError("31923", f"malformed Stream url {url!r} ({error})") from error
    scheme, _, rest = joined.partition("://")
    return f"{ {'https': 'wss', 'http': 'ws'}.get(scheme, scheme) }://{rest}"


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


class _DocumentTypeFoundError(Exception):
    pass


def _refuse_document_type(*_: object) -> None:
    raise _DocumentTypeFoundError


def _parse(body: bytes) -> ET.Element:
    # A first pass that stops at a document type, since the tree builder would expand
    # the entities which one may declare.
    scan = expat.ParserCreate()
    scan.StartDoctypeDeclHandler = _refuse_document_type
    try:
        scan.Parse(body, True)
        return ET.fromstring(body)
    except _DocumentTypeFoundError:
        raise TwimlError("12100", "bad TwiML: document type not allowed") from None
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError) as error:
        raise TwimlError("12100", f"bad TwiML: not XML ({error})") from error


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
