"""Who may call, and what must not be told."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from conformance._asking import ask
from conformance._case import MUST, SHOULD, case
from conformance._line import Line, Unsupported
from fakes.faults import Nothing, Refuse
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say
from fakes.twilio.web.dial import HANDSHAKE_REFUSED, CallFailed, dial_media
from fakes.twilio.web.signature import HEADER, sign
from fakes.twilio.web.webhook import CallLeg, WebhookRequest, voice_webhook

_TOKEN = "0123456789abcdef0123456789abcdef"
_CANARIES = {
    "DEEPGRAM_API_KEY": "canary-deepgram-5d41402abc4b2a76",
    "OPENAI_API_KEY": "canary-model-7d793037a0760186",
    "TWILIO_AUTH_TOKEN": "",
}


async def _posted(line: Line, request: WebhookRequest, **headers: str) -> int:
    """Post a webhook and return the status of the answer."""
    answer = await ask(
        request.method,
        request.url,
        line.reach,
        form=dict(request.form),
        headers={**dict(request.headers), **headers},
    )
    return answer.status_code


def _needs_webhook(line: Line) -> None:
    if line.agent.startswith("ws"):
        raise Unsupported("needs the address of the voice webhook")


@case(
    "12.1",
    level=MUST,
    source="https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    mutants=("believes_any_webhook",),
    needs=("signature",),
)
async def test_webhook_without_signature_is_refused(line: Line) -> None:
    """A webhook that Twilio did not sign is refused, and one that it signed is not.

    Do: to an agent of its own with TWILIO_AUTH_TOKEN: a signed webhook; one without
        signature; one signed with another token; one whose form was changed.
    Expect: 200, and three times a status of 4xx.
    Because: the address of a webhook is no secret, and each call costs money.
    """
    async with line.own_agent(TWILIO_AUTH_TOKEN=_TOKEN):
        _needs_webhook(line)
        leg = CallLeg.of(line.call, line.call_sid)
        good = voice_webhook(line.agent, leg, auth_token=_TOKEN)
        other = voice_webhook(line.agent, leg, auth_token="f" * 32)
        changed = good._replace(form=(*good.form[:-1], ("CallerName", "somebody")))
        statuses = [
            await _posted(line, good),
            await _posted(line, good, **{HEADER: ""}),
            await _posted(line, other),
            await _posted(line, changed),
        ]
    line.expect(statuses[0] == 200, "200 for Twilio's own", f"{statuses[0]}")
    line.expect(
        all(400 <= status < 500 for status in statuses[1:]),
        "4xx without signature, with a foreign one, and with another form",
        ", ".join(map(str, statuses[1:])),
    )


@case(
    "12.2",
    level=MUST,
    source="https://github.com/openclaw/openclaw/issues/7001",
    mutants=("leaves_its_media_socket_open",),
    needs=("signature",),
)
async def test_media_socket_is_not_open_to_all(line: Line) -> None:
    """The media socket of an agent is not open to everybody.

    Do: to an agent of its own with TWILIO_AUTH_TOKEN, open the media socket without a
        signature, then with one of another token, and say each time what Twilio says at
        the start of a call.
    Expect: no connection to a provider for this call.
    Because: whoever finds the address talks to the model at the owner's expense.
    """
    async with line.own_agent(TWILIO_AUTH_TOKEN=_TOKEN):
        by_socket = line.agent.startswith("ws")
        media = line.agent if by_socket else (await line.twiml(_TOKEN)).url
        for signed in (False, True):
            try:
                socket = await dial_media(media, line.reach, signed=signed)
            except CallFailed as failure:
                refused = failure.code == HANDSHAKE_REFUSED
                line.expect(refused, "the handshake is refused", str(failure))
                continue
            async with socket:
                with suppress(ConnectionClosed):
                    await _say_start(socket, line.call_sid)
                    await asyncio.sleep(1.5)
        found = await line.attempts()
    line.expect(not found, "no provider is asked", f"{len(found)} connections")


async def _say_start(socket: ClientConnection, call_sid: str) -> None:
    stream = f"MZ{uuid.uuid4().hex}"
    form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {
        "accountSid": f"AC{'0' * 32}",
        "streamSid": stream,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": form,
        "customParameters": {},
    }
    told = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    await socket.send(json.dumps(told))
    begun = {"event": "start", "sequenceNumber": "1", "start": start}
    await socket.send(json.dumps(begun | {"streamSid": stream}))


@case(
    "12.3",
    level=MUST,
    source="https://github.com/twilio/twilio-node/issues/924",
    mutants=("checks_the_address_that_it_sees",),
    needs=("signature",),
)
async def test_signature_holds_behind_a_proxy(line: Line) -> None:
    """A webhook that Twilio signed for the public address is taken behind a proxy.

    Do: to an agent of its own with TWILIO_AUTH_TOKEN, post a webhook that is signed for
        https://agent.example, as a proxy would pass it on.
    Expect: 200.
    Because: refused calls are the price of a check against the wrong address.
    """
    async with line.own_agent(TWILIO_AUTH_TOKEN=_TOKEN):
        _needs_webhook(line)
        leg = CallLeg.of(line.call, line.call_sid)
        public = "https://agent.example" + httpx.URL(line.agent).path
        request = voice_webhook(line.agent, leg, auth_token=_TOKEN)
        signed = sign(_TOKEN, public, request.form)
        status = await _posted(
            line,
            request,
            **{
                HEADER: signed,
                "Host": "agent.example",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "agent.example",
            },
        )
    line.expect(status == 200, "200", f"{status}")


@case(
    "12.4",
    level=MUST,
    source="https://github.com/livekit/agents/pull/6759",
    mutants=("logs_its_keys",),
    needs=("concurrent-calls",),
)
async def test_keys_are_not_told(line: Line) -> None:
    """Keys of providers are neither logged nor spoken.

    Do: give an agent of its own keys that are easily found; let the recogniser, the
        model and the speech service each refuse one request with 401 or 500.
    Expect: none of the keys in its output, nor in what the caller heard.
    Because: logs are read by more people than keys are meant for.
    """
    async with line.own_agent(**_CANARIES) as process, line.beside() as other:
        await other.fault("listen", *(Refuse(401),) * 5)
        await other.talk(Pause(3.0), HangUp())
        await other.lift_faults()
        await line.fault("chat", Refuse(500), Refuse(401), Nothing())
        await line.fault("speak_rest", Nothing(), Refuse(500), Nothing())
        await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
        await asyncio.sleep(0.5)
        output = process.output
    heard = " ".join(one.text for one in line.record.utterances) if line.record else ""
    told = [
        name for name, key in _CANARIES.items() if key and key in output + " " + heard
    ]
    line.expect(not told, "no key in output or speech", ", ".join(told))


@case(
    "12.5",
    level=SHOULD,
    source="https://github.com/openai/openai-agents-python/pull/5110",
    mutants=("waits_for_start_for_ever",),
)
async def test_socket_without_start_is_closed(line: Line) -> None:
    """A media socket on which no call starts is closed.

    Do: open the media socket and say nothing.
    Expect: the agent closes it within 12 s.
    Because: sockets that cost nothing to open fill a machine that keeps them.
    """
    media = line.agent
    if not media.startswith("ws"):
        media = (await line.twiml()).url
    async with await dial_media(media, line.reach) as socket:
        try:
            async with asyncio.timeout(12.0):
                await socket.wait_closed()
        except TimeoutError:
            line.expect(False, "closed within 12 s", "open")
