"""A place where no other host exists: namespaces of Linux, without root.

The agent keeps its process number, its user and its files. What differs: it has a
network of its own with nothing but the loopback interface, and sees another
``/etc/hosts``. Nothing outside is changed, and nothing is left when its last process
ends. (See user_namespaces(7), network_namespaces(7), mount_namespaces(7).)
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import socket
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

from voiceutils.errors import SettingError

__all__ = ["HERE", "enter_network", "make_loopback_whole", "own_files", "part_user"]

HERE = "127.0.0.1"  # where every provider is, in there

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_SIOCSIFFLAGS, _SIOCSIFADDR = 0x8914, 0x8916
_IFF_UP_AND_RUNNING = 0x41
# RFC 5737: documentation. getaddrinfo's AI_ADDRCONFIG finds no IPv4 at all on a machine
# that has 127.0.0.1 only.
_SOME_ADDRESS = "192.0.2.1"
_NETLINK_ROUTE, _NEW_ROUTE, _CREATE_AND_TELL = 0, 24, 0x405
_LOCAL_TABLE, _BOOT, _HOST_SCOPE, _LOCAL, _OUT_INTERFACE = 255, 3, 254, 2, 4
_SWITCHES = {
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}
OTHER_WAYS = (
    "other ways: HTTPS_PROXY for clients that take one, or the container file of "
    "`python -m fakes --stand-in --compose`"
)


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _why_not(doing: str, error: OSError) -> SettingError:
    off = [
        f"{switch} is {value}"
        for switch, value in _SWITCHES.items()
        if Path(switch).exists() and Path(switch).read_text("ascii").strip() == value
    ]
    why = "; ".join(off) or "a container often forbids it"
    text = f"{doing} is not allowed here: {error.strerror or error} ({why})"
    return SettingError(f"an agent cannot be kept to itself: {text}; {OTHER_WAYS}")


def part_user() -> None:
    """Become able to make namespaces; our user stays the same.

    The process must have one thread only.

    Raises:
        SettingError: the system or the kernel does not let us.
    """
    if platform.system() != "Linux":
        raise SettingError(f"namespaces are Linux' own; {OTHER_WAYS}")
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _is_mighty():
        return
    try:
        _call("unshare", CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_bytes(b"deny")
        Path("/proc/self/uid_map").write_bytes(f"{user} {user} 1".encode())
        Path("/proc/self/gid_map").write_bytes(f"{group} {group} 1".encode())
    except OSError as error:
        raise _why_not("a user namespace", error) from error


def _is_mighty() -> bool:
    """Whether we may make namespaces as we are."""
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> 21 & 1)  # CAP_SYS_ADMIN


def own_files(files: Mapping[str, str]) -> None:
    """Part from network and mounts; let files have another content, for us alone.

    Raises:
        SettingError: it is not allowed.
    """
    try:
        _call("unshare", CLONE_NEWNS | CLONE_NEWNET)
        _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        for path, content in files.items():
            there = Path(path).resolve()
            if not there.exists():
                continue  # what is missing has its default, which is this machine
            with tempfile.NamedTemporaryFile("w", encoding="utf-8") as source:
                Path(source.name).chmod(0o644)
                source.write(content)
                source.flush()
                _call("mount", source.name.encode(), bytes(there), None, _MS_BIND, None)
        for cache in ("/run/nscd", "/var/run/nscd"):  # would ask outside, by a socket
            if Path(cache).is_dir():
                _call("mount", b"none", cache.encode(), b"tmpfs", 0, None)
    except OSError as error:
        raise _why_not("a network of its own", error) from error


def enter_network(number: int) -> None:
    """Move this thread into the network of an open namespace file."""
    _call("setns", number, CLONE_NEWNET)


def make_loopback_whole() -> None:
    """Bring loopback up, and let every address of the world lead to it.

    Without the latter, a connection to an address fails before anything is sent, and
    nobody would learn of it. So it is refused by our own kernel, in sight.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.pack("16sH14x", b"lo", _IFF_UP_AND_RUNNING)
        fcntl.ioctl(control, _SIOCSIFFLAGS, flags)
        address = socket.inet_aton(_SOME_ADDRESS)
        named = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, address)
        fcntl.ioctl(control, _SIOCSIFADDR, named)
    _route_to_ourselves(socket.AF_INET)
    with contextlib.suppress(OSError):  # a kernel without IPv6 leads nowhere by it
        _route_to_ourselves(socket.AF_INET6)


def _route_to_ourselves(family: int) -> None:
    route = struct.pack(
        "BBBBBBBBI", family, 0, 0, 0, _LOCAL_TABLE, _BOOT, _HOST_SCOPE, _LOCAL, 0
    )
    out = struct.pack("HHi", 8, _OUT_INTERFACE, socket.if_nametoindex("lo"))
    size = 16 + len(route) + len(out)
    head = struct.pack("IHHII", size, _NEW_ROUTE, _CREATE_AND_TELL, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as link:
        link.send(head + route + out)
        (code,) = struct.unpack_from("i", link.recv(4096), 16)
    if code:
        raise OSError(-code, f"no route to ourselves: {os.strerror(-code)}")
