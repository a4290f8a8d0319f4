"""A set of fakes that belongs together: Deepgram, the model, ledger, faults, control.

:class:`World` runs in the caller's event loop; :class:`~fakes.processes.WorldProcess`
and :class:`~fakes.processes.AgentProcess` run processes of their own and need none.
"""

from __future__ import annotations

import errno
from typing import Self

from aiohttp import web

from fakes.addresses import Addresses
from fakes.control import ControlServer
from fakes.deepgram.server import DeepgramServer
from fakes.deepgram.settings import DeepgramSettings
from fakes.faults import FaultDesk, Rule
from fakes.ledger import Ledger
from fakes.llm.server import ModelServer, ModelSettings
from fakes.processes import AgentProcess, WorldProcess
from voiceutils.errors import NotConnected, SettingError

__all__ = [
    "HOST",
    "Addresses",
    "AgentProcess",
    "DeepgramSettings",
    "ModelSettings",
    "World",
    "WorldProcess",
]

HOST = "127.0.0.1"


class World:
    """The fakes, started and stopped together; bound to this machine only.

    Args:
        deepgram: how the fake Deepgram behaves.
        model: how the fake model behaves.
        rules: faults in force from the start.
        deepgram_port: 0 is any free port, here and below.
        model_port: of the model.
        control_port: of the control interface.

    Attributes:
        ledger: what the fakes saw.
        faults: where to add rules.
    """

    def __init__(
        self,
        *,
        deepgram: DeepgramSettings | None = None,
        model: ModelSettings | None = None,
        rules: tuple[Rule, ...] = (),
        deepgram_port: int = 0,
        model_port: int = 0,
        control_port: int = 0,
    ) -> None:
        self.ledger = Ledger()
        self.faults = FaultDesk(rules)
        self._control = ControlServer(self.ledger, self.faults)
        deepgram_server = DeepgramServer(
            deepgram or DeepgramSettings(), self.ledger, self.faults
        )
        model_server = ModelServer(model or ModelSettings(), self.ledger, self.faults)
        self._sites = (
            ("the fake Deepgram", deepgram_server.app(), deepgram_port),
            ("the fake model", model_server.app(), model_port),
            ("the control interface", self._control.app(), control_port),
        )
        self._runners: list[web.AppRunner] = []
        self._addresses: Addresses | None = None

    @property
    def addresses(self) -> Addresses:
        """Where the fakes listen; raises NotConnected before the start."""
        if self._addresses is None:
            raise NotConnected("the fakes are not started; await start() first")
        return self._addresses

    async def start(self) -> Addresses:
        """Start listening.

        Raises:
            SettingError: a port is taken or not allowed; nothing runs then.
        """
        try:
            ports = [await self._open(*site) for site in self._sites]
        except BaseException:
            await self.stop()
            raise
        deepgram, model, control = (f"{HOST}:{port}" for port in ports)
        self._addresses = Addresses(
            deepgram=f"http://{deepgram}",
            deepgram_websocket=f"ws://{deepgram}",
            model=f"http://{model}/v1",
            control=f"http://{control}",
        )
        self._control.addresses = self._addresses
        return self._addresses

    async def _open(self, name: str, app: web.Application, port: int) -> int:
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5
        )
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, HOST, port, backlog=1024).start()
        except (OSError, OverflowError) as error:
            raise SettingError(_port_problem(name, port, error)) from error
        bound: int = runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Close every socket; harmless when repeated."""
        runners, self._runners = self._runners, []
        self._addresses = None
        for runner in reversed(runners):
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()


def _port_problem(name: str, port: int, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} for {name} is taken; choose another, or 0 for a free one"
    if number == errno.EACCES:
        return f"port {port} for {name} is not allowed; choose one above 1023"
    return f"port {port} for {name} cannot be used: {error}"
