"""Which addresses a load run may use: those of this machine, unless told otherwise."""

from __future__ import annotations

from collections.abc import Container
from urllib.parse import urlsplit

from fakes.loopback import is_loopback
from voiceutils.errors import SettingError

__all__ = ["ECHO", "check_agent", "check_fakes", "on_this_machine"]

SCHEMES = ("http", "https", "ws", "wss")
ECHO = "echo"
"""In place of an agent's address: the built-in echo agent."""


def check_agent(agent: str, *, allow_remote: bool, here: Container[str] = ()) -> None:
    """Refuse an agent's address that cannot be called or must not be.

    Args:
        agent: the address.
        allow_remote: whether it may be outside this machine.
        here: further names of this machine.

    Raises:
        SettingError: the scheme is wrong, the host is missing, or the address is
            outside this machine and that was not allowed.
    """
    parts = urlsplit(agent)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise SettingError(
            f"--agent {agent}: need http(s)://HOST/PATH of the voice webhook, "
            f"ws(s)://HOST/PATH of the media socket, or {ECHO}"
        )
    try:
        _ = parts.port
    except ValueError:
        raise SettingError(f"--agent {agent}: the port is not a number") from None
    known = parts.hostname in here or on_this_machine(parts.hostname)
    if not allow_remote and not known:
        raise SettingError(
            f"--agent {agent} is outside this machine. A simulated call has real side "
            "effects there (bookings, bills, messages); add --allow-remote if you "
            "own it and mean it"
        )


def check_fakes(fakes: str, agent: str, *, allow_remote: bool) -> None:
    """Refuse an address of fakes that cannot be asked or must not be.

    Raises:
        SettingError: it is no http address, it is outside this machine and that was
            not allowed, or there is no agent that could have been pointed at them.
    """
    parts = urlsplit(fakes)
    if parts.scheme != "http" or not parts.hostname:
        raise SettingError(f"--fakes {fakes}: need http://HOST:PORT")
    if not agent:
        text = f"--fakes {fakes}: say with --agent which agent was pointed at them"
        raise SettingError(text)
    if not allow_remote and not on_this_machine(parts.hostname):
        text = f"--fakes {fakes} is outside this machine; add --allow-remote if you"
        raise SettingError(f"{text} mean it: their faults and ledger are reset")


def on_this_machine(host: str) -> bool:
    """Whether ``host`` can only mean this machine; names are not looked up."""
    return host.endswith(".localhost") or is_loopback(host)
