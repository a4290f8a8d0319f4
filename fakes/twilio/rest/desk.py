"""Answers one REST request; pure. The handlers are in the modules beside this one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.rest import calls_desk, numbers_desk, recordings_desk
from fakes.twilio.rest.access import check_access
from fakes.twilio.rest.errors import RestError, not_found
from fakes.twilio.rest.form import Form
from fakes.twilio.rest.visit import Lines, RestAnswer, Visit

__all__ = ["Desk", "RestRequest"]

_Handler: TypeAlias = Callable[..., RestAnswer]
_CALL, _RECORDING = "(CA[0-9a-fA-F]{32})", "(RE[0-9a-fA-F]{32})"

# Path below the account, without ".json" -> method -> handler.
_PATHS: tuple[tuple[str, dict[str, _Handler]], ...] = (
    ("", {"GET": numbers_desk.show_account}),
    ("/Calls", {"GET": calls_desk.list_calls, "POST": calls_desk.create_call}),
    (
        f"/Calls/{_CALL}",
        {
            "GET": calls_desk.show_call,
            "POST": calls_desk.change_call,
            "DELETE": calls_desk.delete_call,
        },
    ),
    (f"/Calls/{_CALL}/Streams", {"POST": calls_desk.create_stream}),
    (f"/Calls/{_CALL}/Streams/([^/]+)", {"POST": calls_desk.stop_stream}),
    (f"/Calls/{_CALL}/Events", {"GET": calls_desk.list_events}),
    (f"/Calls/{_CALL}/Notifications", {"GET": calls_desk.list_notifications}),
    (
        f"/Calls/{_CALL}/Notifications/(NO[0-9a-fA-F]{{32}})",
        {"GET": calls_desk.show_notification},
    ),
    (
        f"/Calls/{_CALL}/Recordings",
        {
            "GET": recordings_desk.list_recordings,
            "POST": recordings_desk.create_recording,
        },
    ),
    (
        f"/Calls/{_CALL}/Recordings/(RE[0-9a-fA-F]{{32}}|Twilio\\.CURRENT)",
        {
            "GET": recordings_desk.show_recording,
            "POST": recordings_desk.change_recording,
            "DELETE": recordings_desk.delete_recording,
        },
    ),
    ("/Recordings", {"GET": recordings_desk.list_account_recordings}),
    (
        f"/Recordings/{_RECORDING}",
        {
            "GET": recordings_desk.show_account_recording,
            "DELETE": recordings_desk.delete_recording,
        },
    ),
    (
        "/IncomingPhoneNumbers",
        {"GET": numbers_desk.list_numbers, "POST": numbers_desk.create_number},
    ),
    (
        "/IncomingPhoneNumbers/(PN[0-9a-fA-F]{32})",
        {"GET": numbers_desk.show_number, "POST": numbers_desk.change_number},
    ),
)
_ROUTES = [(re.compile(path), handlers) for path, handlers in _PATHS]
_ACCOUNT = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})(.*)")
_FILE = re.compile(f"/Recordings/{_RECORDING}(\\.wav|\\.mp3|)")


class RestRequest(NamedTuple):
    """A request as it came in; pairs are decoded.

    Attributes:
        authorization: the header, empty when there is none.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    authorization: str = ""


class Desk:
    """Answers requests about one exchange."""

    def __init__(self, exchange: Exchange, lines: Lines) -> None:
        self._exchange = exchange
        self._lines = lines

    def answer(self, request: RestRequest, now: float) -> RestAnswer:
        """Do what is asked; a refusal is an answer, too."""
        try:
            return self._answered(request, now)
        except RestError as error:
            return RestAnswer(error.status, error.body())

    def _answered(self, request: RestRequest, now: float) -> RestAnswer:
        found = _ACCOUNT.fullmatch(request.path)
        if found is None:
            raise not_found(request.path)
        account_sid, below = found[1], found[2]
        visit = Visit(
            self._exchange,
            self._lines,
            request.path,
            Form(request.query),
            Form(request.form),
            now,
        )
        file = _FILE.fullmatch(below)
        if file is not None and request.method == "GET" and not request.authorization:
            # As on Twilio, unless the account protects its recordings.
            return recordings_desk.recording_file(visit, file[1], file[2])
        check_access(request.authorization, account_sid, self._exchange.credentials)
        if file is not None and request.method == "GET":
            return recordings_desk.recording_file(visit, file[1], file[2])
        if not below.endswith(".json"):
            raise _only_json(request.path, below)
        return _routed(visit, request.method, below.removesuffix(".json"))


def _routed(visit: Visit, method: str, below: str) -> RestAnswer:
    for path, handlers in _ROUTES:
        found = path.fullmatch(below)
        if found is None:
            continue
        handler = handlers.get(method)
        if handler is None:
            raise RestError(405, 20004, "Method not allowed")
        return handler(visit, *found.groups())
    raise not_found(visit.path)


def _only_json(path: str, below: str) -> RestError:
    """Return the refusal of what Twilio would answer as XML, or not at all."""
    if any(route.fullmatch(below) for route, _ in _ROUTES):
        return RestError(
            406, 20406, f"this fake answers JSON only: ask for {path}.json"
        )
    return not_found(path)
