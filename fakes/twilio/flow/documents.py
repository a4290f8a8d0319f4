"""Where the documents of a call come from: addresses, fallback, loops."""

from __future__ import annotations

from fakes.twilio.flow.orders import FetchDocument, Over, Voice
from fakes.twilio.flow.stage import GoTo, Stage
from fakes.twilio.twiml import Document, TwimlError, page_address, read_document

__all__ = ["Documents"]


class Documents:
    """Asks for one document after the other.

    Each method that may get one returns it; None while it is waited for; ``Over``, with
    the cause, when there is none to be had.

    Attributes:
        deadline: until when a document is waited for; None when none is.

    Args:
        stage: takes orders and notes.
        voice: where the first one comes from.
    """

    __slots__ = (
        *("_asked", "_count", "_for_fallback", "_in_a_row", "_stage", "_voice"),
        *("deadline",),
    )

    def __init__(self, stage: Stage, voice: Voice) -> None:
        self._stage = stage
        self._voice = voice
        self._asked: FetchDocument | None = None
        self._for_fallback = False
        self._count = 0
        self._in_a_row = 0
        self.deadline: float | None = None

    @property
    def asked(self) -> str:
        """The address that is being asked; empty when none is."""
        return self._asked.url if self._asked is not None else ""

    def replace(self, voice: Voice) -> None:
        """From now on, documents come from elsewhere."""
        self._voice = voice
        self._asked = self.deadline = None

    def time_passed(self) -> None:
        """A document made the call go on, so it is no loop."""
        self._in_a_row = 0

    def begin(self, now: float) -> Document | Over | None:
        """Get the first document of the voice; its url counts before its text."""
        voice = self._voice
        if voice.url:
            return self.go_to(GoTo(voice.url, voice.method), now)
        return self._read(voice.twiml.encode(), "text/xml", "", now)

    def go_to(self, where: GoTo, now: float) -> Document | Over | None:
        """Ask for the document at an address."""
        self._count += 1
        self._in_a_row += 1
        settings = self._stage.settings
        if self._in_a_row > settings.documents_in_a_row:
            text = f"{self._in_a_row} documents in a row that do nothing but lead on"
            return self._loop(f"redirect loop: {text}, at {where.url[:200]}")
        if self._count > settings.documents:
            return self._loop(f"redirect loop: {self._count} documents in one call")
        try:
            url = page_address(where.url, "")
        except TwimlError as error:
            return self._give_up(error.code, str(error), where.url, now)
        self._ask(FetchDocument(url, where.method, where.fields), now)
        return None

    def came(
        self, body: bytes, content_type: str, url: str, now: float
    ) -> Document | Over | None:
        """Take the answer."""
        self._asked = self.deadline = None
        return self._read(body, content_type, url, now)

    def failed(
        self, code: str, text: str, url: str, now: float
    ) -> Document | Over | None:
        """Take note that there is no answer."""
        self._asked = self.deadline = None
        return self._give_up(code, text, url, now)

    def expired(self, now: float) -> Document | Over | None:
        """Give up on an answer whose deadline has come."""
        url = self.asked
        seconds = self._stage.settings.fetch_patience
        text = f"no answer from {url[:200]} within {seconds:g} s"
        return self.failed("11205", text, url, now)

    def _ask(
        self, order: FetchDocument, now: float, *, for_fallback: bool = False
    ) -> None:
        self._for_fallback = for_fallback
        self._asked = order
        self.deadline = now + self._stage.settings.fetch_patience
        self._stage.order(order)

    def _read(
        self, body: bytes, content_type: str, url: str, now: float
    ) -> Document | Over | None:
        try:
            return read_document(body, content_type=content_type, url=url)
        except TwimlError as error:
            return self._give_up(error.code, str(error), url, now)

    def _give_up(self, code: str, text: str, url: str, now: float) -> Over | None:
        """Ask the fallback, once; else there is none to be had."""
        self._stage.fail(code, text)
        voice, was_fallback = self._voice, self._for_fallback
        self._for_fallback = False
        if not voice.fallback_url or was_fallback:
            return Over("completed", text)
        try:
            fallback = page_address(voice.fallback_url, "")
        except TwimlError as error:
            self._stage.fail(error.code, str(error))
            return Over("completed", text)
        fields = (("ErrorCode", code), ("ErrorUrl", url))
        order = FetchDocument(fallback, voice.fallback_method, fields)
        self._ask(order, now, for_fallback=True)
        return None

    def _loop(self, text: str) -> Over:
        self._stage.fail("redirect_loop", text)
        return Over("completed", text)
