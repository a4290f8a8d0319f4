"""How clients came back, told from ledgers made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._client import CLOSE_STREAM, Client, codes, only
from fakes.client_verdict import Limits, judge_clients
from fakes.ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger."""
    return Ledger()


@pytest.mark.parametrize("status", [400, 401, 402, 403])
def test_permanent_error_is_not_retried(ledger: Ledger, status: int) -> None:
    """The same request will fail the same way."""
    client = Client(ledger)
    for _ in range(3):
        client.refused(status)
        client.now += 5.0

    finding = only(ledger, "permanent_error_retried")
    assert finding.count == 2
    assert f"refused {status}" in finding.evidence[0].what


def test_first_retry_is_free_and_the_second_must_wait(ledger: Ledger) -> None:
    """One retry at once is common; a row of them is no backoff."""
    client = Client(ledger)
    client.refused(503)
    client.now += 0.01
    client.refused(503)
    assert judge_clients(ledger) == []
    client.now += 0.01
    last = client.refused(503)

    finding = only(ledger, "no_backoff")
    assert [seen.attempt for seen in finding.evidence] == [last.id]


def test_accepted_then_closed_in_a_loop_is_no_backoff(ledger: Ledger) -> None:
    """A connection that is closed at once failed, though it was accepted."""
    client = Client(ledger)
    for _ in range(5):
        client.open()
        client.now += 0.02
        client.end(1011, by="fake")

    assert only(ledger, "no_backoff").count == 3


@pytest.mark.parametrize(
    ("waited", "found"), [(0.5, True), (1.99, False), (3.0, False)]
)
def test_retry_after(ledger: Ledger, waited: float, found: bool) -> None:
    """The client waits as long as it was told, a few milliseconds aside."""
    client = Client(ledger)
    client.refused(429, retry_after=2.0)
    client.now += waited
    client.refused(503)

    assert codes(ledger) == (["retry_after_ignored"] if found else [])


def test_storm_over_all_groups(ledger: Ledger) -> None:
    """200 calls that come back within 5 ms are a storm, spread over 10 s none."""

    def crowd(book: Ledger, spread: float) -> None:
        for number in range(200):
            client = Client(book, f"CA{number}")
            client.open()
            client.now += 5.0
            client.end(1006, by="fake")
            client.now += 1.0 + spread * number / 200
            client.open()

    crowd(ledger, 0.005)
    assert "200 attempts of 200 groups" in only(ledger, "storm").evidence[0].what
    calm = Ledger()
    crowd(calm, 10.0)
    assert judge_clients(calm) == []


def test_many_clients_without_group_are_not_one(ledger: Ledger) -> None:
    """Without tags one caller's attempt is no retry of another's, unless asked so."""
    client = Client(ledger, group="")
    for _ in range(5):
        client.refused(401)

    assert judge_clients(ledger) == []
    assert codes(ledger, "") == ["permanent_error_retried"]


def test_group_alone_and_limits(ledger: Ledger) -> None:
    """One group is judged by itself, with limits of one's own."""
    for group in ("CA1", "CA2"):
        client = Client(ledger, group)
        for _ in range(4):
            client.refused(503)
            client.now += 1.0

    assert judge_clients(ledger) == []
    strict = judge_clients(ledger, "CA2", Limits(least_wait=1.5))
    assert [(f.code, f.group, f.count) for f in strict] == [("no_backoff", "CA2", 2)]


_STATUSES = st.sampled_from([0, 400, 401, 429, 503])


@given(st.lists(st.tuples(_STATUSES, st.floats(0.0, 40.0)), max_size=30))
def test_patient_client_is_never_accused_of_retries(
    story: list[tuple[int, float]],
) -> None:
    """Whoever stops at permanent errors and waits is innocent, whatever happens."""
    ledger = Ledger()
    client = Client(ledger)
    for status, wait in story:
        if status:
            client.refused(status, retry_after=1.0)
        else:
            client.open()
            client.send(CLOSE_STREAM)
            client.end()
        client.now += max(wait, 31.0 if status in (400, 401) else 1.0)

    assert judge_clients(ledger) == []
