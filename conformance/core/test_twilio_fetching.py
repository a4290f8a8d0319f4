"""How a webhook is asked: retries, timeouts, redirects, cookies, refusals."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._webhook_server import answer, serving
from fakes.twilio.flow.orders import Method
from fakes.twilio.twiml import MAX_BYTES
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.cookies import KEPT_SECONDS, Cookies
from fakes.twilio.web.fetching import Fetched, fetch
from fakes.twilio.web.overrides import Overrides, overrides_of, trouble_of_status
from fakes.twilio.web.signature import HEADER, sign
from fakes.twilio.web.webhook import CallLeg, request_for

LEG = CallLeg.of(4729)
PAIR = (LEG.from_number, LEG.to_number)


async def asked(
    url: str, *, method: Method = "POST", cookies: Cookies | None = None
) -> Fetched:
    """Ask a webhook in the course of a call."""
    request = request_for(LEG, url, method, "in-progress", (), "secret")
    return await fetch(request, via={}, cookies=cookies)


async def code_of(url: str) -> str:
    """Return the number of the failure; its text is one line."""
    with pytest.raises(CallFailed) as failure:
        await asked(url)
    assert "\n" not in str(failure.value)
    return failure.value.code


# --- the policy ------------------------------------------------------------------


def test_the_usual_policy_is_the_documented_one() -> None:
    """5 s to connect, 15 s in all, one retry of a failed connection."""
    usual = Overrides(5.0, 15.0, 15.0, 1, frozenset({"ct"}))
    assert overrides_of("") == usual
    assert usual.retries_after("ct", 1)
    assert not usual.retries_after("ct", 2)
    assert not usual.retries_after("5xx", 1)


def test_a_fragment_overrides_what_it_names() -> None:
    """Milliseconds become seconds."""
    found = overrides_of("rc=2&rp=5xx,rt&ct=2000&e=ashburn,dublin")
    assert found == Overrides(2.0, 15.0, 15.0, 2, frozenset({"5xx", "rt"}))
    everything = {"4xx", "5xx", "ct", "rt"}
    assert overrides_of("rp=all").retried == everything


@pytest.mark.parametrize(
    ("fragment", "code"),
    [
        ("rp=6xx", "11243"),
        ("rc=6", "11243"),
        ("rc=-1", "11243"),
        ("ct=99", "11243"),
        ("rt=15001", "11243"),
        ("tt=\u0663\u0663\u0663", "11243"),
        ("e=", "11240"),
        ("e=ash burn!", "11240"),
        ("e=atlantis", "11241"),
    ],
)
def test_a_fragment_that_cannot_be_is_refused(fragment: str, code: str) -> None:
    """Each with its number."""
    with pytest.raises(CallFailed) as failure:
        overrides_of(fragment)
    assert failure.value.code == code


@given(st.text(max_size=40))
def test_any_fragment_is_a_policy_within_the_limits_or_refused(fragment: str) -> None:
    """Never an exception of another kind, never more patience than allowed."""
    try:
        found = overrides_of(fragment)
    except CallFailed:
        return
    assert 0 <= found.retries <= 5
    assert 0.1 <= found.connect_timeout <= 10
    assert 0.1 <= found.total_timeout <= 15


def test_only_error_statuses_are_trouble() -> None:
    """4xx and 5xx differ."""
    found = [trouble_of_status(status) for status in (200, 302, 404, 500)]
    assert found == [None, None, "4xx", "5xx"]


# --- over a socket ---------------------------------------------------------------


async def test_a_retry_is_the_same_delivery() -> None:
    """All attempts carry the same token, as many as the fragment says."""
    broken = answer(500, b"")
    async with serving(broken, broken, answer()) as server:
        found = await asked(f"{server.url}#rc=2&rp=5xx")
    tokens = {one.header("I-Twilio-Idempotency-Token") for one in server.asked}
    assert (len(server.asked), len(tokens)) == (3, 1)
    assert found.body == b"<Response/>"


async def test_without_a_policy_an_error_is_not_asked_again() -> None:
    """The fallback is what comes next."""
    async with serving(answer(500, b"")) as server:
        assert await code_of(server.url) == "11200"
    assert len(server.asked) == 1


async def test_a_request_is_what_the_captures_show() -> None:
    """Header for header, in their order."""
    async with serving() as server:
        await asked(f"{server.url}?x=1#rc=0")
    (one,) = server.asked
    assert one.target == "/voice?x=1"
    names = [name.lower() for name, _ in one.headers if name != "Host"]
    expected = "user-agent accept content-type x-twilio-signature "
    expected += "i-twilio-idempotency-token x-home-region connection"
    assert names[:7] == expected.split()
    assert one.header("Connection") == "close"
    assert one.header(HEADER) == sign("secret", f"{server.url}?x=1", one.form.items())


async def test_a_get_has_its_fields_in_the_query() -> None:
    """And the signature covers the whole address, no form."""
    async with serving() as server:
        await asked(f"{server.url}?x=1", method="GET")
    (one,) = server.asked
    assert one.method == "GET"
    assert one.body == b""
    assert one.target.startswith("/voice?x=1&Called=")
    signed = f"http://127.0.0.1:{server.port}{one.target}"
    assert one.header(HEADER) == sign("secret", signed)
    assert one.header("Content-Type") == ""


async def test_credentials_in_the_address_are_sent_and_signed_but_not_shown() -> None:
    """As basic authentication; a failure does not tell them."""
    async with serving(answer(403, b"")) as server:
        url = f"http://jane:s%20ecret@127.0.0.1:{server.port}/voice"
        with pytest.raises(CallFailed) as failure:
            await asked(url)
    (one,) = server.asked
    assert one.header("Authorization") == "Basic amFuZTpzIGVjcmV0"
    assert one.header("Host") == f"127.0.0.1:{server.port}"
    assert one.header(HEADER) == sign("secret", url, one.form.items())
    assert "ecret" not in str(failure.value)


async def test_a_redirect_keeps_the_document_address_up_to_date() -> None:
    """What is relative in a document is relative to where it was found."""
    async with serving(
        answer(302, b"", ("Location", "/elsewhere")), answer()
    ) as server:
        found = await asked(server.url)
    assert found.url == f"http://127.0.0.1:{server.port}/elsewhere"
    assert [one.method for one in server.asked] == ["POST", "GET"]


async def test_redirects_have_an_end() -> None:
    """11215."""
    async with serving(answer(307, b"", ("Location", "/voice"))) as server:
        assert await code_of(server.url) == "11215"
    assert len(server.asked) == 11


async def test_an_answer_is_read_no_further_than_allowed() -> None:
    """64 kB; a flood is cut off."""

    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
        for _ in range(10_000):
            writer.write(b"x" * 4096)
            await writer.drain()

    async with serving(flood) as server:
        assert await code_of(server.url) == "11750"
    async with serving(answer(200, b"x" * MAX_BYTES)) as server:
        assert len((await asked(server.url)).body) == MAX_BYTES


async def test_silence_has_an_end() -> None:
    """11203, after the time that the fragment allows."""

    async def silent(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5.0)

    async with serving(silent) as server:
        begun = asyncio.get_running_loop().time()
        assert await code_of(f"{server.url}#rt=200") == "11203"
        assert await code_of(f"{server.url}#tt=200") == "11203"
        assert asyncio.get_running_loop().time() - begun < 3.0


async def test_retries_share_the_whole_time() -> None:
    """Five retries of a slow error do not take five times as long."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(answer(503, b""))

    async with serving(slow) as server:
        assert await code_of(f"{server.url}#rc=5&rp=5xx&tt=400") == "11203"
    assert 2 <= len(server.asked) <= 3


