"""A set of fakes that belongs together: Deepgram, the model, Twilio, ledger, faults.

:class:`World` runs in the caller's event loop; :class:`~fakes.processes.WorldProcess`
and :class:`~fakes.processes.AgentProcess` run processes of their own and need none.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Self

from aiohttp import web

from fakes.addresses import Addresses, StandInAddresses
from fakes.control import ControlServer
from fakes.deepgram.server import DeepgramServer
from fakes.deepgram.settings import DeepgramSettings
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Rule
from fakes.ledger import Ledger
from fakes.llm.server import ModelServer, ModelSettings
from fakes.processes import AgentProcess, WorldProcess
from fakes.stand_in.front import missing_app
from fakes.stand_in.hosts import Provider
from fakes.stand_in.service import StandIn
from fakes.twilio.exchange.control import TwilioControl
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.exchange.switch import Switch
from fakes.twilio.rest.server import RestServer
from fakes.twilio.web.credentials import Credentials, credentials_of
from voiceutils.errors import NotConnected, SettingError

__all__ = [
    "HOST",
    "Addresses",
    "AgentProcess",
    "DeepgramSettings",
    "ModelSettings",
    "TwilioSettings",
    "World",
    "WorldProcess",
]

HOST = "127.0.0.1"


class World:
    """The fakes, started and stopped together; on this machine only unless told.

    Args:
        deepgram: how the fake Deepgram behaves.
        model: how the fake model behaves.
        rules: faults in force from the start.
        deepgram_port: 0 is any free port, here and below.
        further_deepgram_ports: where the same fake Deepgram listens, too; fault rules
            can tell the ports apart.
        model_port: of the model.
        control_port: of the control interface.
        twilio: how the fake telephone exchange behaves.
        credentials: of its account; None takes those of the environment.
        twilio_port: of its REST interface.
        stand_in: also answers for the providers' own hosts.
        host: the address of this machine on which all of them listen; whoever reaches
            it may use and command them.

    Attributes:
        ledger: what the fakes saw.
        faults: where to add rules.
        switch: puts the fake Twilio's calls through.
        deepgram_ports: every port of the fake Deepgram, once it is started.
    """

    def __init__(
        self,
        *,
        deepgram: DeepgramSettings | None = None,
        model: ModelSettings | None = None,
        rules: tuple[Rule, ...] = (),
        deepgram_port: int = 0,
        further_deepgram_ports: Sequence[int] = (),
        model_port: int = 0,
        control_port: int = 0,
        twilio: TwilioSettings | None = None,
        credentials: Credentials | None = None,
        twilio_port: int = 0,
        stand_in: StandIn | None = None,
        host: str = HOST,
    ) -> None:
        self._host = host
        self.ledger = Ledger()
        self.faults = FaultDesk(rules)
        deepgram_server = DeepgramServer(
            deepgram or DeepgramSettings(), self.ledger, self.faults
        )
        self._control = ControlServer(
            self.ledger, self.faults, deepgram_server.punctuality
        )
        model_server = ModelServer(model or ModelSettings(), self.ledger, self.faults)
        self.switch = Switch(twilio, credentials or credentials_of(os.environ))
        twilio_server = RestServer(self.switch, self.ledger, self.faults)
        control = self._control.app()
        TwilioControl(self.switch).add_to(control)
        self._stand_in = stand_in
        if stand_in is not None:
            stand_in.add_to(control)
            self._control.on_reset.append(stand_in.book.reset)
        deepgram_ports = (deepgram_port, *further_deepgram_ports)
        self._sites: tuple[tuple[str, web.Application, tuple[int, ...]], ...] = (
            ("the fake Deepgram", deepgram_server.app(), deepgram_ports),
            ("the fake model", model_server.app(), (model_port,)),
            ("the control interface", control, (control_port,)),
            ("the fake Twilio", twilio_server.app(), (twilio_port,)),
        )
        self._runners: list[web.AppRunner] = []
        self._addresses: Addresses | None = None
        self.deepgram_ports: tuple[int, ...] = ()

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
            stand_in = await self._begin_to_stand_in()
        except BaseException:
            await self.stop()
            raise
        self.deepgram_ports = tuple(ports[0])
        host = f"[{self._host}]" if ":" in self._host else self._host
        deepgram, model, control, twilio = (f"{host}:{bound[0]}" for bound in ports)
        self._addresses = Addresses(
            deepgram=f"http://{deepgram}",
            deepgram_websocket=f"ws://{deepgram}",
            model=f"http://{model}/v1",
            control=f"http://{control}",
            twilio=f"http://{twilio}",
            stand_in=stand_in,
        )
        self.switch.exchange.base = self._addresses.twilio
        self._control.addresses = self._addresses
        return self._addresses

    async def _open(
        self, name: str, app: web.Application, ports: tuple[int, ...]
    ) -> list[int]:
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5
        )
        await runner.setup()
        self._runners.append(runner)
        for port in ports:
            try:
                await web.TCPSite(runner, self._host, port, backlog=1024).start()
            except (OSError, OverflowError) as error:
                where = "" if self._host == HOST else f" at {self._host}"
                problem = _port_problem(name, port, where, error)
                raise SettingError(problem) from error
        return [address[1] for address in runner.addresses]

    async def _begin_to_stand_in(self) -> StandInAddresses | None:
        if self._stand_in is None:
            return None
        await self._open("other providers", missing_app(self._stand_in.hosts), ())
        deepgram, model, _, twilio, missing = (r.server for r in self._runners)
        servers = {
            Provider.DEEPGRAM: deepgram,
            Provider.MODEL: model,
            Provider.TWILIO: twilio,
            Provider.MISSING: missing,
        }
        fakes = {provider: server for provider, server in servers.items() if server}
        return await self._stand_in.open(fakes)

    async def stop(self) -> None:
        """Close every socket; harmless when repeated."""
        runners, self._runners = self._runners, []
        self._addresses = None
        if self._stand_in is not None:
            await self._stand_in.close()
        await self.switch.stop()
        for runner in reversed(runners):
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()


def _port_problem(name: str, port: int, where: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    what = f"port {port} for {name}{where}"
    if number == errno.EADDRINUSE:
        return f"{what} is taken; choose another, or 0 for a free one"
    if number == errno.EACCES:
        return f"{what} is not allowed; choose one above 1023"
    if number == errno.EADDRNOTAVAIL:
        return f"{what} cannot be used: this machine has no such address"
    return f"{what} cannot be used: {error}"
