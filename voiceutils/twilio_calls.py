"""Calls by Twilio's REST interface: ends them.

https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random

import httpx
import msgspec

from voiceutils._http import checked_key, failed, http_base, refused, within
from voiceutils.errors import DeadlineExceeded, ProviderError
from voiceutils.retry import with_retry

__all__ = ["TwilioCalls"]

_PROVIDER = "Twilio"
# What Twilio answers to a hang-up of a call that is over: "not found", or "not in
# progress". https://www.twilio.com/docs/api/errors/20404 and .../21220
_OVER = (20404, 21220)


class _Refusal(msgspec.Struct):
    code: int = 0


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
        await with_retry(
            lambda: self._hang_up(call_sid),
            max_retries=self._max_retries,
            initial_delay=self._initial_delay,
            max_delay=4.0,
            operation_name=f"hang-up of {call_sid}",
            jitter="equal",
            total_limit=self._total_limit,
            retry_on=(ProviderError, DeadlineExceeded),
            sleep=self._sleep,
            random=self._random,
            clock=self._clock,
        )

    async def _hang_up(self, call_sid: str) -> None:
        answer = await self._post(f"{self._calls}/{call_sid}.json", Status="completed")
        if not answer.is_success and _code(answer) not in _OVER:
            raise self._refused(answer)

    async def _post(self, url: str, **form: str) -> httpx.Response:
        """Make one attempt; raises ProviderError for a link that broke."""
        posting = self._client.post(url, data=form, auth=self._auth)
        try:
            return await within(posting, self._deadline, "an answer from Twilio")
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None

    def _refused(self, answer: httpx.Response) -> ProviderError:
        return refused(
            _PROVIDER,
            answer.status_code,
            answer.headers,
            answer.content,
            secret=self._secret,
        )


def _code(answer: httpx.Response) -> int:
    """Return Twilio's number of an error; 0 when somebody else answered."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).code
    except msgspec.DecodeError:
        return 0
