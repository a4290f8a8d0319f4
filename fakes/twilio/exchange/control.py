"""The exchange's part of the control interface: who lives where, and who calls in.

::

    GET  /__fakes/twilio/numbers       the account's numbers, and the people
    POST /__fakes/twilio/numbers       a person, {"number": ..., "behaviour": "busy"},
                                       see fakes.twilio.exchange.numbers.Person; or
                                       a number of the account,
                                       {"number": ..., "voice_url": ...}
    GET  /__fakes/twilio/calls         every call, oldest first
    GET  /__fakes/twilio/calls/{sid}
    POST /__fakes/twilio/calls         a person calls one of the account's numbers:
                                       {"from": ..., "to": ..., "conversation": [...]}
    GET  /__fakes/twilio/phones        a WebSocket: a phone in another process tells of
                                       its calls and is told what REST wants of them;
                                       see fakes.twilio.phones.messages
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from aiohttp import web

from fakes.twilio.caller.script import ConversationStep
from fakes.twilio.exchange.call_state import Call
from fakes.twilio.exchange.numbers import (
    OWN_NUMBER,
    Person,
    check_person,
    decode_person,
    is_number,
)
from fakes.twilio.exchange.switch import Switch
from fakes.twilio.phones.door import PhoneDoor
from fakes.twilio.rest.resources import Shown
from voiceutils.errors import SettingError

__all__ = ["TwilioControl"]


class _Own(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: str
    voice_url: str
    voice_method: Literal["GET", "POST"] = "POST"
    voice_fallback_url: str = ""
    status_callback: str = ""
    status_callback_method: Literal["GET", "POST"] = "POST"


class _Incoming(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_number": "from", "to_number": "to"},
):
    from_number: str = "+14155550100"
    to_number: str = OWN_NUMBER
    conversation: tuple[ConversationStep, ...] | None = None
    call: int | None = None


class TwilioControl:
    """Adds the exchange's routes to the control interface."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        add = app.router
        add.add_get("/__fakes/twilio/numbers", self._numbers)
        add.add_post("/__fakes/twilio/numbers", self._settle)
        add.add_get("/__fakes/twilio/calls", self._calls)
        add.add_get("/__fakes/twilio/calls/{sid}", self._call)
        add.add_post("/__fakes/twilio/calls", self._call_in)
        PhoneDoor(self._switch).add_to(app)

    async def _numbers(self, _: web.Request) -> web.Response:
        numbers = self._switch.exchange.numbers
        own, people = [*numbers.own.values()], [*numbers.people.values()]
        return _json({"own": own, "people": people})

    async def _settle(self, request: web.Request) -> web.Response:
        body = await request.read()
        numbers = self._switch.exchange.numbers
        if b'"voice_url"' not in body:
            person = decode_person(body)
            numbers.settle(person)
            return _json(person)
        asked = _decoded(body, _Own)
        epoch = self._switch.exchange.epoch + self._switch.now()
        number = numbers.add(asked.number, epoch=epoch)
        for name, value in msgspec.structs.asdict(asked).items():
            if name != "number":
                setattr(number, name, value)
        return _json(number)

    async def _calls(self, _: web.Request) -> web.Response:
        calls = self._switch.exchange.calls.values()
        return _json({"calls": [self._shown(call) for call in calls]})

    async def _call(self, request: web.Request) -> web.Response:
        sid = request.match_info["sid"][:34]
        call = self._switch.exchange.calls.get(sid)
        if call is None:
            return _json({"error": f"there is no call {sid}"}, 404)
        return _json(self._shown(call))

    async def _call_in(self, request: web.Request) -> web.Response:
        asked = _decoded(await request.read() or b"{}", _Incoming)
        if not is_number(asked.from_number):
            raise SettingError(f"number {asked.from_number[:40]!r} is not E.164")
        person = Person(
            number=asked.from_number,
            conversation=asked.conversation,
            call=asked.call,
        )
        call = self._switch.call_in(check_person(person), asked.to_number)
        return _json(self._shown(call), 201)

    def _shown(self, call: Call) -> dict[str, Any]:
        """Return the REST resource, and what REST does not tell."""
        shown = Shown(self._switch.exchange, self._switch.now())
        lines = [shown.notification(call, line) for line in call.notifications]
        return {
            **shown.call(call),
            "cause": call.cause,
            "call": call.number,
            "notifications": lines,
            "streams": [shown.stream(call, one) for one in call.streams.values()],
        }


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise SettingError(f"not what is expected here: {error}") from error


def _json(content: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")
