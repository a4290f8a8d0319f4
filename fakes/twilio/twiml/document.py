"""What a document says: its verbs, checked against the vocabulary.

The document comes from the agent under test, so it is read with suspicion: at most
64 kB, no document type (hence no entities to expand), bounded depth. Errors carry
Twilio's numbers (https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias
from xml.etree import ElementTree as ET
from xml.parsers import expat

from fakes.twilio.flow.orders import Noted
from fakes.twilio.twiml.vocabulary import RESPONSE, WORDS
from voiceutils.errors import VoiceError

__all__ = ["MAX_BYTES", "Document", "Element", "TwimlError", "read_document"]

MAX_BYTES = 64 * 1024
_DEEPEST = 32
_NOTES = 100  # of one document

_XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class TwimlError(VoiceError):
    """The document cannot be used.

    Attributes:
        code: Twilio's error number.
    """

    def __init__(self, code: str, cause: str) -> None:
        self.code = code
        super().__init__(cause)


_Content: TypeAlias = "str | Element"


class Element(NamedTuple):
    """A verb or noun.

    Attributes:
        attributes: those that the vocabulary knows.
        content: text and nested elements, in order.
    """

    name: str
    attributes: dict[str, str]
    content: tuple[_Content, ...] = ()

    @property
    def text(self) -> str:
        """Its own text, without that of nested elements."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    @property
    def children(self) -> tuple[Element, ...]:
        """The nested elements."""
        return tuple(part for part in self.content if isinstance(part, Element))

    def child(self, name: str) -> Element | None:
        """Return the first nested element of that name."""
        return next((part for part in self.children if part.name == name), None)


class Document(NamedTuple):
    """A document that can be run.

    Attributes:
        verbs: what to do, in order.
        url: relative addresses belong to it.
        notes: what is wrong without being fatal.
        sound: bytes and content type, when the answer was a sound and not a document.
    """

    verbs: tuple[Element, ...]
    url: str
    notes: tuple[Noted, ...] = ()
    sound: tuple[bytes, str] | None = None


def read_document(body: bytes, *, content_type: str, url: str) -> Document:
    """Return what an answer to a voice webhook orders.

    Plain text is read out; a sound is played, and the call ends after it.

    Raises:
        TwimlError: it cannot be used.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("audio/"):
        return Document((), url, sound=(body, kind))
    if len(body) > MAX_BYTES:
        raise TwimlError("11750", f"bad TwiML: {len(body)} bytes, more than 64 kB")
    if not body.strip():
        raise TwimlError("11770", "bad TwiML: empty body")
    if kind == "text/plain":
        text = body.decode("utf-8", "replace")
        return Document((Element("Say", {}, (text,)),), url)
    if kind not in _XML_TYPES:
        text = f"bad TwiML: content type {kind[:60] or 'missing'!s}, not text/xml"
        raise TwimlError("12300", text)
    root = _parse(body)
    if root.tag != "Response":
        name = str(root.tag)[:60]
        raise TwimlError("12102", f"bad TwiML: root is <{name}>, not <Response>")
    notes: list[Noted] = []
    verbs = _content(root, "Response", RESPONSE, notes)
    return Document(
        tuple(part for part in verbs if isinstance(part, Element)),
        url,
        tuple(dict.fromkeys(notes))[:_NOTES],
    )


# --- XML -------------------------------------------------------------------------


class _Scan:
    """A first pass that stops at what the tree builder must not see.

    The tree builder would expand the entities that a document type may declare, and
    what recurses over the tree would not survive a very deep one.
    """

    def __init__(self) -> None:
        self._depth = 0

    def check(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._deeper
        parser.EndElementHandler = self._higher
        parser.Parse(body, True)

    def _refuse_document_type(self, *_: object) -> None:
        raise TwimlError("12100", "bad TwiML: document type not allowed")

    def _declaration(self, version: str, *_: object) -> None:
        if version != "1.0":
            raise TwimlError("12101", f"bad TwiML: XML version {version[:20]!r}")

    def _deeper(self, *_: object) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            text = f"bad TwiML: elements nested more than {_DEEPEST} deep"
            raise TwimlError("12100", text)

    def _higher(self, *_: object) -> None:
        self._depth -= 1


def _parse(body: bytes) -> ET.Element:
    try:
        _Scan().check(body)
        return ET.fromstring(body)
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError) as error:
        raise TwimlError("12100", f"bad TwiML: not XML ({error})") from error


# --- vocabulary ------------------------------------------------------------------


def _content(
    parent: ET.Element, name: str, allowed: frozenset[str], notes: list[Noted]
) -> Iterator[_Content]:
    if parent.text:
        yield parent.text
    for child in parent:
        tag = child.tag
        if isinstance(tag, str) and tag in allowed:
            yield _element(child, tag, notes)
        else:
            notes.append(_odd(f"unknown element <{str(tag)[:60]}> in <{name}> ignored"))
        if child.tail:
            yield child.tail


# In speech, what an element of SSML carries is the voice's affair.
_SSML = WORDS["Say"].children


def _element(tag: ET.Element, name: str, notes: list[Noted]) -> Element:
    if name in _SSML:
        return Element(name, dict(tag.attrib), tuple(_content(tag, name, _SSML, notes)))
    word = WORDS[name]
    attributes = {}
    for key, value in tag.attrib.items():
        if key in word.attributes:
            attributes[key] = value
        elif not key.startswith("{"):  # a namespace is none of TwiML's
            notes.append(_odd(f"unknown attribute {key[:60]!r} of <{name}> ignored"))
    return Element(name, attributes, tuple(_content(tag, name, word.children, notes)))


def _odd(text: str) -> Noted:
    return Noted("12200", text, "warning")
