"""TwiML: documents, their vocabulary, and the addresses in them."""

from fakes.twilio.twiml.address import Warned, media_address, page_address
from fakes.twilio.twiml.document import (
    MAX_BYTES,
    Document,
    Element,
    TwimlError,
    read_document,
)
from fakes.twilio.twiml.first_stream import StreamOrder, read_twiml

__all__ = [
    "MAX_BYTES",
    "Document",
    "Element",
    "StreamOrder",
    "TwimlError",
    "Warned",
    "media_address",
    "page_address",
    "read_document",
    "read_twiml",
]
