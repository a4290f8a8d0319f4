"""How many connections a project may have at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.deepgram.caps import Caps
from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.ledger import Attempt, Ledger
from fakes.slots import Slots

_STEPS = st.lists(
    st.tuples(st.sampled_from(["knock", "leave"]), st.floats(0.0, 3.0)), max_size=60
)


@given(_STEPS, st.integers(0, 4), st.sampled_from([0.0, 1.5]))
def test_never_more_than_the_limit_and_no_slot_is_lost(
    steps: list[tuple[str, float]], limit: int, linger: float
) -> None:
    """A model that counts open and lingering connections says the same."""
    ledger, slots = Ledger(), Slots(limit, linger)
    inside: list[Attempt] = []
    now = 0.0
    for step, wait in steps:
        now += wait
        if step == "leave":
            running = [attempt for attempt in inside if attempt.closed is None]
            if running:
                running[0].closed = now
            continue
        taken = [a for a in inside if a.closed is None or now < a.closed + linger]
        attempt = ledger.knock("listen", "", now)
        assert slots.take(attempt) == (len(taken) < limit)
        if len(taken) < limit:
            attempt.opened = now
            inside.append(attempt)
        else:
            attempt.closed = now


def knock(caps: Caps, surface: str, ledger: Ledger) -> Refusal | None:
    """Knock and come in if there is room."""
    attempt = ledger.knock(surface, "", 0.0)
    refusal = caps.refusal(attempt)
    if refusal is None:
        attempt.opened = 0.0
    return refusal


@pytest.mark.parametrize(
    ("surface", "code", "message"),
    [
        ("listen", "TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
        ("speak", "Too Many Requests", "Please try again later."),
        ("speak_rest", "Too Many Requests", "Please try again later."),
    ],
)
def test_refusal_is_worded_for_its_surface(
    surface: str, code: str, message: str
) -> None:
    """429 with the body that the service gives there, and Retry-After if set."""
    settings = DeepgramSettings(
        listen_connections=1, speak_connections=1, speak_requests=1, slot_retry_after=2
    )
    caps, ledger = Caps(settings), Ledger()

    assert knock(caps, surface, ledger) is None
    refusal = knock(caps, surface, ledger)
    assert refusal is not None
    assert refusal.status == 429
    body = json.loads(refusal.body("id"))
    assert (body["err_code"], body["err_msg"]) == (code, message)
    assert refusal.headers("id")["retry-after"] == "2"


def test_surfaces_share_slots_as_documented() -> None:
    """Flux counts with live transcription; sockets and requests count apart."""
    settings = DeepgramSettings(listen_connections=2, speak_connections=1)
    caps, ledger = Caps(settings), Ledger()

    assert [knock(caps, s, ledger) for s in ("listen", "flux")] == [None, None]
    assert knock(caps, "listen", ledger) is not None
    assert knock(caps, "speak", ledger) is None
    assert knock(caps, "speak_flux", ledger) is not None
    assert [knock(caps, "speak_rest", ledger) for _ in range(50)] == [None] * 50


def test_without_settings_there_is_no_limit() -> None:
    """The default refuses nobody."""
    caps, ledger = Caps(DeepgramSettings()), Ledger()

    assert all(knock(caps, "listen", ledger) is None for _ in range(500))


def test_attempt_refused_for_another_reason_frees_its_slot() -> None:
    """A wrong query after the door takes no slot, linger or not."""
    slots, ledger = Slots(1, linger=60.0), Ledger()
    refused = ledger.knock("listen", "", 0.0)
    assert slots.take(refused)
    refused.closed = 0.0

    assert slots.take(ledger.knock("listen", "", 0.1))
