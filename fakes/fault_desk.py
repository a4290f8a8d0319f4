"""Deals faults to those who knock."""

from __future__ import annotations

from collections import Counter

from fakes.fault_rules import Rule, Visitor, check_rule, works_on
from fakes.fault_scripts import SCRIPTS
from fakes.faults import Cap, Fault, Nothing, Refuse
from fakes.ledger import Attempt
from fakes.slots import Slots

__all__ = ["FaultDesk"]

_REMEMBERED = 200_000  # attempts counted a rule; the oldest groups start anew then
MOST_RULES = 10_000


class _Held:
    """A rule in force, and what was dealt by it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._met: Counter[str] = Counter()
        self._faults = rule.dealt
        caps = [fault for fault in rule.faults if isinstance(fault, Cap)]
        self._caps = [(cap, Slots(cap.connections, cap.linger)) for cap in caps]

    def next(self, group: str) -> Fault:
        number = _count(self._met, group)
        if self.rule.repeats and self._faults:
            number %= len(self._faults)
        return self._faults[number] if number < len(self._faults) else Nothing()

    def refusal(self, attempt: Attempt) -> Refuse | None:
        """Take a slot under every cap, or say why not."""
        for cap, slots in self._caps:
            if not slots.take(attempt):
                return Refuse(429, cap.retry_after)
        return None


def _count(met: Counter[str], name: str) -> int:
    """Return how often this was counted before."""
    if len(met) > _REMEMBERED:
        met.clear()
    met[name] += 1
    return met[name] - 1


class FaultDesk:
    """Deals faults; the newest rule that concerns an attempt wins.

    A rule that names its victims goes before rules for all, and any rule before a
    script that the client named itself.
    """

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._rules: list[_Held] = []
        self._knocks: Counter[str] = Counter()
        self._scripted: Counter[str] = Counter()
        for rule in rules:
            self.add(rule)

    @property
    def rules(self) -> list[Rule]:
        """The rules in force, oldest first."""
        return [held.rule for held in self._rules]

    def add(self, rule: Rule) -> None:
        """Add a rule; one for the same victims is replaced, the oldest of too many."""
        check_rule(rule)
        kept = [held for held in self._rules if held.rule.victims != rule.victims]
        self._rules = [*kept[1 - MOST_RULES :], _Held(rule)]

    def reset(self) -> None:
        """Forget every rule and every count."""
        self._rules.clear()
        self._knocks.clear()
        self._scripted.clear()

    def next(self, surface: str, group: str) -> Fault:
        """Return what the next attempt meets of which nothing else is known."""
        return self.meet(Visitor(surface, group))

    def meet(self, visitor: Visitor, attempt: Attempt | None = None) -> Fault:
        """Return what an attempt meets; it needs its ledger entry for a Cap."""
        self._knocks[visitor.surface] += 1
        visitor = visitor._replace(number=self._knocks[visitor.surface])
        concerned = [h for h in reversed(self._rules) if h.rule.concerns(visitor)]
        if attempt is not None:
            for held in concerned:
                refusal = held.refusal(attempt)
                if refusal is not None:
                    return refusal
        # Sorting is stable: those that name victims first, the newest of them ahead.
        concerned.sort(key=lambda held: held.rule.is_for_all)
        for held in concerned:
            if held.rule.dealt or not held.rule.faults:
                return held.next(visitor.group)
        return self._script(visitor)

    def _script(self, visitor: Visitor) -> Fault:
        extras = (v for key, v in visitor.query if key in ("extra", "fault"))
        named = [visitor.group, *visitor.prefix.split("/")]
        named += [extra.removeprefix("fault:") for extra in extras]
        name = next((name for name in named if name in SCRIPTS), None)
        if name is None:
            return Nothing()
        number = _count(self._scripted, f"{visitor.surface} {name} {visitor.group}")
        faults, repeat = SCRIPTS[name]
        if repeat:
            number %= len(faults)
        fault = faults[number] if number < len(faults) else Nothing()
        return fault if works_on(fault, visitor.surface) else Nothing()
