"""Whose host is whose, what is told of visits, and what an agent is not to know."""

from __future__ import annotations

import socket
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.addresses import Addresses, StandInAddresses
from fakes.stand_in.authority import LIFETIME, authority_in
from fakes.stand_in.environment import agent_environment
from fakes.stand_in.guide import compose
from fakes.stand_in.hosts import COMMON_HOSTS, Hosts, Provider, read_hosts
from fakes.stand_in.listening import ports_in
from fakes.stand_in.names import answer_to
from fakes.stand_in.visits import VisitBook, What, account_of
from fakes.stand_in.watch import wanted
from voiceutils.errors import SettingError

ADDRESSES = Addresses(
    deepgram="http://127.0.0.1:1",
    deepgram_websocket="ws://127.0.0.1:1",
    model="http://127.0.0.1:2/v1",
    control="http://127.0.0.1:3",
    stand_in=StandInAddresses(
        tls="127.0.0.1:4", proxy="http://127.0.0.1:5", authority="/a.pem", door="/d"
    ),
)
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)


# --- hosts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.deepgram.com", Provider.DEEPGRAM),
        ("API.EU.Deepgram.com.", Provider.DEEPGRAM),
        ("agent.deepgram.com", Provider.DEEPGRAM),
        ("api.twilio.com", Provider.TWILIO),
        ("api.dublin.ie1.twilio.com", Provider.TWILIO),
        ("verify.twilio.com", Provider.MISSING),
        ("api.openai.com", Provider.MODEL),
        ("eu.api.openai.com", Provider.MODEL),
        ("api.groq.com", Provider.MODEL),
        ("mine.openai.azure.com", Provider.MISSING),
        ("api.elevenlabs.io", Provider.MISSING),
        ("api.deepgram.com.evil.example", None),
        ("notapi.openai.org", None),
        ("localhost", None),
    ],
)
def test_hosts_belong_to_their_providers(host: str, provider: Provider | None) -> None:
    """Regional hosts too; a name that only begins like one is nobody's."""
    assert Hosts().provider_of(host) is provider


def test_every_named_host_is_served_and_further_ones_are_too() -> None:
    """A hosts file names nothing that would be refused."""
    hosts = read_hosts(["LLM.example=model"])

    served = {hosts.provider_of(name) for name in hosts.named}
    assert served == {Provider.DEEPGRAM, Provider.MODEL, Provider.TWILIO}
    assert hosts.named == (*COMMON_HOSTS, "llm.example")


@pytest.mark.parametrize("text", ["x", "a.b=", "a.b=azure", "=model", "a b.c=model"])
def test_a_host_without_a_fake_is_a_mistake_of_the_user(text: str) -> None:
    """The message says what to write."""
    with pytest.raises(SettingError, match="--stand-in-for"):
        read_hosts([text])


# --- names -----------------------------------------------------------------------


def question(name: str, kind: int = 1, number: int = 7) -> bytes:
    """Return a packet that asks for a name."""
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    head = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack(">HH", kind, 1)


@given(st.lists(LABEL, min_size=1, max_size=5), st.sampled_from([1, 28, 16]), st.data())
def test_known_names_are_here_and_no_others_exist(
    labels: list[str], kind: int, data: st.DataObject
) -> None:
    """Only a question for the address of a known name is answered with one."""
    name, known = ".".join(labels), data.draw(st.booleans())

    answer = answer_to(question(name, kind), lambda _: known, "127.0.0.1")

    assert answer is not None
    assert (answer.name, answer.kind, answer.known) == (name, kind, known)
    number, flags, _, answers, *_ = struct.unpack_from(">HHHHHH", answer.packet)
    assert (number, flags & 0x8000, flags & 0xF) == (7, 0x8000, 0 if known else 3)
    assert answers == (1 if known and kind == 1 else 0)
    if answers:
        assert answer.packet.endswith(socket.inet_aton("127.0.0.1"))


@given(st.binary(max_size=80))
def test_no_packet_is_too_odd_to_be_read(packet: bytes) -> None:
    """Whatever comes is answered by its number, or not at all."""
    answer = answer_to(packet, lambda _: True, "127.0.0.1")

    assert answer is None or answer.packet[:2] == packet[:2]


@given(st.integers(0, 10), st.integers(1, 65535), st.sampled_from([6, 17]))
def test_who_is_wanted_is_read_from_a_packet(
    options: int, port: int, protocol: int
) -> None:
    """Behind options of any length; port 443 goes without saying."""
    size = 5 + options
    head = struct.pack(">BBHHHBBH", 0x40 | size, 0, 0, 0, 0, 64, protocol, 0)
    addresses = socket.inet_aton("10.0.0.1") + socket.inet_aton("93.184.216.34")
    packet = head + addresses + bytes(4 * options) + struct.pack(">HH", 5000, port)

    host = wanted(packet)

    shown = "" if port == 443 and protocol == 6 else f":{port}"
    assert host == f"93.184.216.34{shown}" + ("/udp" if protocol == 17 else "")
    assert wanted(packet[:20]) == ""


