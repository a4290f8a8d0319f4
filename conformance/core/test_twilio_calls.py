"""Calls over REST: a hang-up may be asked for twice, a call may not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from conformance.core._virtual_loop import run_virtually
from conformance.core.test_twilio_rest import CREDENTIALS
from conformance.core.test_twilio_rest import Client as Rest
from fakes.twilio.exchange.numbers import OWN_NUMBER
from voiceutils.errors import ProviderError, RetriesExhausted, VoiceError
from voiceutils.twilio_calls import TwilioCalls

SECRET = "canary-twilio-secret"
CALL = f"CA{'1' * 32}"
NEVER = 3600.0

# From the number of an attempt, and the attempt, to its answer.
Answer = Callable[[int, httpx.Request], Coroutine[Any, Any, httpx.Response]]


class Twilio:
    """Answers hang-ups, and keeps when they came."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.at: list[float] = []
        self._answer = answer
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._serve))
        account = CREDENTIALS.account_sid
        usual: dict[str, Any] = {
            "clock": loop.time,
            "random": Random(1),
            "login": (account, SECRET),
        }
        self.calls = TwilioCalls(account, client=self.client, **(usual | options))

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        self.at.append(self._clock())
        return await self._answer(len(self.at) - 1, request)


def hanging_up(answer: Answer, call: str = CALL, **options: Any) -> list[float]:
    """Hang up in virtual time, and return when Twilio was asked."""
    asked: list[float] = []

    async def hang_up() -> None:
        twilio = Twilio(answer, **options)
        async with twilio.client:
            try:
                await twilio.calls.hang_up(call)
            finally:
                asked[:] = twilio.at

    try:
        run_virtually(hang_up)
    except Exception as error:
        error.add_note(f"asked at {asked}")
        error.asked = asked  # type: ignore[attr-defined]
        raise
    return asked


def statuses(*sequence: int | Exception, **headers: str) -> Answer:
    """Answer with these in turn; the last one for ever."""

    async def answer(number: int, _: httpx.Request) -> httpx.Response:
        what = sequence[min(number, len(sequence) - 1)]
        if isinstance(what, Exception):
            raise what
        body = {"code": 20_000 + what, "message": f"said {SECRET}"}
        return httpx.Response(what, json=body, headers=headers)

    return answer


def by_the_fake(rest: Rest, request: httpx.Request) -> httpx.Response:
    """What the fake Twilio answers."""
    answer = rest.ask(
        request.method,
        request.url.path,
        tuple(parse_qsl(request.content.decode())),
        authorization=request.headers["authorization"],
    )
    return httpx.Response(answer.status, json=answer.content)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """With growing waits, each of them at least half of what it may be."""
    asked = hanging_up(statuses(status, status, 200))

    first, second = asked[1] - asked[0], asked[2] - asked[1]
    assert len(asked) == 3
    assert 0.125 <= first <= 0.25 <= second <= 0.5


def test_a_link_that_breaks_is_tried_again() -> None:
    """Ending a call twice does no harm, so the fate of the request does not matter."""
    broken = httpx.RemoteProtocolError("gone"), httpx.ConnectError("refused")

    assert len(hanging_up(statuses(*broken, 200))) == 3


def test_no_answer_is_a_failure_that_may_pass() -> None:
    """An attempt has its deadline; the next one is made."""

    async def silent_once(number: int, _: httpx.Request) -> httpx.Response:
        if number == 0:
            await asyncio.sleep(NEVER)
        return httpx.Response(200)

    asked = hanging_up(silent_once, deadline=3.0)

    assert len(asked) == 2
    assert 3.125 <= asked[1] <= 3.25


