"""What a call does about each way in which a voice webhook can answer, or not."""

from __future__ import annotations

import httpx
import msgspec
import pytest
import respx

from fakes.addresses import Addresses
from fakes.processes import running_world
from fakes.twilio.web.dial import CallFailed, fetch_twiml
from fakes.twilio.web.signature import HEADER
from fakes.twilio.web.webhook import CallLeg, voice_webhook

WEBHOOK = "http://127.0.0.1:8080/voice"
TWIML = (
    '<Response><Connect><Stream url="ws://127.0.0.1:8080/media"/></Connect></Response>'
)
XML = {"Content-Type": "text/xml"}
CONTROL = "http://127.0.0.1:8413/__fakes"
ADDRESSES = Addresses(
    deepgram="http://127.0.0.1:8411",
    deepgram_websocket="ws://127.0.0.1:8411",
    model="http://127.0.0.1:8412/v1",
    control="http://127.0.0.1:8413",
)


async def ordered_url() -> str:
    """Return the media address that the webhook's answer orders."""
    leg = CallLeg.of(7, None)
    request = voice_webhook(WEBHOOK, leg, auth_token="12345", issued_at=0)
    return (await fetch_twiml(request, {})).url


@respx.mock
async def test_webhook_is_posted_as_a_signed_form() -> None:
    """The request carries form fields, Twilio's agent name and a signature."""
    route = respx.post(WEBHOOK).respond(200, headers=XML, text=TWIML)

    url = await ordered_url()

    assert url == "ws://127.0.0.1:8080/media"
    sent = route.calls.last.request
    assert sent.headers["user-agent"] == "TwilioProxy/1.1"
    assert sent.headers[HEADER]
    assert b"CallStatus=ringing" in sent.content


@respx.mock
async def test_a_failed_connect_is_tried_once_more() -> None:
    """By default Twilio retries what failed in TCP, once."""
    refused = httpx.ConnectError("refused")
    answer = httpx.Response(200, headers=XML, text=TWIML)
    route = respx.post(WEBHOOK).mock(side_effect=[refused, answer])

    await ordered_url()

    assert route.call_count == 2


@respx.mock
async def test_an_error_status_is_not_retried() -> None:
    """A 500 goes straight to the fallback, here to the end of the call."""
    route = respx.post(WEBHOOK).respond(500)

    with pytest.raises(CallFailed, match="webhook answered 500") as failure:
        await ordered_url()

    assert failure.value.code == "11200"
    assert route.call_count == 1


@respx.mock
async def test_a_redirect_is_followed() -> None:
    """Twilio follows 3xx answers of a webhook."""
    elsewhere = "http://127.0.0.1:8080/elsewhere"
    respx.post(WEBHOOK).respond(307, headers={"Location": elsewhere})
    respx.post(elsewhere).respond(200, headers=XML, text=TWIML)

    assert await ordered_url() == "ws://127.0.0.1:8080/media"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (httpx.ConnectTimeout("slow"), "11201"),
        (httpx.ConnectError("refused"), "11202"),
        (httpx.ConnectError("[SSL] certificate verify failed"), "11220"),
        (httpx.ReadTimeout("silent"), "11203"),
        (httpx.RemoteProtocolError("junk"), "11206"),
    ],
)
@respx.mock
async def test_each_trouble_has_twilios_error_code(
    trouble: httpx.TransportError, code: str
) -> None:
    """The cause of the call is one line with the code of Twilio's dictionary."""
    respx.post(WEBHOOK).mock(side_effect=trouble)

    with pytest.raises(CallFailed) as failure:
        await ordered_url()

    assert failure.value.code == code
    assert "\n" not in str(failure.value)


@respx.mock
def test_fakes_that_are_up_are_found_and_emptied() -> None:
    """A run for a running agent uses the fakes that the agent uses."""
    told = msgspec.json.encode(ADDRESSES)
    respx.get(f"{CONTROL}/addresses").respond(200, content=told)
    reset = respx.post(f"{CONTROL}/reset").respond(200, json={"reset": True})

    assert running_world() == ADDRESSES
    assert reset.called


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={}),
    ],
)
@respx.mock
def test_somebody_elses_server_is_not_taken_for_the_fakes(
    answer: httpx.Response,
) -> None:
    """Whatever listens on the usual port, nothing of it is reset."""
    respx.get(f"{CONTROL}/addresses").mock(return_value=answer)
    reset = respx.post(f"{CONTROL}/reset")

    assert running_world() is None
    assert not reset.called


@respx.mock
def test_nobody_there_is_no_world() -> None:
    """A refused connection means that no fakes are up."""
    respx.get(f"{CONTROL}/addresses").mock(side_effect=httpx.ConnectError("refused"))

    assert running_world() is None
