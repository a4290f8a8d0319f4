"""Where the fake telephone exchange's behaviour is not documented, or worth varying."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TwilioSettings"]


class TwilioSettings(NamedTuple):
    """How the exchange, its callbacks and its REST interface behave; times in seconds.

    Attributes:
        calls_per_second: at which calls of the REST interface are dialled; the rest
            waits in the queue (https://help.twilio.com/articles/223180028).
        queue_bound: most calls that wait; one more is refused with 20429.
        queue_limit: after which a waiting call is given up.
        concurrent_calls: calls of the account at one time, None for any number; one
            more is refused with 10004.
        ring_delay: from the dialling to the first ring.
        ring_grace: added to the timeout of a call that nobody answers.
        time_limit: of a call that has none of its own.
        detection_delay: until a person is told from a machine.
        calls_kept: ended calls that can still be asked for.
        price_delay: after the end of a call until its price is known.
        dates_at_creation: whether a call that waits has its dates already.
        ended_call_code: what the hang-up of an ended call answers: 20404 or 21220.
        streams_status: of a created stream: 200 as published, or 201.
        sign_with_port: sign the standard port, too.
        percent_spaces: send ``%20`` for a space in forms, instead of ``+``.
        anywhere: ask webhooks outside this machine, too.
        callback_duplicates: share of callbacks that are delivered twice.
        callback_late: share of callbacks that are late, and may be overtaken.
        lateness: of such a callback, at most.
        callback_seed: decides which callbacks these are.
        requests_at_once: REST requests served at one time; one more is refused with
            20429. None for any number.
        answer_delay: before the REST interface answers.
        trial: whether only verified numbers may be called (21219).
        verified: numbers that are not the account's own but may be called from it, and
            by a trial account.
        blocked: numbers that may not be called (21216).
        permitted: prefixes of the countries that may be called (21215).
    """

    calls_per_second: float = 1.0
    queue_bound: int = 86_400
    queue_limit: float = 86_400.0
    concurrent_calls: int | None = None
    ring_delay: float = 0.1
    ring_grace: float = 5.0
    time_limit: float = 14_400.0
    detection_delay: float = 2.5
    calls_kept: int = 10_000
    price_delay: float = 60.0
    dates_at_creation: bool = False
    ended_call_code: int = 20404
    streams_status: int = 200
    sign_with_port: bool = False
    percent_spaces: bool = False
    anywhere: bool = False
    callback_duplicates: float = 0.0
    callback_late: float = 0.0
    lateness: float = 2.0
    callback_seed: int = 0
    requests_at_once: int | None = None
    answer_delay: float = 0.0
    trial: bool = False
    verified: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset({"+15005550004"})
    permitted: tuple[str, ...] = ("+",)
