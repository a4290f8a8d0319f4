"""What came to the stand-in and was not served, and why."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

__all__ = ["Visit", "VisitBook", "What", "account_of"]

_MOST = 1000  # different ones; a client that makes up names must not fill the memory
_SHOWN = 12
_LONGEST = 260


class What(enum.StrEnum):
    """What somebody wanted."""

    ELSEWHERE = "elsewhere"  # a host that nobody declared
    MISSING = "missing"  # a provider for which there is no fake
    UNTRUSTING = "untrusting"  # left at the sight of the certificate
    PLAIN = "plain"  # spoke to a TLS port without TLS
    NAMELESS = "nameless"  # did not say in TLS which host it means


_SAYS = {
    What.ELSEWHERE: "this agent also calls {host}: refused; --stand-in-for gives it "
    "a fake, --let-through lets it out to a host of this machine",
    What.MISSING: "{host} is called, for which there is no fake: answered 501",
    What.UNTRUSTING: "a client of {host} left when it saw the certificate: most "
    "likely it does not trust the authority (see python -m fakes --stand-in)",
    What.PLAIN: "{host} is spoken to without TLS: refused",
    What.NAMELESS: "a client named no host in TLS (no SNI): refused",
}


class Visit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of visit.

    Attributes:
        what: see :class:`What`.
        host: whom it was for: a name or an address, with ``:PORT`` unless it is 443;
            "" if that is not known.
        count: how often.
    """

    what: What
    host: str = ""
    count: int = 1


class VisitBook:
    """Counts visits."""

    def __init__(self) -> None:
        self._counts: dict[tuple[What, str], int] = {}

    def enter(self, what: What, host: str = "", count: int = 1) -> None:
        """Count a visit; of too many different ones the later are left out."""
        key = (what, _plain(host))
        if key in self._counts or len(self._counts) < _MOST:
            self._counts[key] = self._counts.get(key, 0) + count

    def add(self, visits: Iterable[Visit]) -> None:
        """Count what another book has."""
        for visit in visits:
            self.enter(visit.what, visit.host, visit.count)

    def reset(self) -> None:
        """Forget all."""
        self._counts.clear()

    @property
    def visits(self) -> list[Visit]:
        """What was counted, in order of first appearance."""
        return [
            Visit(what=what, host=host, count=count)
            for (what, host), count in self._counts.items()
        ]


def _plain(host: str) -> str:
    """Return a name as it may be shown; what a client sends may be anything."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in host)[
        :_LONGEST
    ]


def account_of(visits: Iterable[Visit]) -> list[str]:
    """Return a line for each kind of visit, the most telling first."""
    order = list(What)
    known = sorted(visits, key=lambda visit: (order.index(visit.what), visit.host))
    lines = [
        f"{_SAYS[visit.what].format(host=visit.host or 'a host')} "
        f"({visit.count} time{'s' if visit.count != 1 else ''})"
        for visit in known
    ]
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"and {more} more of this kind"] if more > 0 else [])]
