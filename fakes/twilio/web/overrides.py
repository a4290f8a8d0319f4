"""How patiently a webhook is asked: what the fragment of its address says.

``https://agent.example/voice#rc=2&rp=5xx,rt&ct=2000`` asks for two more attempts after
an error status of the server or a read timeout, and for a connect timeout of 2 s:
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import parse_qsl

from fakes.twilio.web.call_failed import CallFailed

__all__ = ["Overrides", "Trouble", "overrides_of", "trouble_of_status"]

Trouble: TypeAlias = Literal["4xx", "5xx", "ct", "rt"]

# The edge locations of https://www.twilio.com/docs/global-infrastructure/edge-locations
_EDGES = frozenset(
    [
        "ashburn",
        "dublin",
        "frankfurt",
        "sao-paulo",
        "singapore",
        "sydney",
        "tokyo",
        "umatilla",
        "ashburn-ix",
        "london-ix",
        "frankfurt-ix",
        "san-jose-ix",
        "singapore-ix",
        "sydney-ix",
        "roaming",
    ]
)


class Overrides(NamedTuple):
    """Times are seconds.

    Attributes:
        connect_timeout: of TCP and of TLS.
        read_timeout: until the answer begins, and between its parts.
        total_timeout: of all attempts together.
        retries: attempts after the first.
        retried: after which troubles; a failed connection alone unless told.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_timeout: float = 15.0
    retries: int = 1
    retried: frozenset[Trouble] = frozenset({"ct"})

    def retries_after(self, trouble: Trouble | None, attempts: int) -> bool:
        """Tell whether another attempt is made after so many."""
        return attempts <= self.retries and trouble in self.retried


def trouble_of_status(status: int) -> Trouble | None:
    """Return the kind of trouble that an error status is."""
    if status >= 500:
        return "5xx"
    return "4xx" if status >= 400 else None


def overrides_of(fragment: str) -> Overrides:
    """Return what a fragment asks for; parameters that are not known are passed over.

    Raises:
        CallFailed: 11243 for a retry policy or a number that cannot be, 11240 for an
            edge location that is malformed, 11241 for one that does not exist.
    """
    asked = dict(parse_qsl(fragment, keep_blank_values=True))
    if "e" in asked:
        _check_edges(asked["e"])
    usual = Overrides()
    return Overrides(
        connect_timeout=_milliseconds(asked, "ct", usual.connect_timeout, 10_000),
        read_timeout=_milliseconds(asked, "rt", usual.read_timeout, 15_000),
        total_timeout=_milliseconds(asked, "tt", usual.total_timeout, 15_000),
        retries=_number(asked, "rc", usual.retries, 0, 5),
        retried=_policy(asked["rp"]) if "rp" in asked else usual.retried,
    )


def _policy(text: str) -> frozenset[Trouble]:
    known: tuple[Trouble, ...] = get_args(Trouble)
    names = [name.strip() for name in text.split(",")]
    if "all" in names:
        return frozenset(known)
    for name in names:
        if name not in known:
            cause = f"retry policy rp={text!r}: {name!r} is none of 4xx 5xx ct rt all"
            raise CallFailed("11243", cause)
    return frozenset(trouble for trouble in known if trouble in names)


def _milliseconds(asked: dict[str, str], name: str, usual: float, most: int) -> float:
    return _number(asked, name, round(usual * 1000), 100, most) / 1000


def _number(asked: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = asked.get(name)
    if text is None:
        return usual
    # isdecimal alone would let other scripts' digits and endless numbers through.
    fits = text.isascii() and text.isdecimal() and len(text) <= 6
    if not fits or not least <= int(text) <= most:
        cause = f"connection override {name}={text[:40]!r} is not {least} to {most}"
        raise CallFailed("11243", cause)
    return int(text)


def _check_edges(text: str) -> None:
    for edge in text.split(","):
        if not edge or not edge.replace("-", "").isalnum():
            raise CallFailed("11240", f"edge location {edge[:40]!r} is malformed")
        if edge not in _EDGES:
            raise CallFailed("11241", f"edge location {edge[:40]!r} does not exist")
