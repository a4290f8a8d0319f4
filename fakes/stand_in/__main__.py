"""``python -m fakes.stand_in -- COMMAND``: run an agent where only the fakes are.

The fakes must be up with ``python -m fakes --stand-in``. The command keeps this
process's number, user, folder and files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import urllib.request
from collections.abc import Mapping, Sequence

import msgspec

from fakes.addresses import USUAL_PORTS, Addresses
from fakes.stand_in.environment import agent_environment
from fakes.stand_in.gatekeeper import keep_gate
from fakes.stand_in.namespace import HERE, own_files, part_user
from voiceutils.errors import NotConnected, SettingError, VoiceError

__all__ = ["main"]

_ANSWER_SECONDS = 5.0
_LONGEST_WORD = 4096
_OPEN = b"open"


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the agent; returns only when that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        _become(options)
    except VoiceError as error:
        print(f"python -m fakes.stand_in: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m fakes.stand_in",
        description="Runs an agent where the providers' hosts are the fakes and no "
        "other host exists. Start `python -m fakes --stand-in` first.",
    )
    add = made.add_argument
    add(
        "--control",
        metavar="URL",
        default=f"http://127.0.0.1:{USUAL_PORTS.control}",
        help="control interface of the fakes, default %(default)s",
    )
    add(
        "--let-through",
        action="append",
        default=[],
        type=int,
        metavar="PORT",
        help="a port of this machine that the agent needs, such as that of its "
        "database (repeatable)",
    )
    add(
        "--environment-as-is",
        action="store_true",
        help="leave addresses and credentials in the environment",
    )
    add("command", nargs="+", metavar="COMMAND", help="after --, with its arguments")
    return made


def _become(options: argparse.Namespace) -> None:
    addresses = _addresses(options.control)
    if addresses.stand_in is None:
        text = f"the fakes at {options.control} stand in for nobody"
        raise SettingError(f"{text}; start them with --stand-in")
    program = shutil.which(options.command[0])
    if program is None:
        raise SettingError(f"{options.command[0]}: there is no such program")
    environment = dict(os.environ)
    if not options.environment_as_is:
        environment = agent_environment(environment, addresses)
    part_user()
    _open_gate(addresses, tuple(options.let_through))
    try:
        os.execve(program, options.command, environment)
    except OSError as error:
        text = f"{program} cannot be started: {error.strerror}"
        raise SettingError(text) from error


def _addresses(control: str) -> Addresses:
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    try:
        with ask(f"{control}/__fakes/addresses", timeout=_ANSWER_SECONDS) as answer:
            return msgspec.json.decode(answer.read(), type=Addresses)
    except (OSError, ValueError) as error:
        text = f"no fakes at {control}: {error}"
        raise NotConnected(f"{text}; start `python -m fakes --stand-in`") from error


def _open_gate(addresses: Addresses, through: tuple[int, ...]) -> None:
    """Part from the network, with a gatekeeper that stays in both."""
    assert addresses.stand_in is not None
    agent = os.getpid()
    ours, his = socket.socketpair()
    # Twice, so that the agent has no child that it did not start.
    if (between := os.fork()) == 0:
        if os.fork() == 0:
            ours.close()
            os._exit(_keep_gate(his, agent, addresses, through))
        os._exit(0)
    os.waitpid(between, 0)
    his.close()
    own_files(_files(addresses.stand_in.hosts))
    with ours:
        ours.sendall(_OPEN)
        if (said := ours.recv(_LONGEST_WORD)) != _OPEN:
            raise NotConnected(said.decode() or "the gatekeeper ended at its start")


def _keep_gate(
    line: socket.socket, agent: int, addresses: Addresses, through: tuple[int, ...]
) -> int:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # whoever reads the agent's output waits for its end
        os.dup2(nowhere, number)

    def ready() -> None:
        line.sendall(_OPEN)
        line.close()

    try:
        if line.recv(len(_OPEN)) == _OPEN:
            keep_gate(agent, addresses, through, ready)
    except Exception as error:
        if line.fileno() >= 0:
            line.sendall(str(error).encode()[:_LONGEST_WORD])
        return 1
    return 0


def _files(hosts: Sequence[str]) -> Mapping[str, str]:
    """Return the files that decide where a name leads."""
    us = socket.gethostname()
    lines = [f"{HERE} localhost {us}", "::1 localhost", *(f"{HERE} {h}" for h in hosts)]
    return {
        "/etc/hosts": "\n".join(lines) + "\n",
        "/etc/resolv.conf": f"nameserver {HERE}\noptions timeout:1 attempts:1\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }


if __name__ == "__main__":
    sys.exit(main())
