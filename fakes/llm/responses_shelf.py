"""Responses that can be fetched, continued, deleted and cancelled; bounded.

Nothing runs in the background: what a response is at a moment follows from when it
began and how long it takes. No socket, no clock.
"""

from __future__ import annotations

from typing import NamedTuple

from fakes.llm.errors import ModelError, no_such_response
from fakes.llm.responses_reply import ResponseReply
from fakes.llm.responses_request import Item
from fakes.llm.steps import Step

__all__ = ["ResponsesShelf", "Stored"]

KEPT = 5_000
_ITEMS_KEPT = 2_000  # of one conversation; older ones are forgotten


class Stored:
    """One response on the shelf.

    Attributes:
        reply: the response.
        began: monotonic seconds.
        schedule: its events with the seconds after the beginning.
        cancelled_at: when it was cancelled; None if it was not.
    """

    def __init__(
        self, reply: ResponseReply, began: float, schedule: list[tuple[float, Step]]
    ) -> None:
        self.reply = reply
        self.began = began
        self.schedule = schedule
        self.cancelled_at: float | None = None

    def status(self, now: float) -> str:
        """Return what it is at a moment."""
        if self.cancelled_at is not None:
            return "cancelled"
        over = self.began + self.schedule[-1][0]
        return self.reply.status if now >= over else "in_progress"

    def content(self, now: float) -> Item:
        """Return the response at a moment."""
        return self.reply.content(self.status(now))


class _Page(NamedTuple):
    stored: Stored
    context: tuple[Item, ...]


class ResponsesShelf:
    """The responses of one fake model; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    def put(
        self, reply: ResponseReply, began: float, schedule: list[tuple[float, Step]]
    ) -> Stored:
        """Put a response on the shelf, if its request wants that."""
        request = reply.request
        # Only what runs in the background is ever streamed again.
        stored = Stored(reply, began, schedule if request.background else schedule[-1:])
        if request.store:
            context = (*request.context, *request.items, *reply.output())
            self._pages[reply.id] = _Page(stored, context[-_ITEMS_KEPT:])
            if len(self._pages) > KEPT:
                del self._pages[next(iter(self._pages))]
        return stored

    def earlier(self, identity: str) -> tuple[Item, ...] | None:
        """Return input and output up to a response; None if it is not here."""
        page = self._pages.get(identity)
        return page.context if page else None

    def find(self, identity: str) -> Stored | ModelError:
        """Return a response, or the error that says it is not here."""
        page = self._pages.get(identity)
        return page.stored if page else no_such_response(identity)

    def delete(self, identity: str) -> Item | ModelError:
        """Forget a response; returns what the service says to it."""
        if self._pages.pop(identity, None) is None:
            return no_such_response(identity)
        return {"id": identity, "object": "response", "deleted": True}

    def cancel(self, identity: str, now: float) -> Item | ModelError:
        """Stop a response that runs in the background; one that is over stays so."""
        stored = self.find(identity)
        if isinstance(stored, ModelError):
            return stored
        if not stored.reply.request.background:
            return ModelError(400, "Cannot cancel a synchronous response.")
        if stored.status(now) == "in_progress":
            stored.cancelled_at = now
        return stored.content(now)

    def input_items(self, identity: str) -> Item | ModelError:
        """Return what a response was asked, the newest first, as the service lists."""
        stored = self.find(identity)
        if isinstance(stored, ModelError):
            return stored
        request = stored.reply.request
        number = stored.reply.number
        items = [
            {"id": f"msg_{number}{index:04d}", **item}
            for index, item in enumerate((*request.context, *request.items))
        ][::-1]
        return {
            "object": "list",
            "data": items,
            "first_id": items[0]["id"] if items else None,
            "last_id": items[-1]["id"] if items else None,
            "has_more": False,
        }
