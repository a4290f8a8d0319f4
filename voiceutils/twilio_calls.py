"""Calls by Twilio's REST interface: places them, asks how they stand, ends them.

https://www.twilio.com/docs/voice/api/call-resource
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import httpx
import msgspec

from voiceutils._http import checked_key, failed, http_base, refused, within
from voiceutils.errors import DeadlineExceeded, ProviderError
from voiceutils.retry import with_retry

__all__ = ["ENDED", "TwilioCalls"]

ENDED = ("completed", "busy", "failed", "no-answer", "canceled")
"""How a call stands that is over."""

T = TypeVar("T")

_PROVIDER = "Twilio"
# What Twilio answers to a hang-up of a call that is over: "not found", or "not in
# progress". https://www.twilio.com/docs/api/errors/20404 and .../21220
_OVER = (20404, 21220)
_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout)


class _Refusal(msgspec.Struct):
    code: int = 0


class _Call(msgspec.Struct):
    sid: str
    status: str


class TwilioCalls:
    """The calls of one account; one instance may serve many.

    Args:
        account_sid: whose calls they are.
        login: user and password: an API key and its secret, or the account's sid and
            its token. Never logged.
        client: connection pool; its owner closes it.
        url: base address.
        deadline: seconds for each attempt.
        max_retries: attempts in all.
        initial_delay: before the second attempt, in seconds.
        total_limit: seconds within which attempts may begin.
        sleep: waits between attempts.
        random: source of jitter.
        clock: monotonic seconds, for ``total_limit``.
    """

    def __init__(
        self,
        account_sid: str,
        login: tuple[str, str],
        client: httpx.AsyncClient,
        *,
        url: str = "https://api.twilio.com",
        deadline: float = 3.0,
        max_retries: int = 5,
        initial_delay: float = 0.25,
        total_limit: float | None = 15.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = f"{http_base(url)}/2010-04-01/Accounts/{account_sid}/Calls"
        user, secret = login
        self._secret = checked_key(secret, "the secret of the Twilio account")
        self._auth = httpx.BasicAuth(user, self._secret)
        self._client = client
        self._deadline = deadline
        self._max_retries = max_retries
        self._initial_delay = initial_delay
        self._total_limit = total_limit
        self._sleep = sleep
        self._random = random
        self._clock = clock

    async def hang_up(self, call_sid: str) -> None:
        """End a call; one that is over already is no failure.

        Ending twice does no harm, so an attempt whose fate is unknown is made again.

        Raises:
            ProviderError: refused for good; the call may go on.
            RetriesExhausted: every attempt failed; likewise.
        """
        await self._retried(
            lambda: self._hang_up(call_sid), f"hang-up of {call_sid}", _may_pass
        )

    async def place(self, to: str, caller: str, twiml: str) -> str:
        """Place a call, and return its sid.

        Twilio takes no key by which it would know a request again. So one that may have
        arrived is not made again, since somebody's phone may ring already.

        Args:
            to: whom to call, in E.164.
            caller: the account's number that calls.
            twiml: what the call does once it is answered; 4000 characters at the most.

        Raises:
            ProviderError: with a ``status`` below 500, refused: there is no call; else
                nobody knows.
            RetriesExhausted: never heard, or always told to come later: no call.
            DeadlineExceeded: nobody knows.
        """
        form = {"To": to, "From": caller, "Twiml": twiml}
        try:
            return await self._retried(
                lambda: self._place(form), "request for a call", _came_to_nothing
            )
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None

    async def status(self, call_sid: str) -> str:
        """Return how a call stands; raises as :meth:`hang_up` does."""
        url = f"{self._calls}/{call_sid}.json"
        return await self._retried(
            lambda: self._shown(url), f"status of {call_sid}", _may_pass
        )

    async def _retried(
        self,
        attempt: Callable[[], Awaitable[T]],
        name: str,
        retry_on: Callable[[Exception], bool],
    ) -> T:
        return await with_retry(
            attempt,
            max_retries=self._max_retries,
            initial_delay=self._initial_delay,
            max_delay=4.0,
            operation_name=name,
            jitter="equal",
            total_limit=self._total_limit,
            retry_on=retry_on,
            sleep=self._sleep,
            random=self._random,
            clock=self._clock,
        )

    async def _hang_up(self, call_sid: str) -> None:
        url = f"{self._calls}/{call_sid}.json"
        answer = await self._ask("POST", url, {"Status": "completed"})
        if not answer.is_success and _code(answer) not in _OVER:
            raise self._refused(answer)

    async def _place(self, form: dict[str, str]) -> str:
        answer = await self._ask("POST", f"{self._calls}.json", form)
        return self._call(answer).sid

    async def _shown(self, url: str) -> str:
        return self._call(await self._ask("GET", url)).status

    async def _ask(
        self, method: str, url: str, form: dict[str, str] | None = None
    ) -> httpx.Response:
        asking = self._client.request(method, url, data=form, auth=self._auth)
        return await within(asking, self._deadline, "an answer from Twilio")

    def _call(self, answer: httpx.Response) -> _Call:
        if not answer.is_success:
            raise self._refused(answer)
        try:
            return msgspec.json.decode(answer.content, type=_Call)
        except msgspec.DecodeError as error:
            raise failed(_PROVIDER, error) from None

    def _refused(self, answer: httpx.Response) -> ProviderError:
        return refused(
            _PROVIDER,
            answer.status_code,
            answer.headers,
            answer.content,
            secret=self._secret,
        )


def _may_pass(error: Exception) -> bool:
    """Tell whether a request that may be made twice is worth it."""
    if isinstance(error, ProviderError):
        return error.retryable
    return isinstance(error, DeadlineExceeded | httpx.HTTPError)


def _came_to_nothing(error: Exception) -> bool:
    """Tell whether a request certainly had no effect, and may have one later."""
    if isinstance(error, ProviderError):
        return error.status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, _NEVER_ARRIVED)


def _code(answer: httpx.Response) -> int:
    """Return Twilio's number of an error; 0 when somebody else answered."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).code
    except msgspec.DecodeError:
        return 0
