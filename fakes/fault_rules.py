"""Who meets which fault: rules, and their JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from fakes.fault_scripts import SCRIPTS, script_problem
from fakes.faults import (
    SOCKETS,
    SURFACES,
    CallTool,
    Cap,
    Close,
    Drop,
    Duplicate,
    EmptyAudio,
    Fault,
    HalfOpen,
    LateFinal,
    Momentary,
    Mute,
    NoFinal,
    Recite,
    Refuse,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
    Trickle,
)
from voiceutils.errors import SettingError

__all__ = ["Rule", "Visitor", "check_rule", "decode_rule"]

_ONLY_ON: dict[type, tuple[str, ...]] = {
    NoFinal: ("listen", "flux", "agent"),
    LateFinal: ("listen", "flux", "agent"),
    EmptyAudio: ("speak", "speak_rest", "speak_flux", "agent"),
    Trickle: ("speak", "speak_rest", "speak_flux", "agent", "chat"),
    Recite: ("chat",),
    CallTool: ("chat",),
    HalfOpen: SOCKETS,
    Mute: SOCKETS,
    SlowReader: SOCKETS,
    Throttle: SOCKETS,
    Slice: SOCKETS,
    Drop: SOCKETS,
    Duplicate: SOCKETS,
}
_BEFORE_OPEN = (Close, HalfOpen, Reset, Stall)
# A longer piece of a key would give it away to whoever reads the rules.
LONGEST_KEY_PREFIX = 8
SHORTEST_DIGEST = 12


class Visitor(NamedTuple):
    """Who knocks; kept for the length of the knock only, since it holds the key.

    Attributes:
        surface: one of ``SURFACES``.
        group: ``tag`` or ``user`` as the client gave it, or else the path prefix; on
            Twilio's REST interface the call's sid, or the number that is to be called.
        prefix: of the path, before the service's own path.
        query: decoded, in order.
        keys: the credentials offered.
        port: where it knocked.
        number: 1 for the first attempt on this surface, and so on.
    """

    surface: str
    group: str = ""
    prefix: str = ""
    query: Sequence[tuple[str, str]] = ()
    keys: Sequence[str] = ()
    port: int = 0
    number: int = 0


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts meet which faults; an attempt must fit every selector given.

    Attributes:
        surface: one of ``SURFACES``.
        faults: dealt to the attempts of each group, in order; after the last one all
            goes well.
        script: the name of a script instead of ``faults``.
        repeat: begin again after the last fault.
        group: the only group concerned, or None for every group.
        share: the part of the groups concerned, chosen by ``seed``; 1.0 is all.
        seed: the same seed chooses the same groups.
        connections: which attempts of the surface, all groups together, counted from 1
            since the start or the last reset.
        key_prefix: how the client's key begins, 8 characters at the most.
        key_sha256: beginning of the key's SHA-256 in hexadecimal, 12 digits or more.
        query: values of query parameters; one of a repeated parameter is enough.
        port: where the client knocked.
    """

    surface: str
    faults: tuple[Fault, ...] = ()
    script: str = ""
    repeat: bool = False
    group: str | None = None
    share: float = 1.0
    seed: int = 0
    connections: tuple[int, ...] = ()
    key_prefix: str = ""
    key_sha256: str = ""
    query: dict[str, str] = msgspec.field(default_factory=dict)
    port: int = 0

    def concerns(self, visitor: Visitor) -> bool:
        """Tell whether an attempt falls under the rule."""
        if visitor.surface != self.surface or self.group not in (None, visitor.group):
            return False
        if self.connections and visitor.number not in self.connections:
            return False
        if self.port and visitor.port != self.port:
            return False
        if any(pair not in visitor.query for pair in self.query.items()):
            return False
        return self._knows_key(visitor.keys) and (
            self.share >= 1.0 or _fraction(self.seed, visitor.group) < self.share
        )

    def _knows_key(self, keys: Sequence[str]) -> bool:
        if not self.key_prefix and not self.key_sha256:
            return True
        return any(
            key.startswith(self.key_prefix)
            and _digest(key).startswith(self.key_sha256.lower())
            for key in keys
        )

    @property
    def victims(self) -> tuple[object, ...]:
        """The selectors: a rule with the same ones takes the place of this one."""
        return (
            self.surface,
            self.group,
            self.connections,
            self.key_prefix,
            self.key_sha256,
            tuple(sorted(self.query.items())),
            self.port,
        )

    @property
    def is_for_all(self) -> bool:
        """Whether it names nobody; such rules come last."""
        return not any(self.victims[2:]) and self.group is None

    @property
    def dealt(self) -> tuple[Fault, ...]:
        """The faults to deal in order, those of the script included."""
        faults = SCRIPTS[self.script].faults if self.script else self.faults
        return tuple(fault for fault in faults if not isinstance(fault, Cap))

    @property
    def repeats(self) -> bool:
        """Whether the faults begin again after the last one."""
        return self.repeat or (bool(self.script) and SCRIPTS[self.script].repeat)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


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
    if rule.script:
        problem = script_problem(rule.script)
        if problem or rule.faults:
            raise SettingError(problem or "give faults or a script, not both")
    _check_victims(rule)
    for fault in rule.faults + rule.dealt:
        allowed = _ONLY_ON.get(type(fault), SURFACES)
        if rule.surface not in allowed:
            name = type(fault).__name__
            raise SettingError(f"{name} works on {', '.join(allowed)} only")
        check_fault(fault)
    return rule


