"""Sees to whom an agent wants to connect, in a network where nobody else is."""

from __future__ import annotations

import ctypes
import socket
import struct

__all__ = ["outside_sockets", "wanted"]

_IPV4, _IPV6 = 0x0800, 0x86DD
_ATTACH_FILTER = 26
_TCP, _UDP = 6, 17
# Classic BPF without a link header. Calls in progress are not looked at: of what goes
# to this machine nothing, of TCP elsewhere only the first packet (SYN without ACK).
_PROGRAMS = {
    _IPV4: (
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
    ),
    _IPV6: (
        (0x20, 0, 0, 24),  # the destination, four bytes at a time
        (0x15, 0, 6, 0),
        (0x20, 0, 0, 28),
        (0x15, 0, 4, 0),
        (0x20, 0, 0, 32),
        (0x15, 0, 2, 0),
        (0x20, 0, 0, 36),
        (0x15, 7, 0, 1),  # is this machine: drop
        (0x30, 0, 0, 6),  # the protocol
        (0x15, 4, 0, _UDP),  # keep
        (0x15, 0, 4, _TCP),  # else drop
        (0x30, 0, 0, 53),  # the flags
        (0x54, 0, 0, 0x12),
        (0x15, 0, 1, 0x02),  # SYN alone
        (0x06, 0, 0, 64),  # keep so many bytes
        (0x06, 0, 0, 0),  # drop
    ),
}


def outside_sockets() -> list[socket.socket]:
    """Return sockets of this thread's network that read what goes outside."""
    return [_filtered(protocol, steps) for protocol, steps in _PROGRAMS.items()]


def _filtered(protocol: int, steps: tuple[tuple[int, ...], ...]) -> socket.socket:
    watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    room = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(room))
    watch.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    watch.bind(("lo", protocol))
    watch.setblocking(False)
    return watch


def wanted(packet: bytes) -> str:
    """Return host and port that a packet is for; "" if it does not say."""
    if len(packet) < 24:
        return ""
    if packet[0] >> 4 == 6:
        size, protocol = 40, packet[6]
        family, address = socket.AF_INET6, packet[24:40]
    else:
        size, protocol = (packet[0] & 0xF) * 4, packet[9]
        family, address = socket.AF_INET, packet[16:20]
    if len(packet) < size + 4:
        return ""
    (port,) = struct.unpack_from(">H", packet, size + 2)
    host = socket.inet_ntop(family, address)
    if protocol == _TCP and port == 443:
        return host
    place = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
    return f"{place}/udp" if protocol == _UDP else place
