"""The set that a run needs: the fakes, an agent, and proof that a call gets through."""

from __future__ import annotations

import contextlib
import logging
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from fakes.addresses import USUAL_PORTS, Addresses, Ports
from fakes.backoff.policy import Policy, declared_policy
from fakes.delays import typical
from fakes.processes import running_world, visits_at
from fakes.stand_in.visits import Visit
from fakes.twilio.caller.script import HangUp, Pause
from fakes.world import AgentProcess, ModelSettings, WorldProcess
from loadtests._addresses import ECHO
from loadtests._ledger import Ledger
from loadtests._lines import Lines, Numbers
from loadtests._options import LoadOptions
from voiceutils.errors import SettingError, VoiceError

__all__ = ["Exchange"]

log = logging.getLogger("busyhour")
# Our own questions to the fakes are no news.
logging.getLogger("httpx").setLevel(logging.WARNING)

PROBE_CALL = 0xFFFFFF
PROBE_DEADLINE = 15.0


@dataclass
class Exchange:
    """The fakes and the agent of one run; the engine is elsewhere, in each worker.

    Attributes:
        visits: who came to the providers' own hosts, or called others, and was not
            served; known once it is closed.
    """

    options: LoadOptions
    _world: WorldProcess | None = None
    _agent: AgentProcess | None = None
    numbers: Numbers | None = None
    visits: list[Visit] = field(default_factory=list)

    def open(self) -> Numbers:
        """Start what the options ask for and place a probe call.

        Raises:
            VoiceError: something did not start or answer; all that had been started
                is ended again.
        """
        try:
            url, control = self._open()
            detours = self._agent.detours if self._agent else {}
            self._probe(url, detours)
            policy = self.options.backoff or self._declared_policy()
            mix = self.options.traffic.mix.written
            self.numbers = Numbers(url, control, policy, mix, connect=detours)
            if self.options.fault_share:
                ledger = Ledger(self.numbers.control)
                ledger.refuse_some(self.options.fault_share, self.options.call_seed)
        except BaseException:
            self.close()
            raise
        return self.numbers

    def _open(self) -> tuple[str, str]:
        options = self.options
        addresses = self._fakes()
        at = f"DEEPGRAM_URL={addresses.deepgram} OPENAI_BASE_URL={addresses.model}"
        log.info("the fakes are at %s", at)
        if options.agent and options.agent != ECHO:
            return options.agent, addresses.control
        command: str | list[str] = options.agent_command
        if command and not shutil.which(shlex.split(options.agent_command)[0]):
            raise SettingError(f"--agent-command {command}: there is no such program")
        if options.agent == ECHO:
            command = [sys.executable, "-m", "fakes.echo", "--json", "--port=0"]
        agent = self._agent = AgentProcess(
            addresses,
            command or None,
            stand_in=options.stand_in is not None,
            let_through=options.let_through,
        )
        return agent.start(), addresses.control

    def _fakes(self) -> Addresses:
        """Return the fakes that are up for an agent that is, or start some."""
        options = self.options
        replies = options.model_replies
        ports = Ports(options.deepgram_port, options.model_port, 0)
        known = options.agent not in ("", ECHO) and ports == Ports(0, 0, 0)
        if options.fakes or known:
            running = running_world(options.fakes)
            if options.fakes and running is None:
                raise SettingError(f"--fakes {options.fakes}: no fakes answer there")
            if running is not None:
                for flag, given in (
                    ("--model-delay", options.model_delay),
                    ("--model-replies", options.model_replies),
                ):
                    if given:
                        text = f"{flag}: the fakes are up; give it to them"
                        raise SettingError(f"{text}, python -m fakes {flag} ...")
                return running
            ports = USUAL_PORTS
        self._world = WorldProcess(
            deepgram_port=ports.deepgram,
            model_port=ports.model,
            control_port=ports.control,
            twilio_port=ports.twilio,
            model_delay=typical(ModelSettings().first_token_delay)
            + options.model_delay,
            options=[
                f"--speech={options.speech}",
                *([f"--model-replies={replies}"] if replies else []),
            ],
            stand_in=options.stand_in,
        )
        return self._world.start()

    def _probe(self, agent: str, public: Mapping[str, str]) -> None:
        """Place one call that says nothing, so that a wrong address fails at once."""
        detours = {**self.options.connect, **public}
        authority, speech = self.options.authority, self.options.speech
        with Lines(agent, connect=detours, authority=authority, speech=speech) as lines:
            record = lines.place(
                PROBE_CALL, (Pause(0.2), HangUp()), deadline=PROBE_DEADLINE
            )
        if record.outcome != "completed":
            raise SettingError(f"no call gets through to {agent}: {record.cause}")

    def _declared_policy(self) -> Policy | None:
        """The retry policy in the agent's line of JSON, if it has one that reads."""
        declared = self._agent.declared.get("backoff") if self._agent else None
        return declared_policy(declared)

    @property
    def title(self) -> str:
        """The agent in words, for the head of the table."""
        if self.numbers is None:
            return "none"
        if self.options.agent == ECHO:
            return f"{self.numbers.agent} (echo agent)"
        if self.options.agent:
            return self.numbers.agent
        kind = "own command" if self.options.agent_command else "reference agent"
        return f"{self.numbers.agent} ({kind})"

    @property
    def sides(self) -> dict[str, tuple[int, ...]]:
        """The processes that this exchange started, by their side of the call."""
        children = (("fakes", self._world), ("agent", self._agent))
        return {
            name: (child.pid,)
            for name, child in children
            if child is not None and child.pid is not None
        }

    def trouble(self) -> str:
        """Which of the children has ended by itself, in words; empty when none has."""
        for name, child in (("the agent", self._agent), ("the fakes", self._world)):
            if child is not None and (code := child.poll()) is not None:
                last = child.errors.rpartition("\n")[2]
                # Killed by a signal it had no last words.
                said = f", last said: {last}" if last and code >= 0 else ""
                return f"{name} (pid {child.pid}) ended by itself, status {code}{said}"
        return ""

    def close(self) -> None:
        """End the children that this exchange started; harmless when repeated."""
        agent, self._agent = self._agent, None
        world, self._world = self._world, None
        if world is not None and world.poll() is None:
            with contextlib.suppress(VoiceError):  # nothing more can be known then
                self.visits += visits_at(world.addresses)
        for child in (agent, world):
            if child is not None:
                child.stop()
