"""A call that the agent is asked to place, to somebody of the case's own.

``POST /calls`` beside the voice webhook, with ``To`` and ``From``, places it;
``GET /calls`` lists ``{"calls": [{"to": ..., "status": ...}]}``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import httpx
import msgspec

from conformance._asking import ask
from conformance._case import Unsupported
from conformance._line import Line
from conformance._records import REST
from fakes.fault_rules import Rule
from fakes.faults import Fault
from fakes.twilio.caller.script import AwaitGreeting, HangUp
from fakes.twilio.exchange.numbers import OWN_NUMBER, Person
from fakes.twilio.web.credentials import credentials_of

__all__ = ["Outgoing"]

_POLL = 0.1
_HAS_NONE = (401, 403, 404, 405, 501)


class _Record(msgspec.Struct):
    to: str
    status: str


class _Listed(msgspec.Struct):
    calls: list[_Record]


class Outgoing:
    """Somebody who is called, listens to the greeting, and hangs up.

    Args:
        line: to the agent.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self.number = f"+1415555{line.call % 10_000:04d}"
        (login, *_) = credentials_of(os.environ).keys.items()
        request = next(httpx.BasicAuth(*login).auth_flow(httpx.Request("GET", "http:")))
        self._headers = {"Authorization": request.headers["Authorization"]}

    async def settle(self, *faults: Fault, callbacks_lost: bool = False) -> None:
        """Let the person live, and the next requests to call him meet faults."""
        person = Person(
            number=self.number,
            after=0.1,
            conversation=(AwaitGreeting(), HangUp()),
            call=self._line.call,
            callbacks_lost=callbacks_lost,
        )
        await self._line.tell_fakes("/__fakes/twilio/numbers", person)
        if faults:
            rule = Rule(surface=REST, group=self.number, faults=faults)
            await self._line.tell_fakes("/__fakes/faults", rule)

    async def place(self) -> None:
        """Have the agent call him; how it answers us does not matter.

        Raises:
            Unsupported: there is no such request, or it called nobody.
        """
        form = {"To": self.number, "From": OWN_NUMBER}
        with suppress(httpx.HTTPError):  # who waits for Twilio may let us wait, too
            await self._ask("POST", form)
        if not await self.until(self.calls, lambda calls: bool(calls), within=3.0):
            raise Unsupported("the agent places no call over Twilio's REST interface")

    async def calls(self) -> list[dict[str, Any]]:
        """Return the calls to him that Twilio has, oldest first."""
        every = (await self._line.ask_fakes("/__fakes/twilio/calls"))["calls"]
        return [call for call in every if call["to"] == self.number]

    async def records(self) -> list[str]:
        """Return how the calls to him stand in the agent's own list."""
        answer = await self._ask("GET")
        try:
            listed = msgspec.json.decode(answer.content, type=_Listed).calls
        except msgspec.DecodeError as error:
            self._line.expect(False, "a list of calls", f"{error}: {answer.text[:200]}")
            raise
        return [one.status for one in listed if one.to == self.number]

    async def until(
        self, look: Callable[[], Any], holds: Callable[[Any], bool], within: float
    ) -> Any:
        """Look until something holds, or the time is over; return what was seen."""
        end = time.monotonic() + within
        while True:
            seen = await look()
            if holds(seen) or time.monotonic() >= end:
                return seen
            await asyncio.sleep(_POLL)

    async def _ask(
        self, method: str, form: dict[str, str] | None = None
    ) -> httpx.Response:
        line = self._line
        if line.agent.startswith("ws"):
            raise Unsupported("needs the address of the voice webhook")
        url = urljoin(line.agent, "calls")
        answer = await ask(method, url, line.reach, form=form, headers=self._headers)
        if answer.status_code in _HAS_NONE:
            text = f"{method} {url} answers {answer.status_code}"
            raise Unsupported(f"needs a request that places a call: {text}")
        return answer
