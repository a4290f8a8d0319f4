"""Lists, a page at a time: https://www.twilio.com/docs/usage/twilios-response#pagination.

The token of a page names its neighbour's last element, so that calls which come about
meanwhile do not shift the pages of whoever is leafing through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

from fakes.twilio.rest.errors import RestError
from fakes.twilio.rest.form import Form

__all__ = ["LARGEST", "USUAL", "Listed", "page"]

USUAL = 50
LARGEST = 1000
_OWN = ("Page", "PageSize", "PageToken")


class Listed(Protocol):
    """What can be leafed through."""

    @property
    def sid(self) -> str:
        """What a page's token names."""


T = TypeVar("T", bound=Listed)


def page(
    elements: Sequence[T],
    query: Form,
    path: str,
    *,
    key: str,
    show: Callable[[T], dict[str, Any]],
) -> dict[str, Any]:
    """Return one page of a list.

    Args:
        elements: all of them, filtered, newest first.
        query: of the request.
        path: of the request.
        key: under which the elements stand.
        show: makes the resource of an element.

    Raises:
        RestError: 20007 for a page that is too large, 20422 for a page without sense.
    """
    size = query.whole("PageSize", USUAL, 1, 10**8, 20422)
    if size > LARGEST:
        raise RestError(400, 20007, f"Page size must be at most {LARGEST}")
    number = query.whole("Page", 0, 0, 10**8, 20422)
    start = _start(elements, query.text("PageToken"), number, size)
    shown = elements[start : start + size]
    filters = [pair for pair in query.pairs if pair[0] not in _OWN]

    def uri(at: int, token: str = "") -> str:
        pairs = [*filters, ("PageSize", str(size)), ("Page", str(at))]
        if token:
            pairs.append(("PageToken", token))
        return f"{path}?{urlencode(pairs, quote_via=quote)}"

    more = start + size < len(elements)
    before = number > 0 and 0 < start < len(elements)
    first = number * size
    asked = f"?{urlencode(query.pairs, quote_via=quote)}" if query.pairs else ""
    return {
        "end": first + len(shown) - 1 if shown else first,
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, f"PA{shown[-1].sid}") if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": (
            uri(number - 1, f"PB{elements[start].sid}") if before else None
        ),
        key: [show(element) for element in shown],
        "start": first,
        "uri": f"{path}{asked}",
    }


def _start(elements: Sequence[T], token: str, number: int, size: int) -> int:
    """Return the index of the page's first element."""
    kind, sid = token[:2], token[2:]
    if kind in ("PA", "PB"):
        for index, element in enumerate(elements):
            if element.sid == sid:
                return index + 1 if kind == "PA" else max(0, index - size)
    return number * size
