"""The parts of the socket driver that need no socket."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from fakes.deepgram.sockets import plain
from fakes.deepgram.sockets.driver import VARIABLE, sockets_named
from fakes.deepgram.sockets.handshake import fault_of_request, reply_headers
from fakes.deepgram.sockets.pace import frame_of
from fakes.punctuality import Punctuality
from voiceutils.errors import SettingError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = {
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


@given(
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PONG, Opcode.CLOSE]),
    st.binary(),
)
def test_frames_are_those_of_another_library(opcode: Opcode, payload: bytes) -> None:
    """What goes out in pieces is the frame that `websockets` would write."""
    assert frame_of(opcode, payload) == Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("size", [125, 126, 65535, 65536])
def test_lengths_at_their_borders(size: int) -> None:
    """Each form of the length begins where RFC 6455 has it begin."""
    frame = Frame(Opcode.BINARY, bytes(size))
    assert frame_of(Opcode.BINARY, bytes(size)) == frame.serialize(mask=False)


def test_good_handshake_passes() -> None:
    """Names of headers and tokens in any case and order are taken."""
    assert fault_of_request(GOOD) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connection", "keep-alive"),
        ("sec-websocket-version", "8"),
        ("sec-websocket-key", "short"),
        ("sec-websocket-key", "!" * 24),
        ("sec-websocket-key", ""),
    ],
)
def test_half_a_handshake_is_refused(name: str, value: str) -> None:
    """Each part that is missing or wrong is a 400."""
    refusal = fault_of_request(GOOD | {name: value})
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("token, abc", "token"),
        ("bearer,xyz", "bearer"),
        ("chat, token", "token"),
        ("chat", None),
        ("", None),
    ],
)
def test_subprotocol_that_carried_the_key_is_echoed(
    offered: str, chosen: str | None
) -> None:
    """The scheme is chosen, the key itself never comes back."""
    reply = reply_headers({"sec-websocket-protocol": offered}, "id")
    assert reply.get("sec-websocket-protocol") == chosen


def test_environment_chooses_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain is aiohttp's own; without a word it is the fast one."""
    monkeypatch.setenv(VARIABLE, "plain")
    assert sockets_named() is plain.converse
    monkeypatch.delenv(VARIABLE)
    assert sockets_named() is not plain.converse
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(SettingError, match="use swift or plain"):
        sockets_named()


def test_without_picows_there_is_still_a_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fallback takes over, unless the fast one was insisted on."""
    monkeypatch.setitem(sys.modules, "fakes.deepgram.sockets.swift", None)
    assert sockets_named("") is plain.converse
    with pytest.raises(SettingError, match="needs picows"):
        sockets_named("swift")


def test_lateness_is_never_negative() -> None:
    """A message that goes out before its time counts as on time."""
    punctuality = Punctuality()
    assert punctuality.report().p99 is None
    punctuality.sent(due=2.0, at=1.0)
    punctuality.sent(due=1.0, at=1.5)
    report = punctuality.report()

    assert (report.messages, report.p50, report.max) == (2, 0.0, 0.5)
    punctuality.reset()
    assert punctuality.report().messages == 0