def test_retry_after_is_heeded() -> None:
    """Exactly as long as Twilio asks for."""
    asked = hanging_up(statuses(429, 200, **{"Retry-After": "2"}))

    assert asked == [0.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_stays_refused_is_given_up(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked once, logged as an error; the secret is in no text."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ProviderError) as refusal:
        hanging_up(statuses(status))

    assert len(refusal.value.asked) == 1  # type: ignore[attr-defined]
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    assert SECRET not in f"{refusal.value} {caplog.text}"


def test_attempts_and_time_are_bounded() -> None:
    """Whatever happens, nobody waits for a hang-up for longer than that."""
    with pytest.raises(RetriesExhausted) as exhausted:
        hanging_up(statuses(503), total_limit=None)
    assert len(exhausted.value.asked) == 5  # type: ignore[attr-defined]

    async def silent(*_: object) -> httpx.Response:
        await asyncio.sleep(NEVER)
        return httpx.Response(200)

    with pytest.raises(RetriesExhausted) as late:
        hanging_up(silent, deadline=3.0, total_limit=7.0)
    assert max(late.value.asked) <= 7.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", [20404, 21220])
def test_a_call_that_is_over_is_hung_up(code: int) -> None:
    """Judged by the fake Twilio: it refuses the second hang-up, which is done here."""
    rest = Rest(ended_call_code=code)
    live = rest.live_call()
    told: list[int] = []

    async def answer(_: int, request: httpx.Request) -> httpx.Response:
        answered = by_the_fake(rest, request)
        told.append(answered.status_code)
        return answered

    (login,) = CREDENTIALS.keys.items()
    for _ in range(2):
        assert len(hanging_up(answer, live, login=login)) == 1

    assert told == [200, 404 if code == 20404 else 400]
    assert rest.exchange.calls[live].status == "completed"


def test_not_found_is_no_end_where_twilio_did_not_say_so() -> None:
    """A wrong address answers 404, too; the call goes on."""

    async def somebody_else(*_: object) -> httpx.Response:
        return httpx.Response(404, text="no such page")

    with pytest.raises(ProviderError, match="404"):
        hanging_up(somebody_else)


# --- placing calls -----------------------------------------------------------------


SOMEBODY = "+14155550123"
TWIML = "<Response/>"


def placing(*before: int | Exception, after: Exception | None = None) -> Rest:
    """Place a call at the fake, and return the fake.

    Args:
        before: how the first attempts end; they never reach the fake.
        after: what becomes of the answers.
    """
    rest = Rest()
    (login,) = CREDENTIALS.keys.items()

    async def answer(number: int, request: httpx.Request) -> httpx.Response:
        if number < len(before):
            return await statuses(*before)(number, request)
        answered = by_the_fake(rest, request)
        if after is not None:
            raise after
        return answered

    async def place() -> None:
        twilio = Twilio(answer, login=login)
        async with twilio.client:
            sid = await twilio.calls.place(SOMEBODY, OWN_NUMBER, TWIML)
            assert await twilio.calls.status(sid) == "queued"

    try:
        run_virtually(place)
    except VoiceError as error:
        error.rest = rest  # type: ignore[attr-defined]
        raise
    return rest


@pytest.mark.parametrize(
    "before", [(), (429,), (httpx.ConnectError("x"), httpx.ConnectTimeout("x"), 429)]
)
def test_a_call_that_certainly_was_not_placed_is_placed_again(
    before: tuple[int | Exception, ...],
) -> None:
    """There is one call in the end, as it was ordered."""
    (call,) = placing(*before).exchange.calls.values()

    assert (call.leg.to_number, call.leg.from_number) == (SOMEBODY, OWN_NUMBER)
    assert call.plan.voice.twiml == TWIML
    assert call.plan.callback.url == ""


@pytest.mark.parametrize(
    "lost",
    [httpx.ReadError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("")],
)
def test_a_call_whose_answer_was_lost_is_not_placed_again(lost: Exception) -> None:
    """Nobody's phone rings twice, whatever became of the connection."""
    with pytest.raises(ProviderError) as failure:
        placing(after=lost)

    assert len(failure.value.rest.exchange.calls) == 1  # type: ignore[attr-defined]
    assert failure.value.status is None


@pytest.mark.parametrize("status", [400, 401, 500, 503])
def test_a_refusal_and_a_server_that_fails_end_the_attempt(status: int) -> None:
    """The first will be repeated, the second may have placed the call."""
    with pytest.raises(ProviderError) as failure:
        placing(status)

    assert failure.value.status == status
    assert failure.value.rest.exchange.calls == {}  # type: ignore[attr-defined]