@given(st.integers(1, 65535), st.sampled_from([6, 17]))
def test_who_is_wanted_by_ipv6_is_read_from_a_packet(port: int, protocol: int) -> None:
    """An address with colons stands in brackets before a port."""
    head = struct.pack(">IHBB", 6 << 28, 4, protocol, 64)
    addresses = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2
    packet = head + addresses + struct.pack(">HH", 5000, port)

    host = wanted(packet)

    bare = port == 443 and protocol == 6
    shown = "2001:db8::1" if bare else f"[2001:db8::1]:{port}"
    assert host == shown + ("/udp" if protocol == 17 else "")
    assert wanted(packet[:42]) == ""


def test_listening_ports_are_read_from_the_kernels_table() -> None:
    """Of both families; connections are no listeners."""
    lines = [
        "   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 1",
        "   1: 0100007F:9C40 0100007F:01BB 01 00000000:00000000 00:00000000 0 0 0 1",
        f"   2: {32 * '0'}:1F90 {32 * '0'}:0000 0A 00000000:00000000 00:0 0 0 0 1",
    ]

    assert ports_in(lines) == {443, 8080}


# --- visits ----------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(What), st.text(max_size=300)), max_size=40))
def test_every_visit_is_counted_and_nothing_hostile_is_shown(
    visits: list[tuple[What, str]],
) -> None:
    """Names come from clients and may be anything."""
    book = VisitBook()
    for what, host in visits:
        book.enter(what, host)

    assert sum(visit.count for visit in book.visits) == len(visits)
    lines = account_of(book.visits)
    assert len(lines) <= 13
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_client_that_makes_up_hosts_does_not_fill_the_memory() -> None:
    """Beyond a thousand, new ones are left out."""
    book = VisitBook()
    for number in range(5000):
        book.enter(What.ELSEWHERE, f"{number}.example")

    assert len(book.visits) == 1000


# --- the agent's environment -----------------------------------------------------


def test_an_agent_gets_no_real_key_no_address_and_trusts_the_authority_alone() -> None:
    """What the tester has in his environment stays there."""
    real = {
        "DEEPGRAM_API_KEY": "real",
        "TWILIO_AUTH_TOKEN": "real",
        "ANTHROPIC_API_KEY": "real",
        "AWS_SECRET_ACCESS_KEY": "real",
        "GOOGLE_APPLICATION_CREDENTIALS": "real",
        "MY_DB_PASSWORD": "real",
        "OPENAI_BASE_URL": "real",
        "DEEPGRAM_WEBSOCKET_URL": "real",
        "TWILIO_REGION": "real",
        "https_proxy": "real",
        "SSL_CERT_DIR": "real",
        "NODE_EXTRA_CA_CERTS": "real",
    }
    plain = {"PATH": "/bin", "HOME": "/", "AGENT_VOICE": "thalia", "KEYBOARD": "de"}

    found = agent_environment({**real, **plain}, ADDRESSES)

    assert "real" not in found.values()
    assert plain.items() <= found.items()
    assert found["SSL_CERT_FILE"] == found["NODE_EXTRA_CA_CERTS"] == "/a.pem"
    assert found["DEEPGRAM_API_KEY"] == "busyhour-deepgram-key"


# --- the authority ---------------------------------------------------------------


def test_the_authority_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """Made once, found again, readable by nobody else."""
    folder = tmp_path / "stand-in"
    first = authority_in(folder)

    assert authority_in(folder).file == first.file
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_an_authority_that_ends_is_followed_by_another(tmp_path: Path) -> None:
    """Before its end a new one is made beside it; after its end it is removed."""
    now = datetime.now(UTC)
    old = authority_in(tmp_path, now)

    soon = authority_in(tmp_path, now + LIFETIME - timedelta(days=1))

    assert soon.file != old.file
    assert old.file.exists(), "another run may still serve with it"
    assert authority_in(tmp_path, now + LIFETIME + timedelta(days=1)).file == soon.file
    assert not old.file.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_authority_is_made_anew(tmp_path: Path) -> None:
    """Without a word: nothing depends on the old one."""
    first = authority_in(tmp_path)
    first.file.write_text("no certificate")

    second = authority_in(tmp_path)

    assert second.file != first.file
    assert not first.file.exists()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """With the variable that names another."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingError, match="BUSYHOUR_CACHE"):
        authority_in(tmp_path / "file")


def test_the_container_file_names_every_host_and_keeps_the_key_from_the_agent() -> None:
    """The agent sees the certificate only."""
    authority = Path("/cache/stand-in/authority-1.pem")
    text = compose(authority, COMMON_HOSTS)

    agent = text.partition("\n  agent:\n")[2]
    assert all(f"          - {host}\n" in text for host in COMMON_HOSTS)
    assert "- /cache/stand-in/authority-1.pem:/authority.pem:ro" in agent
    assert "/cache/stand-in:" not in agent
