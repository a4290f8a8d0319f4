"""Sees to whom an agent wants to connect, in a network where nobody else is."""

from __future__ import annotations

import ctypes
import socket
import struct

__all__ = ["outside_socket", "wanted"]

_IPV4 = 0x0800
_ATTACH_FILTER = 26
_TCP, _UDP = 6, 17
# Classic BPF on IPv4 without a link header. Calls in progress are not looked at: of
# what goes to 127/8 nothing, of TCP elsewhere only the first packet (SYN without ACK).
_PROGRAM = (
    (0x20, 0, 0, 16),  # the destination
    (0x54, 0, 0, 0xFF000000),
    (0x15, 8, 0, 0x7F000000),  # is this machine: drop
    (0x30, 0, 0, 9),  # the protocol
    (0x15, 5, 0, _UDP),  # keep
    (0x15, 0, 5, _TCP),  # else drop
    (0xB1, 0, 0, 0),  # over the header
    (0x50, 0, 0, 13),  # the flags
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),  # SYN alone
    (0x06, 0, 0, 64),  # keep so many bytes
    (0x06, 0, 0, 0),  # drop
)


def outside_socket() -> socket.socket:
    """Return a socket of this thread's network that reads what goes outside."""
    watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    code = b"".join(struct.pack("HBBI", *step) for step in _PROGRAM)
    room = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(_PROGRAM), ctypes.addressof(room))
    watch.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    watch.bind(("lo", _IPV4))
    watch.setblocking(False)
    return watch


def wanted(packet: bytes) -> str:
    """Return host and port that a packet is for; "" if it does not say."""
    if len(packet) < 24:
        return ""
    size = (packet[0] & 0xF) * 4
    if len(packet) < size + 4:
        return ""
    (port,) = struct.unpack_from(">H", packet, size + 2)
    host = socket.inet_ntoa(packet[16:20])
    if packet[9] == _UDP:
        return f"{host}:{port}/udp"
    return host if port == 443 else f"{host}:{port}"
