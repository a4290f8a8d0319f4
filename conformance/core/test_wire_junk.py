"""What strangers and broken peers send: a value or a WireError, never anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._wires import MESSAGES, TAG, WIRES
from voiceutils.errors import WireError
from voiceutils.wire import Unknown, chat, twilio


@pytest.mark.parametrize("wire", WIRES)
def test_unknown_kind_is_a_value(wire: str) -> None:
    """Services add kinds over time; they are handed on, raw, and raise nothing."""
    decode, _ = WIRES[wire]
    text = json.dumps({TAG[wire]: "brand-new", "media": 3})
    assert decode(text) == Unknown("brand-new", text)
    assert decode(text.encode()) == Unknown("brand-new", text)


JUNK: list[str | bytes] = [
    "",
    "{",
    "null",
    "1",
    "[]",
    "{}",
    '"media"',
    '{"event":1,"type":1}',
    '{"event":null,"type":null}',
    b"\xff\xfe",
    b'{"event":"\xff","type":"\xff"}',
    "\ud800",
    '{"event":"\ud800","type":"\ud800"}',
    '{"event":"brand-new","type":"brand-new"',
    '{"event":"brand-new","type":"brand-new",}',
    '{"event":"brand-new","type":"brand-new","x":1e999}',
    '{"event":"brand-new","type":"brand-new"} trailing',
    "[" * 100_000,
    '{"event":"brand-new","type":"brand-new","x":' + "[" * 100_000,
]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:44])
@pytest.mark.parametrize("wire", WIRES)
def test_junk_is_a_wire_error(wire: str, junk: str | bytes) -> None:
    """Whatever a peer sends, the only error is WireError, and it shows the evidence."""
    with pytest.raises(WireError) as caught:
        WIRES[wire][0](junk)
    assert caught.value.evidence == repr(junk[:200])


@pytest.mark.parametrize(("wire", "kind"), MESSAGES)
def test_known_kind_without_its_fields_is_a_wire_error(wire: str, kind: Any) -> None:
    """A known kind is held to its fields; one without required fields is complete."""
    decode, _ = WIRES[wire]
    text = json.dumps({TAG[wire]: kind.__struct_config__.tag})
    required = [f for f in msgspec.structs.fields(kind) if f.required]
    if required:
        with pytest.raises(WireError, match=required[0].encode_name):
            decode(text)
    else:
        assert decode(text) == kind()


@pytest.mark.parametrize("payload", ["***", "/w", "/w=", "\u00ff"])
def test_payload_that_is_not_base64_is_a_wire_error(payload: str) -> None:
    """Never silence or noise in its place."""
    text = json.dumps(
        {"event": "media", "streamSid": "MZ1", "media": {"payload": payload}}
    )
    with pytest.raises(WireError):
        twilio.decode_from_agent(text)


@pytest.mark.parametrize("wire", WIRES)
@given(
    junk=st.text() | st.binary() | st.text('{}[]":,eventypdi \\u0', max_size=40),
)
def test_any_junk_decodes_or_is_a_wire_error(wire: str, junk: str | bytes) -> None:
    """No other exception leaves a decoder."""
    with suppress(WireError):
        WIRES[wire][0](junk)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{", b"[]", b"{}", b'{"model":"\xff"}', b"[" * 100_000]
)
def test_junk_to_the_model_is_a_wire_error(body: bytes) -> None:
    """A bad chat request is the client's fault, and said so."""
    with pytest.raises(WireError, match="bad chat request"):
        chat.decode_request(body)


@pytest.mark.parametrize(
    "data", ["", "{", "{}", "[]", '{"id":1}', "\ud800", "[" * 100_000]
)
def test_junk_from_the_model_is_a_wire_error(data: str) -> None:
    """A broken stream is told from an empty reply."""
    with pytest.raises(WireError, match="bad chat chunk"):
        chat.decode_event(f"data: {data}")
