"""The control interface: faults, ledger and reset over HTTP, for tests in any language.

::

    GET  /__fakes/addresses
    GET  /__fakes/faults                  the rules in force, and what fired
    POST /__fakes/faults                  one rule; see fakes.faults.Rule
    GET  /__fakes/ledger
    GET  /__fakes/ledger/calls/{call}     404 when nothing of that caller was heard
    GET  /__fakes/ledger/groups/{group}
    POST /__fakes/reset                   ledger and faults
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from fakes.addresses import Addresses
from fakes.faults import FaultDesk, decode_rule
from fakes.ledger import Ledger
from voiceutils.errors import SettingError

__all__ = ["ControlServer"]


class ControlServer:
    """Serves the control interface of one world."""

    def __init__(self, ledger: Ledger, desk: FaultDesk) -> None:
        self.addresses: Addresses | None = None
        self._ledger = ledger
        self._desk = desk

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[_errors_as_json])
        app.router.add_get("/__fakes/addresses", self._addresses)
        app.router.add_get("/__fakes/faults", self._faults)
        app.router.add_post("/__fakes/faults", self._add_fault)
        app.router.add_get("/__fakes/ledger", self._whole)
        app.router.add_get("/__fakes/ledger/calls/{call:[0-9]+}", self._call)
        app.router.add_get("/__fakes/ledger/groups/{group:.*}", self._group)
        app.router.add_post("/__fakes/reset", self._reset)
        return app

    async def _addresses(self, _: web.Request) -> web.Response:
        return _json(self.addresses)

    async def _faults(self, _: web.Request) -> web.Response:
        return _json({"rules": self._desk.rules, "fired": self._ledger.faults()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            rule = decode_rule(await request.read())
        except SettingError as error:
            return _json({"error": str(error)}, 400)
        self._desk.add(rule)
        return _json({"rule": rule})

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
        number = int(request.match_info["call"])
        heard = self._ledger.call(number)
        if heard is None:
            return _json({"error": f"nothing was heard of call {number}"}, 404)
        return _json(heard)

    async def _group(self, request: web.Request) -> web.Response:
        name = request.match_info["group"]
        content = {
            "group": name,
            "attempts": self._ledger.group(name),
            "utterances": self._ledger.utterances(name),
            "faults": self._ledger.faults(name),
        }
        return _json(content)

    async def _reset(self, _: web.Request) -> web.Response:
        self._ledger.reset()
        self._desk.reset()
        return _json({"reset": True})


def _json(content: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        text = f"{error.status} {error.reason}: {request.method} {request.path}"
        return _json({"error": text}, error.status)
    return answer