@pytest.mark.parametrize(
    ("sent", "code"), [(b"", "11206"), (b"SSH-2.0-x\r\n\r\n", "11206")]
)
async def test_what_is_not_http_is_a_protocol_violation(sent: bytes, code: str) -> None:
    """A connection that is closed without a word, too."""
    async with serving(sent or None) as server:
        assert await code_of(server.url) == code


async def test_a_plain_port_does_not_speak_tls() -> None:
    """11220, twice, as every failed connection is tried."""
    seen = []

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        writer.write(answer(400, b""))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await code_of(f"https://127.0.0.1:{port}/") == "11220"
    server.close()
    assert len(seen) == 2


async def test_nobody_there_is_a_refused_connection() -> None:
    """11202."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert await code_of(f"http://127.0.0.1:{port}/") == "11202"


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "/voice", "http://", "http://[::1", "http://127.0.0.1:x/"],
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    """11100."""
    request = request_for(LEG, "http://127.0.0.1/")._replace(url=url)
    with pytest.raises(CallFailed) as failure:
        await fetch(request, via={})
    assert failure.value.code == "11100"


@pytest.mark.parametrize("url", ["http://192.0.2.1/voice", "http://[2001:db8::1]/"])
async def test_nothing_outside_this_machine_is_asked(url: str) -> None:
    """Unless it was allowed; the refusal says how. A redirect leads nowhere either."""
    with pytest.raises(CallFailed, match="not on this machine") as failure:
        await asked(url)
    assert failure.value.code == "11100"
    async with serving(answer(302, b"", ("Location", url))) as server:
        assert await code_of(server.url) == "11100"


async def test_a_detour_keeps_host_and_signature() -> None:
    """The agent sees its public name."""
    async with serving() as server:
        via = {"agent.example": f"127.0.0.1:{server.port}"}
        url = "https://agent.example/voice"
        request = request_for(LEG, url, auth_token="secret")
        found = await fetch(request, via=via)
    (one,) = server.asked
    assert one.header("Host") == "agent.example"
    assert one.header(HEADER) == sign("secret", url, one.form.items())
    assert found.url == url


# --- cookies ---------------------------------------------------------------------


async def test_a_session_is_found_again_in_the_next_request() -> None:
    """Of this pair of numbers."""
    cookies = Cookies()
    async with serving(answer(200, b"", ("Set-Cookie", "session=abc; Path=/"))) as one:
        await asked(one.url, cookies=cookies)
        await asked(one.url, cookies=cookies)
    assert [request.header("Cookie") for request in one.asked] == ["", "session=abc"]


def test_cookies_belong_to_a_pair_a_host_and_a_path_and_expire() -> None:
    """Four hours at the longest."""
    cookies = Cookies()
    url = "https://agent.example/voice/first"
    cookies.store(
        PAIR, url, ["a=1; Path=/voice", "b=2; Max-Age=10", "c=3; Max-Age=0"], 0
    )
    assert cookies.header(PAIR, url, 1.0) == "a=1; b=2"
    assert cookies.header(PAIR, url, 11.0) == "a=1"
    assert cookies.header(PAIR, url, KEPT_SECONDS + 1) == ""
    assert cookies.header(PAIR, "https://agent.example/voices", 1.0) == "b=2"
    assert cookies.header(PAIR, "https://other.example/voice", 1.0) == ""
    assert cookies.header(("+1", "+2"), url, 1.0) == ""


@given(st.lists(st.text(max_size=60), max_size=80))
def test_any_cookie_is_kept_or_passed_over(texts: list[str]) -> None:
    """What comes back is one line of a header."""
    cookies = Cookies()
    cookies.store(PAIR, "https://agent.example/", texts, 0.0)
    header = cookies.header(PAIR, "https://agent.example/", 1.0)
    assert "\n" not in header
    assert "\r" not in header
    assert header.count("; ") < 50
