"""What may go wrong on purpose, and for whom.

A fault is a small frozen value; a :class:`Rule` deals a sequence of them to the
attempts of one group (a call's sid, given as ``tag`` or ``user``) or of every group.
The n-th attempt of a group on a surface meets the n-th fault; after the last one there
is :class:`Nothing`, so that "no fault" runs the same path.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TypeAlias

import msgspec

from voiceutils.errors import SettingError

__all__ = [
    "SURFACES",
    "Close",
    "Delay",
    "EmptyAudio",
    "Fault",
    "FaultDesk",
    "LateFinal",
    "NoFinal",
    "Nothing",
    "Refuse",
    "Reset",
    "Rule",
    "Stall",
    "Trickle",
    "decode_rule",
]

SURFACES = ("listen", "speak", "speak_rest", "chat")
_REMEMBERED = 200_000  # attempts counted a rule; the oldest groups start anew then


class _Fault(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class Nothing(_Fault, frozen=True, tag="Nothing"):
    """All goes well."""


class Refuse(_Fault, frozen=True, tag="Refuse"):
    """Answer with an error status instead of 101 or 200.

    ``retry_after`` is sent as the Retry-After header, in seconds.
    """

    status: int = 503
    retry_after: float | None = None


class Delay(_Fault, frozen=True, tag="Delay"):
    """Wait this long before the handshake or the head of the response."""

    seconds: float


class Stall(_Fault, frozen=True, tag="Stall"):
    """Accept, and ``after`` seconds later never say anything again."""

    after: float = 0.0


class Close(_Fault, frozen=True, tag="Close"):
    """Close ``after`` seconds after the opening.

    A WebSocket with ``code`` and ``reason``; a response ends in the middle of its body.
    """

    code: int = 1011
    after: float = 0.0
    reason: str = ""


class Reset(_Fault, frozen=True, tag="Reset"):
    """Reset the TCP connection ``after`` seconds after the opening."""

    after: float = 0.0


class NoFinal(_Fault, frozen=True, tag="NoFinal"):
    """Interims only: no final result ever comes (listen)."""


class LateFinal(_Fault, frozen=True, tag="LateFinal"):
    """Finals come this much later than they would (listen)."""

    seconds: float


class EmptyAudio(_Fault, frozen=True, tag="EmptyAudio"):
    """Success without a byte of audio (speak)."""


class Trickle(_Fault, frozen=True, tag="Trickle"):
    """Come slowly: seconds for each token, or for each second of audio."""

    seconds: float


Fault: TypeAlias = (
    Nothing
    | Refuse
    | Delay
    | Stall
    | Close
    | Reset
    | NoFinal
    | LateFinal
    | EmptyAudio
    | Trickle
)

_ONLY_ON: dict[type, tuple[str, ...]] = {
    NoFinal: ("listen",),
    LateFinal: ("listen",),
    EmptyAudio: ("speak", "speak_rest"),
    Trickle: ("speak", "speak_rest", "chat"),
}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts meet which faults.

    Attributes:
        surface: one of ``SURFACES``.
        faults: dealt to the attempts of each group, in order.
        group: the only group concerned, or None for every group.
        share: the part of the groups concerned, chosen by ``seed``; 1.0 is all.
        seed: the same seed chooses the same groups.
    """

    surface: str
    faults: tuple[Fault, ...]
    group: str | None = None
    share: float = 1.0
    seed: int = 0

    def concerns(self, surface: str, group: str) -> bool:
        """Tell whether an attempt of this group falls under the rule."""
        if surface != self.surface or self.group not in (None, group):
            return False
        return _fraction(self.seed, group) < self.share


def _fraction(seed: int, group: str) -> float:
    """Return a number in [0, 1) that depends on nothing but seed and group."""
    digest = hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def check_rule(rule: Rule) -> Rule:
    """Return the rule; raises SettingError if it can never do what it says."""
    if rule.surface not in SURFACES:
        known = ", ".join(SURFACES)
        raise SettingError(f"unknown surface {rule.surface!r}; use one of {known}")
    if not 0.0 <= rule.share <= 1.0:
        raise SettingError(f"share {rule.share} is not between 0 and 1")
    for fault in rule.faults:
        allowed = _ONLY_ON.get(type(fault), SURFACES)
        if rule.surface not in allowed:
            name = type(fault).__name__
            raise SettingError(f"{name} works on {', '.join(allowed)} only")
        _check_numbers(fault)
    return rule


def _check_numbers(fault: Fault) -> None:
    name = type(fault).__name__
    for field in ("seconds", "after", "retry_after"):
        value = getattr(fault, field, None)
        if value is not None and not 0 <= value <= 3600:
            raise SettingError(f"{name}: {field} {value} is not between 0 and 3600 s")
    if isinstance(fault, Refuse) and not 400 <= fault.status <= 599:
        raise SettingError(f"Refuse: status {fault.status} is not an error (400-599)")
    if isinstance(fault, Close):
        known = fault.code in (1000, 1001, 1005, 1006) or 1002 <= fault.code <= 4999
        if not known or fault.code == 1004:
            raise SettingError(f"Close: {fault.code} is not a close code")
        if len(fault.reason.encode()) > 123:
            raise SettingError("Close: the reason is longer than 123 bytes")


_rule = msgspec.json.Decoder(Rule)


def decode_rule(text: str | bytes) -> Rule:
    """Return the rule of a JSON object.

    Raises:
        SettingError: not JSON, an unknown fault, or a rule that cannot work; the
            message is one line.
    """
    try:
        return check_rule(_rule.decode(text))
    except msgspec.DecodeError as error:
        raise SettingError(f"bad fault rule: {error}") from error


class FaultDesk:
    """Deals faults; the newest rule that concerns an attempt wins.

    A rule for one group goes before rules for all.
    """

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._rules: list[tuple[Rule, Counter[str]]] = []
        for rule in rules:
            self.add(rule)

    @property
    def rules(self) -> list[Rule]:
        """The rules in force, oldest first."""
        return [rule for rule, _ in self._rules]

    def add(self, rule: Rule) -> None:
        """Add a rule; one for the same surface and group is replaced."""
        check_rule(rule)
        key = (rule.surface, rule.group)
        self._rules = [
            (old, met) for old, met in self._rules if (old.surface, old.group) != key
        ]
        self._rules.append((rule, Counter()))

    def reset(self) -> None:
        """Forget every rule."""
        self._rules.clear()

    def next(self, surface: str, group: str) -> Fault:
        """Return what the next attempt of this group meets."""
        newest_first = self._rules[::-1]
        # Sorting is stable: rules for one group come first, the newest of them ahead.
        for rule, met in sorted(newest_first, key=lambda held: held[0].group is None):
            if rule.concerns(surface, group):
                if len(met) > _REMEMBERED:
                    met.clear()
                number = met[group]
                met[group] += 1
                return rule.faults[number] if number < len(rule.faults) else Nothing()
        return Nothing()
