"""Every answer of the REST interface fits the schemas that Twilio publishes.

``twilio_schemas.json`` is an excerpt of the OpenAPI description in
https://github.com/twilio/twilio-oai (Apache-2.0).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from fakes.twilio.caller.script import HangUp, Pause
from fakes.twilio.exchange.numbers import OWN_NUMBER, Person
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.flow.orders import Noted
from fakes.twilio.web.credentials import Credentials
from fakes.world import World

pytestmark = pytest.mark.judged("Twilio: REST", by="published schema")

HERE = Path(__file__).parent
PUBLISHED = json.loads((HERE / "twilio_schemas.json").read_text(encoding="ascii"))
CAPTURES = json.loads(
    (HERE.parent / "core" / "twilio_captures.json").read_text(encoding="ascii")
)
CREDENTIALS = Credentials()
ROOT = f"/2010-04-01/Accounts/{CREDENTIALS.account_sid}"
SOMEBODY = "+14155550123"
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time-rfc-2822")
def is_rfc_2822(value: object) -> bool:
    """Tell whether a value is such a date, in UTC as Twilio writes it."""
    if not isinstance(value, str):
        return True
    return value.endswith(" +0000") and bool(parsedate_to_datetime(value))


def fits(method: str, path: str, answer: httpx.Response) -> Any:
    """Return the content; complain about whatever the schema does not allow."""
    template = path.partition("?")[0]
    schema = PUBLISHED["responses"][template][method][str(answer.status_code)]
    whole = schema | {"schemas": PUBLISHED["schemas"]}
    content = answer.json()
    jsonschema.Draft202012Validator(whole, format_checker=FORMATS).validate(content)
    for name in _names(schema):
        assert name in content, f"{name} is missing"
    for element in _elements(schema, content):
        assert element[0].keys() == element[1].keys()
    return content


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    name = reference.removeprefix("#/schemas/")
    found: dict[str, Any] = PUBLISHED["schemas"][name] if name else schema
    return found


def _names(schema: dict[str, Any]) -> set[str]:
    return set(_resolved(schema).get("properties", {}))


def _elements(
    schema: dict[str, Any], content: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what stands in lists, each with the properties it should have."""
    found = []
    for name, below in _resolved(schema).get("properties", {}).items():
        if below.get("type") == "array":
            properties = _resolved(below["items"])["properties"]
            found += [(properties, element) for element in content[name]]
    return found


class Rest:
    """Asks the fake over HTTP and checks each answer."""

    def __init__(self, http: httpx.AsyncClient, world: World) -> None:
        self.http = http
        self.world = world

    async def ask(self, method: str, path: str, *sids: str, **form: str) -> Any:
        """Return the content; ``{...}`` of the path are filled in, in order."""
        template = f"/2010-04-01/Accounts/{{AccountSid}}{path}"
        filled = template.replace("{AccountSid}", CREDENTIALS.account_sid)
        for sid in sids:
            begin, end = filled.index("{"), filled.index("}")
            filled = filled[:begin] + sid + filled[end + 1 :]
        answer = await self.http.request(method, filled, data=form or None)
        return fits(method.lower(), template, answer)


@pytest.fixture
async def rest() -> AsyncIterator[Rest]:
    """A client, and fakes whose people answer at once."""
    settings = TwilioSettings(calls_per_second=100.0, ring_delay=0.0, price_delay=0.0)
    async with World(twilio=settings, credentials=CREDENTIALS) as world:
        silent = (Pause(20.0), HangUp())
        person = Person(number=SOMEBODY, after=0.0, conversation=silent)
        world.switch.exchange.numbers.settle(person)
        auth = (CREDENTIALS.account_sid, CREDENTIALS.auth_token)
        base = world.addresses.twilio
        async with httpx.AsyncClient(base_url=base, auth=auth) as http:
            yield Rest(http, world)


async def test_calls_fit_their_schemas_from_the_order_to_the_price(rest: Rest) -> None:
    """Queued, in progress, over; alone and in lists."""
    twiml = '<Response><Pause length="20"/></Response>'
    form = {"To": SOMEBODY, "From": OWN_NUMBER, "Twiml": twiml}
    call = await rest.ask("POST", "/Calls.json", **form)
    one = "/Calls/{Sid}.json"
    for _ in range(100):
        if (await rest.ask("GET", one, call["sid"]))["status"] == "in-progress":
            break
        await asyncio.sleep(0.02)
    await rest.ask("GET", "/Calls.json?PageSize=1")
    over = await rest.ask("POST", one, call["sid"], Status="completed")
    assert isinstance(over["duration"], str)
    assert (await rest.ask("GET", one, call["sid"]))["price"] is not None
    await rest.ask("GET", "/Calls/{CallSid}/Events.json", call["sid"])