def works_on(fault: Fault, surface: str) -> bool:
    """Return whether a fault can happen on a surface."""
    return surface in _ONLY_ON.get(type(fault), SURFACES)


def _check_victims(rule: Rule) -> None:
    if any(number < 1 for number in rule.connections):
        raise SettingError("connections are counted from 1")
    if len(rule.key_prefix) > LONGEST_KEY_PREFIX:
        # The prefix itself is left out of the message: it may be a whole key.
        raise SettingError(
            f"key_prefix is longer than {LONGEST_KEY_PREFIX} characters; use "
            "key_sha256, so that no key is kept"
        )
    digest = rule.key_sha256
    if digest and not re.fullmatch(f"[0-9a-fA-F]{{{SHORTEST_DIGEST},64}}", digest):
        raise SettingError(
            f"key_sha256 is not {SHORTEST_DIGEST} to 64 hexadecimal digits"
        )
    if not 0 <= rule.port <= 65535:
        raise SettingError(f"port {rule.port} is not between 0 and 65535")


def check_fault(fault: Fault) -> None:
    """Raise SettingError for numbers that no fault can have."""
    name = type(fault).__name__
    for field in ("seconds", "after", "after_heard", "retry_after", "linger", "gap"):
        value = getattr(fault, field, None)
        if value is not None and not 0 <= value <= 3600:
            raise SettingError(f"{name}: {field} {value} is not between 0 and 3600 s")
    for field, least in _LEAST.items():
        value = getattr(fault, field, None)
        if value is not None and not least <= value <= 2**31:
            raise SettingError(f"{name}: {field} {value} is not {least} or more")
    if isinstance(fault, Throttle) and fault.bytes_a_second < 1:
        raise SettingError("Throttle: less than 1 byte a second; use Stall instead")
    if isinstance(fault, Refuse) and not 400 <= fault.status <= 599:
        raise SettingError(f"Refuse: status {fault.status} is not an error (400-599)")
    if isinstance(fault, Close):
        _check_close(fault)
    if isinstance(fault, Momentary):
        _check_moment(fault)


_LEAST = {
    "after_sent": 0,
    "after_received": 0,
    "bytes_a_second": 0,
    "size": 1,
    "number": 1,
    "count": 1,
    "connections": 0,
}


def _check_close(fault: Close) -> None:
    known = fault.code in (1000, 1001, 1005, 1006) or 1002 <= fault.code <= 4999
    if not known or fault.code == 1004:
        raise SettingError(f"Close: {fault.code} is not a close code")
    if len(fault.reason.encode()) > 123:
        raise SettingError("Close: the reason is longer than 123 bytes")


def _check_moment(fault: Momentary) -> None:
    name = type(fault).__name__
    if fault.when == "open":
        return
    if any((fault.after_sent, fault.after_received, fault.after_heard)) or (
        fault.after_word
    ):
        raise SettingError(f"{name}: no message is exchanged before when=open")
    if not isinstance(fault, _BEFORE_OPEN):
        raise SettingError(f"{name}: strikes on an open connection only")


_rule = msgspec.json.Decoder(Rule)


def decode_rule(text: str | bytes) -> Rule:
    """Return the rule of a JSON object.

    Raises:
        SettingError: not JSON, an unknown fault, or a rule that cannot work; the
            message is one line.
    """
    try:
        return check_rule(_rule.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"bad fault rule: {error}") from error
