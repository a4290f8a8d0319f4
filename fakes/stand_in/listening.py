"""What a process network listens on, as the kernel tells it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["listening_ports", "ports_in"]

_LISTENING = "0A"


def listening_ports(process: int) -> set[int]:
    """Return the TCP ports that are listened on in the network of a process."""
    ports: set[int] = set()
    for family in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # it has just ended, or there is no IPv6
            table = Path(f"/proc/{process}/net/{family}").read_text("ascii")
            ports |= ports_in(table.splitlines()[1:])
    return ports


def ports_in(lines: Iterable[str]) -> set[int]:
    """Return the listening ports in lines of ``/proc/net/tcp``; see proc_net_tcp."""
    ports = set()
    for line in lines:
        _, local, _, state, *_ = line.split()
        if state == _LISTENING:
            ports.add(int(local.rpartition(":")[2], 16))
    return ports
