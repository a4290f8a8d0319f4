"""What the clients did wrong, told from the ledger alone; no socket, no clock.

::

    for finding in judge_clients(world.ledger):
        print(finding.code, finding.group, finding.evidence[0].what)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from fakes.backoff.reconnects import Reconnect, reconnects
from fakes.client_checks import FAREWELLS, OF_ONE_CONNECTION
from fakes.client_findings import FAULTS_OF_CLIENTS, ClientFinding, Evidence, Limits
from fakes.ledger import Ledger
from fakes.ledger_entries import Attempt

__all__ = ["ClientFinding", "Limits", "judge_clients"]

_EVIDENCE_KEPT = 5
_FINDINGS_KEPT = 1000
_PERMANENT = (400, 401, 402, 403)
# On other surfaces a 400 is about the one request: the next may be another.
_ABOUT_THE_ACCOUNT = (401, 402, 403)
_LISTENING = ("listen", "flux")

_Found = tuple[str, Attempt, Evidence]


def judge_clients(
    ledger: Ledger, group: str | None = None, limits: Limits | None = None
) -> list[ClientFinding]:
    """Return what the clients did wrong, worst first; nothing is good news.

    Args:
        ledger: what the fakes saw.
        group: judge this group alone, as one client. Without it, attempts that gave no
            group are not compared with each other, since they may be of many clients.
        limits: from where on conduct is a finding.
    """
    limits = limits or Limits()
    attempts = ledger.attempts if group is None else ledger.group(group)
    comparable = [a for a in attempts if a.group or group is not None]
    backs = reconnects(comparable)
    found: list[_Found] = []
    for attempt in attempts:
        if attempt.opened is not None:
            for judge in OF_ONE_CONNECTION:
                found += _named(attempt, judge(attempt, limits))
    found += _unfinished(ledger, attempts)
    found += _retries(comparable, backs, limits)
    found += _storm(comparable, backs, limits)
    return _gather(found)


def _named(attempt: Attempt, seen: Iterable[tuple[str, float, str]]) -> list[_Found]:
    return [(code, attempt, Evidence(attempt.id, at, what)) for code, at, what in seen]


def _gather(found: list[_Found]) -> list[ClientFinding]:
    heaps: dict[tuple[str, str, str], list[Evidence]] = {}
    for code, attempt, evidence in found:
        heaps.setdefault((code, attempt.surface, attempt.group), []).append(evidence)
    findings = [
        ClientFinding(
            code=code,
            level=FAULTS_OF_CLIENTS[code].level,
            surface=surface,
            group=group,
            count=len(evidence),
            evidence=tuple(evidence[:_EVIDENCE_KEPT]),
            why=FAULTS_OF_CLIENTS[code].why,
            source=FAULTS_OF_CLIENTS[code].source,
        )
        for (code, surface, group), evidence in heaps.items()
    ]
    order = {"must": 0, "should": 1, "info": 2}
    findings.sort(key=lambda finding: order[finding.level])
    return findings[:_FINDINGS_KEPT]


def _unfinished(ledger: Ledger, attempts: list[Attempt]) -> Iterator[_Found]:
    for attempt in attempts:
        if attempt.closed is None or attempt.closed_by != "client":
            continue
        for number in attempt.utterances:
            made = ledger.utterance(number)
            if made is not None and made.aborted:
                what = f"not taken to its end: {made.text[:60]!r}"
                yield (
                    "speech_discarded",
                    attempt,
                    Evidence(attempt.id, attempt.closed, what),
                )
        if attempt.surface in _LISTENING and attempt.conduct.farewell == "":
            yield from _lost_words(ledger, attempt)


def _lost_words(ledger: Ledger, attempt: Attempt) -> Iterator[_Found]:
    for number in attempt.calls:
        heard = ledger.call(number)
        if heard is None or heard.connections[-1] != attempt.id:
            continue
        for turn in heard.turns:
            if turn.final_at is None or turn.final_at < turn.last_at:
                what = f"call {number}, turn {turn.turn}: no final of its end"
                evidence = Evidence(attempt.id, turn.last_at, what)
                yield "words_lost", attempt, evidence


def _retries(
    attempts: list[Attempt], backs: list[Reconnect], limits: Limits
) -> Iterator[_Found]:
    by_id = {attempt.id: attempt for attempt in attempts}
    rows: dict[tuple[str, str], int] = {}
    for back in backs:
        before, after = by_id[back.before], by_id[back.after]
        key = (back.surface, back.group)
        rows[key] = rows.get(key, 0) + 1 if back.failed else 0
        what = f"{back.seconds:.3f} s after attempt {before.id} ({back.cause})"
        evidence = Evidence(after.id, after.at, what)
        if _is_permanent(before) and back.seconds < limits.permanent_window:
            yield "permanent_error_retried", after, evidence
            continue
        wanted = before.retry_after
        if wanted is not None and back.seconds < wanted - limits.early:
            what += f", Retry-After was {wanted:g} s"
            yield "retry_after_ignored", after, Evidence(after.id, after.at, what)
        if rows[key] > 1 and back.seconds < limits.least_wait:
            yield "no_backoff", after, evidence


def _is_permanent(attempt: Attempt) -> bool:
    sockets = attempt.surface in FAREWELLS or attempt.surface == "agent"
    return attempt.refused_with in (_PERMANENT if sockets else _ABOUT_THE_ACCOUNT)


def _storm(
    attempts: list[Attempt], backs: list[Reconnect], limits: Limits
) -> Iterator[_Found]:
    """Find the fullest second of attempts after a failure or a broken connection."""
    by_id = {attempt.id: attempt for attempt in attempts}
    window: deque[Reconnect] = deque()
    fullest: list[Reconnect] = []
    for back in sorted(backs, key=lambda back: back.at):
        window.append(back)
        while window[0].at <= back.at - 1.0:
            window.popleft()
        if len(window) > max(len(fullest), limits.storm):
            fullest = list(window)
    if fullest:
        first = by_id[fullest[0].after]
        groups = len({back.group for back in fullest})
        what = f"{len(fullest)} attempts of {groups} groups within one second"
        yield "storm", first, Evidence(first.id, fullest[0].at, what)