async def test_what_belongs_to_a_call_fits_its_schema(rest: Rest) -> None:
    """Recordings, streams, notifications."""
    twiml = '<Response><Pause length="20"/></Response>'
    form = {"To": SOMEBODY, "From": OWN_NUMBER, "Twiml": twiml}
    sid = (await rest.ask("POST", "/Calls.json", **form))["sid"]
    call = rest.world.switch.exchange.calls[sid]
    for _ in range(500):
        if call.running:
            break
        await asyncio.sleep(0.01)
    recordings = "/Calls/{CallSid}/Recordings"
    made = await rest.ask("POST", f"{recordings}.json", sid)
    one = f"{recordings}/{{Sid}}.json"
    await rest.ask("POST", one, sid, made["sid"], Status="paused")
    await rest.ask("POST", one, sid, made["sid"], Status="stopped")
    await rest.ask("GET", one, sid, made["sid"])
    await rest.ask("GET", f"{recordings}.json", sid)
    await rest.ask("GET", "/Recordings.json")
    await rest.ask("GET", "/Recordings/{Sid}.json", made["sid"])
    streams = "/Calls/{CallSid}/Streams"
    # Nobody listens there: the stream fails later, and that is noted.
    stream = await rest.ask("POST", f"{streams}.json", sid, Url="ws://127.0.0.1:9/x")
    one = f"{streams}/{{Sid}}.json"
    await rest.ask("POST", one, sid, stream["sid"], Status="stopped")
    rest.world.switch.exchange.note(call, Noted("11200", "HTTP retrieval failure"), 0.0)
    lines = await rest.ask("GET", "/Calls/{CallSid}/Notifications.json", sid)
    note = lines["notifications"][0]["sid"]
    await rest.ask("GET", "/Calls/{CallSid}/Notifications/{Sid}.json", sid, note)


async def test_answers_have_the_captured_headers(rest: Rest) -> None:
    """By name, and by value where it does not vary; refusals have them, too."""
    captured = CAPTURES["rest_response_headers"]["headers"]
    varying = ("Content-Type", "Twilio-Request-Id", "Twilio-Request-Duration")
    for path, status in ((f"{ROOT}/Calls.json", 200), (f"{ROOT}/Nothing.json", 404)):
        answer = await rest.http.get(path)
        assert answer.status_code == status
        for name, value in captured.items():
            assert name in answer.headers
            assert name in varying or answer.headers[name] == value
        assert answer.headers["Content-Type"].startswith("application/json")
        identity = answer.headers["Twilio-Request-Id"]
        assert identity.startswith("RQ")
        assert len(identity) == 34


async def test_an_oversized_or_unreadable_body_is_refused(rest: Rest) -> None:
    """Never a 500."""
    path = f"{ROOT}/Calls.json"
    flood = await rest.http.post(path, content=b"x" * 300_000)
    assert flood.status_code == 413
    for body in (b"\xff\xfe=1", b"&".join([b"a=1"] * 2000)):
        answer = await rest.http.post(path, content=body)
        assert answer.status_code == 400
    as_json = await rest.http.post(path, json={"To": SOMEBODY})
    assert "form-encoded" in as_json.json()["message"]


async def test_the_control_interface_lets_people_call_in(rest: Rest) -> None:
    """Mistakes are one line of JSON."""
    base = f"{rest.world.addresses.control}/__fakes/twilio"
    async with httpx.AsyncClient() as http:
        refused = await http.post(f"{base}/calls", json={})
        assert refused.status_code == 400
        assert "no voice URL" in refused.json()["error"]
        url = "http://127.0.0.1:9/voice"
        number = {"number": OWN_NUMBER, "voice_url": url}
        await http.post(f"{base}/numbers", json=number)
        made = await http.post(f"{base}/calls", json={"from": SOMEBODY})
        assert made.status_code == 201
        sid = made.json()["sid"]
        bad = await http.post(f"{base}/numbers", json={"number": "12"})
        assert bad.status_code == 400
        person = {"number": "+14155550155", "behaviour": "busy"}
        assert (await http.post(f"{base}/numbers", json=person)).status_code == 200
        listed = (await http.get(f"{base}/numbers")).json()
        assert listed["own"][0]["voice_url"] == url
        for _ in range(500):
            shown = (await http.get(f"{base}/calls/{sid}")).json()
            if shown["notifications"]:
                break
            await asyncio.sleep(0.02)
        assert shown["notifications"][0]["error_code"] == "11202"
        assert (await http.get(f"{base}/calls/CA0")).status_code == 404
        assert len((await http.get(f"{base}/calls")).json()["calls"]) == 1
