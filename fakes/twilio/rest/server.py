"""Serves the REST interface; :mod:`fakes.twilio.rest.desk` decides the answers."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from urllib.parse import parse_qsl

from aiohttp import web

from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import Refuse
from fakes.faulty import Door
from fakes.ledger import Ledger
from fakes.twilio.exchange.switch import Switch
from fakes.twilio.rest.desk import Desk, RestRequest
from fakes.twilio.rest.errors import RestError, bad_credentials, too_many
from fakes.twilio.rest.visit import RestAnswer

__all__ = ["RestServer"]

_LARGEST_BODY = 256 * 1024
_MOST_FIELDS = 1000
_LONGEST_PATH = 200  # in the ledger
_ACCOUNT = re.compile("^/2010-04-01/Accounts/[^/]+")
_REFUSALS = {
    401: bad_credentials("Authenticate"),
    429: too_many(),
    500: RestError(500, 20500, "An internal server error has occurred"),
    503: RestError(503, 20503, "Service is temporarily unavailable"),
}
_HEADERS = {
    "X-Home-Region": "us1",
    "X-API-Domain": "api.twilio.com",
    "X-Powered-By": "AT-5000",
    "X-Shenanigans": "none",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, "
    "If-Modified-Since, If-None-Match, If-Unmodified-Since, Idempotency-Key",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Expose-Headers": "ETag",
    "Access-Control-Allow-Credentials": "true",
    "Strict-Transport-Security": "max-age=31536000",
}


class RestServer:
    """The REST interface of one exchange, with faults (surface ``twilio_rest``)."""

    def __init__(self, switch: Switch, ledger: Ledger, faults: FaultDesk) -> None:
        self._switch = switch
        self._desk = Desk(switch.exchange, switch.requests)
        self._ledger = ledger
        self._faults = faults
        self._running = 0

    def app(self) -> web.Application:
        """Return the application; run it with ``handler_cancellation``."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        begun = time.monotonic()
        self._running += 1
        concurrent = self._running
        try:
            read = await _read(http)  # first, since whom it is about may stand in it
            door = self._knock(http, read, begun)
            return await self._served(door, http, read, concurrent, begun)
        finally:
            self._running -= 1

    async def _served(
        self,
        door: Door,
        http: web.Request,
        read: RestRequest | RestError,
        concurrent: int,
        begun: float,
    ) -> web.StreamResponse:
        try:
            await door.wait()
            answer, retry_after = await self._answer(door, read, concurrent)
            # Whatever was asked is done now, even if the answer is lost.
            await door.answer()
            response = await self._passed(door, http, answer, concurrent, begun)
        except asyncio.CancelledError:
            door.end("client", aborted=True)
            raise
        if retry_after is not None:
            response.headers["Retry-After"] = f"{retry_after:g}"
        door.end("fake")
        return response

    def _knock(
        self, http: web.Request, read: RestRequest | RestError, now: float
    ) -> Door:
        group = _group(http.path, read)
        attempt = self._ledger.knock("twilio_rest", group, now)
        path = _ACCOUNT.sub("", http.path)
        attempt.said = f"{http.method} {path}"[:_LONGEST_PATH]
        sockname = http.get_extra_info("sockname")
        visitor = Visitor(
            "twilio_rest",
            group,
            query=list(http.query.items()),
            port=sockname[1] if sockname else 0,
        )
        return Door(self._ledger, attempt, self._faults.meet(visitor, attempt), http)

    async def _answer(
        self, door: Door, read: RestRequest | RestError, concurrent: int
    ) -> tuple[RestAnswer, float | None]:
        fault = door.fault
        if isinstance(fault, Refuse):
            door.fire_now()
            door.refuse(fault.status, fault.retry_after)
            error = _REFUSALS.get(fault.status) or RestError(
                fault.status, 20_000 + fault.status, "Refused on purpose"
            )
            return RestAnswer(error.status, error.body()), fault.retry_after
        door.accept()
        most = self._switch.exchange.settings.requests_at_once
        if most is not None and concurrent > most:
            error = too_many()
            return RestAnswer(error.status, error.body()), 1.0
        if isinstance(read, RestError):
            return RestAnswer(read.status, read.body()), None
        answer = self._desk.answer(read, self._switch.now())
        self._switch.pump()
        return answer, None

    async def _passed(
        self,
        door: Door,
        http: web.Request,
        answer: RestAnswer,
        concurrent: int,
        begun: float,
    ) -> web.StreamResponse:
        """Send the answer through whatever fault there is."""
        async with door.interruption(lambda _: door.drop()):
            await asyncio.sleep(self._switch.exchange.settings.answer_delay)
            if door.silent:
                await door.hold()
        headers = {
            "Twilio-Concurrent-Requests": str(concurrent),
            "Twilio-Request-Id": f"RQ{uuid.uuid4().hex}",
            "Twilio-Request-Duration": f"{time.monotonic() - begun:.3f}",
            **_HEADERS,
        }
        door.attempt.first_answer_at = time.monotonic()
        if answer.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        if answer.pieces is None:
            body = (
                b"" if answer.content is None else json.dumps(answer.content).encode()
            )
            kind = None if answer.content is None else answer.content_type
            return web.Response(
                status=answer.status, body=body, headers=headers, content_type=kind
            )
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_type = answer.content_type
        await response.prepare(http)
        for piece in answer.pieces:
            await response.write(piece)
        await response.write_eof()
        return response


def _group(path: str, read: RestRequest | RestError) -> str:
    """Return whom a request is about: a call, or the number that is to be called."""
    for part in path.split("/"):
        if part.startswith("CA"):
            return part.removesuffix(".json")
    return "" if isinstance(read, RestError) else dict(read.form).get("To", "")


async def _read(http: web.Request) -> RestRequest | RestError:
    """Return the request, or why it cannot be read."""
    try:
        body = (await http.read()).decode()
        form = parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        query = parse_qsl(
            http.query_string, keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except web.HTTPRequestEntityTooLarge:
        return RestError(413, 20413, "Request Entity Too Large")
    except ValueError:
        return RestError(400, 20422, "the body is no form that can be read")
    if http.method == "POST" and body and "json" in http.content_type:
        return RestError(400, 20422, "parameters are form-encoded, not JSON")
    authorization = http.headers.get("Authorization", "")
    return RestRequest(http.method, http.path, (*query,), (*form,), authorization)
