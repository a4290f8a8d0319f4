"""The control interface: faults, ledger and reset over HTTP, for tests in any language.

::

    GET  /__fakes/addresses
    GET  /__fakes/faults                  the rules in force, and what fired
    POST /__fakes/faults                  one rule; see fakes.fault_rules.Rule
    DELETE /__fakes/faults                forget the rules
    GET  /__fakes/scripts                 fault scripts by name
    GET  /__fakes/ledger
    GET  /__fakes/ledger/calls/{call}     404 when nothing of that caller was heard
    GET  /__fakes/ledger/groups/{group}
    GET  /__fakes/evidence/{call}         all that belongs to one call, by the code in
                                          its audio; ?group=, ?utterances=1,2, ?since=,
                                          ?until=
    GET  /__fakes/ledger.jsonl            a line for each attempt; ?group= for one group
    GET  /__fakes/verdict                 what the clients did wrong; ?group= as one
                                          client; limits such as ?least_wait=0.5
    GET  /__fakes/stand-in                who came to a provider's own host and was not
                                          served; where `--stand-in` was given
    GET  /__fakes/clock                   the monotonic seconds of all moments told here
    GET  /__fakes/health                  how late the fake Deepgram's sockets were
    POST /__fakes/reset                   ledger, faults and health
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from fakes.addresses import Addresses
from fakes.client_verdict import Limits, judge_clients
from fakes.evidence.call_evidence import evidence_of
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import decode_rule
from fakes.fault_scripts import SCRIPTS
from fakes.ledger import Ledger
from fakes.ledger_export import ledger_lines
from fakes.punctuality import Punctuality
from voiceutils.errors import SettingError

__all__ = ["ControlServer"]

_LINES_A_WRITE = 50
_LONGEST_NUMBER = 20  # digits; Python refuses to read very long numbers


class _Limits(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a verdict as a query gives them."""


class _Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a query for evidence may say."""

    group: str = ""
    utterances: str = ""
    since: float = 0.0
    until: float = float("inf")


class ControlServer:
    """Serves the control interface of one world."""

    def __init__(
        self, ledger: Ledger, desk: FaultDesk, punctuality: Punctuality
    ) -> None:
        self._punctuality = punctuality
        self.addresses: Addresses | None = None
        self.on_reset: list[Callable[[], None]] = []
        self._ledger = ledger
        self._desk = desk

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[_errors_as_json])
        app.router.add_get("/__fakes/addresses", self._addresses)
        app.router.add_get("/__fakes/faults", self._faults)
        app.router.add_post("/__fakes/faults", self._add_fault)
        app.router.add_delete("/__fakes/faults", self._forget_faults)
        app.router.add_get("/__fakes/scripts", self._scripts)
        app.router.add_get("/__fakes/ledger.jsonl", self._lines)
        app.router.add_get("/__fakes/verdict", self._verdict)
        app.router.add_get("/__fakes/ledger", self._whole)
        app.router.add_get("/__fakes/ledger/calls/{call:[0-9]+}", self._call)
        app.router.add_get("/__fakes/ledger/groups/{group:.*}", self._group)
        app.router.add_get("/__fakes/evidence/{call:[0-9]+}", self._evidence)
        app.router.add_get("/__fakes/clock", self._clock)
        app.router.add_get("/__fakes/health", self._health)
        app.router.add_post("/__fakes/reset", self._reset)
        return app

    async def _addresses(self, _: web.Request) -> web.Response:
        return _json(self.addresses)

    async def _faults(self, _: web.Request) -> web.Response:
        return _json({"rules": self._desk.rules, "fired": self._ledger.faults()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        rule = decode_rule(await request.read())
        self._desk.add(rule)
        return _json({"rule": rule})

    async def _forget_faults(self, _: web.Request) -> web.Response:
        self._desk.reset()
        return _json({"rules": []})

    async def _scripts(self, _: web.Request) -> web.Response:
        return _json({name: script._asdict() for name, script in SCRIPTS.items()})

    async def _lines(self, request: web.Request) -> web.StreamResponse:
        lines = ledger_lines(self._ledger, request.query.get("group"))
        answer = web.StreamResponse()
        answer.content_type = "application/x-ndjson"
        await answer.prepare(request)
        while piece := b"".join(itertools.islice(lines, _LINES_A_WRITE)):
            await answer.write(piece)
            # A client that reads fast never makes write() wait; the calls must go on.
            await asyncio.sleep(0)
        await answer.write_eof()
        return answer

    async def _verdict(self, request: web.Request) -> web.Response:
        given = dict(request.query)
        group = given.pop("group", None)
        try:
            limits = msgspec.convert(given, _Limits, strict=False)
        except msgspec.ValidationError as error:
            raise SettingError(f"bad limit: {error}") from error
        return _json({"findings": judge_clients(self._ledger, group, limits)})

    async def _whole(self, _: web.Request) -> web.Response:
        ledger = self._ledger
        content = {
            "attempts": ledger.attempts,
            "calls": ledger.calls,
            "utterances": ledger.utterances(),
            "faults": ledger.faults(),
        }
        return _json(content)

    async def _call(self, request: web.Request) -> web.Response:
        number = int(request.match_info["call"][:_LONGEST_NUMBER])
        heard = self._ledger.call(number)
        if heard is None:
            return _json({"error": f"nothing was heard of call {number}"}, 404)
        return _json(heard)

    async def _evidence(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.convert(dict(request.query), _Asked, strict=False)
            numbers = [int(part) for part in asked.utterances.split(",") if part]
        except (msgspec.ValidationError, ValueError) as error:
            raise SettingError(f"bad question for evidence: {error}") from error
        found = evidence_of(
            self._ledger,
            int(request.match_info["call"][:_LONGEST_NUMBER]),
            group=asked.group,
            utterances=numbers,
            since=asked.since,
            until=asked.until,
        )
        return _json(found)

    async def _group(self, request: web.Request) -> web.Response:
        name = request.match_info["group"]
        content = {
            "group": name,
            "attempts": self._ledger.group(name),
            "utterances": self._ledger.utterances(name),
            "faults": self._ledger.faults(name),
        }
        return _json(content)

    async def _clock(self, _: web.Request) -> web.Response:
        return _json({"monotonic": time.monotonic()})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"lateness": self._punctuality.report()})

    async def _reset(self, _: web.Request) -> web.Response:
        self._ledger.reset()
        self._desk.reset()
        self._punctuality.reset()
        for reset in self.on_reset:
            reset()
        return _json({"reset": True})


def _json(content: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except SettingError as error:
        return _json({"error": str(error)}, 400)
    except web.HTTPException as error:
        text = f"{error.status} {error.reason}: {request.method} {request.path}"
        return _json({"error": text}, error.status)
    return answer
