"""An agent under a public name is asked where its calls go, by everything."""

from __future__ import annotations

import httpx
import pytest
import respx
from websockets.asyncio.server import ServerConnection, serve

from conformance._asking import ask
from fakes.twilio.web.dial import HANDSHAKE_REFUSED, CallFailed, Reach, dial_media
from fakes.twilio.web.signature import HEADER

PLACE = "127.0.0.1:8090"
REACH = Reach(via={"agent-8090.test": PLACE})


async def test_the_public_name_leads_where_calls_go() -> None:
    """The agent behind it sees the name, as behind a tunnel."""
    with respx.mock(assert_all_called=True) as mock:
        asked = mock.post(f"http://{PLACE}/voice").respond(403)
        answer = await ask(
            "POST", "https://agent-8090.test/voice", REACH, form={"CallSid": "CA1"}
        )
    assert answer.status_code == 403
    request = asked.calls.last.request
    assert request.headers["Host"] == "agent-8090.test"
    assert request.content == b"CallSid=CA1"


async def test_a_host_of_its_own_may_be_claimed() -> None:
    """As a proxy passes on what it was asked for."""
    with respx.mock:
        asked = respx.get("http://127.0.0.1:1/metrics").respond(json={})
        await ask("GET", "http://127.0.0.1:1/metrics", Reach(), headers={"Host": "a.b"})
    assert asked.calls.last.request.headers["Host"] == "a.b"


async def test_nobody_there_is_told_by_the_exception_of_the_client() -> None:
    """It is for the case to say what that means."""
    with pytest.raises(httpx.HTTPError):
        await ask("GET", "https://agent-1.test/", Reach(via={"agent-1.test": "[::]:1"}))


@pytest.mark.parametrize("signed", [True, False])
async def test_a_media_socket_is_opened_with_a_signature_or_none(signed: bool) -> None:
    """An agent that lets everybody in without one must not pass unseen."""
    seen: list[str | None] = []

    async def note(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(socket.request.headers.get(HEADER))

    async with serve(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/media"
        async with await dial_media(url, Reach(), signed=signed):
            pass
    assert [header is not None for header in seen] == [signed]


async def test_who_is_not_there_has_not_refused() -> None:
    """Else a media socket that is open to all would pass under a wrong address."""
    with pytest.raises(CallFailed) as failure:
        await dial_media("ws://127.0.0.1:1/media", Reach())
    assert failure.value.code != HANDSHAKE_REFUSED
