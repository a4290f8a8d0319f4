"""The options that ``locust -f loadtests`` understands beside Locust's own."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from fakes.backoff.policy import Policy, parse_policy
from fakes.llm.rules_file import read_replies
from fakes.speech import SpeechMode, speaking
from fakes.stand_in.hosts import read_hosts
from fakes.twilio.web.detours import read_detours
from fakes.twilio.web.trust import trusting
from loadtests._addresses import ECHO, check_agent, check_fakes
from loadtests._bounds import within
from loadtests._prometheus import check_prometheus
from loadtests._traffic import Traffic, add_traffic_options, read_traffic
from voiceutils.budget import Budget
from voiceutils.errors import SettingError

__all__ = ["COMMAND_LINE_ONLY", "LoadOptions", "add_options", "read_options"]

COMMAND_LINE_ONLY = (
    *("agent", "agent_command", "allow_remote", "connect", "authority"),
    *("stand_in", "stand_in_for", "let_through", "only_declared_hosts"),
    *("deepgram_port", "model_port", "conversations", "list_conversations"),
    *("model_replies", "fakes"),
    *("find_capacity", "max_calls", "step_time", "need_calls", "curve"),
    *("record_calls", "results", "evidence", "prometheus"),
)
"""What the web page may not change: whoever reaches it could run any command here,
call any agent, read or write any file. A search for the capacity has no web page."""


class Parser(Protocol):
    """What is needed of Locust's argument parser."""

    def add_argument_group(self, title: str) -> Any:
        """As argparse has it."""


FAULT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options, read and found sound; see `add_options` for what each one does."""

    agent: str
    agent_command: str
    stand_in: tuple[str, ...] | None
    let_through: tuple[int, ...]
    only_declared_hosts: bool
    connect: dict[str, str]
    authority: str
    turns: int
    model_delay: float
    model_replies: str
    fakes: str
    drop_every: int | None
    speech: SpeechMode
    fault_share: float
    backoff: Policy | None
    max_failed: float
    call_seed: int
    deepgram_port: int
    model_port: int
    give_up_after: int
    budgets: tuple[Budget, ...]
    traffic: Traffic
    record_calls: str
    results: str
    evidence: str
    prometheus: str


def add_options(parser: Parser) -> None:
    """Declare our options in a group of their own."""
    group = parser.add_argument_group("Phone calls")

    def add(flag: str, **how: Any) -> None:
        action = group.add_argument(flag, **how)
        # As Locust's own add_argument does, which a group does not have.
        action.include_in_web_ui = action.dest not in COMMAND_LINE_ONLY

    add(
        "--agent",
        default="",
        metavar="URL",
        help="agent to call: http(s) address of its voice webhook, or ws(s) address of "
        "its media socket; echo: the built-in one that says back what it hears and "
        "asks no provider; without it the reference agent is started",
    )
    add(
        "--agent-command",
        default="",
        metavar="CMD",
        help="command that starts the agent; fills in {port}, {deepgram} and {model}",
    )
    add(
        "--stand-in",
        action="store_true",
        help="with --agent-command: the agent finds its providers' own hosts, which "
        "are the fakes, and no others; what else it calls is listed",
    )
    add(
        "--stand-in-for",
        action="append",
        default=[],
        metavar="HOST=FAKE",
        help="answer for a further host, as deepgram, model or twilio",
    )
    add(
        "--let-through",
        action="append",
        default=[],
        type=int,
        metavar="PORT",
        help="a port of this machine that such an agent needs",
    )
    add(
        "--only-declared-hosts",
        action="store_true",
        help="miss the verdict when such an agent calls a host that nobody stands in "
        "for",
    )
    add(
        "--allow-remote",
        action="store_true",
        help="allow an agent outside this machine; its side effects are real",
    )
    add(
        "--connect",
        action="append",
        default=[],
        metavar="HOST=IP:PORT",
        help="where the host that the agent's address or TwiML names really is; its "
        "port is a plain one unless there is an --authority",
    )
    add(
        "--authority",
        default="",
        metavar="PATH",
        help="file with the certificate of the authority that signed the agent's own",
    )
    add(
        "--fakes",
        default="",
        metavar="URL",
        help="control address of fakes that are up, such as python -m fakes --bind "
        "prints it; for fakes and workers on machines of their own",
    )
    add("--turns", type=int, default=3, help="turns of each call, one barges in")
    add(
        "--model-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="added to the fake model's first token",
    )
    add(
        "--model-replies",
        default="",
        metavar="script|echo|FILE.toml",
        help="what the fake model answers: its script, what was said, or rules",
    )
    add(
        "--drop-every",
        type=int,
        default=0,
        metavar="N",
        help="do not send one caller frame in N, to see the loss found",
    )
    add(
        "--speech",
        choices=get_args(SpeechMode),
        default="exact",
        help="how speech carries its words; robust for an agent that resamples",
    )
    add(
        "--fault-share",
        type=float,
        help="share of calls refused twice at Deepgram's door (0 to 1); default "
        f"{FAULT_SHARE:g}, with --stand-in 0, since such an agent names no call",
    )
    add(
        "--backoff",
        default="",
        metavar="POLICY",
        help="what the agent promises of its retries, as "
        "initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5",
    )
    add(
        "--max-failed",
        type=float,
        default=0.0,
        metavar="PERCENT",
        help="share of calls that may fail",
    )
    add(
        "--call-seed", type=int, default=1, help="what callers say and who meets faults"
    )
    add(
        "--deepgram-port",
        type=int,
        default=0,
        help="of the fakes; 0: the usual one for an --agent, else any",
    )
    add("--model-port", type=int, default=0, help="likewise")
    add(
        "--give-up-after",
        type=int,
        default=50,
        metavar="N",
        help="end the run after N failed calls in a row",
    )
    _add_budgets(add)
    _add_outputs(add)
    add_traffic_options(add)


def _add_budgets(add: Any) -> None:
    for flag, default, what in (
        ("--turn-gap-target", 885.0, "median turn gap"),
        ("--turn-gap-limit", 1100.0, "p95 of the turn gap"),
        ("--greeting-limit", None, "p95 from answer to greeting"),
        ("--barge-in-limit", None, "p95 from barge-in to silence"),
    ):
        add(flag, type=float, default=default, metavar="MS", help=f"budget: {what}")


def _add_outputs(add: Any) -> None:
    for flag, what in (
        ("--record-calls", "append the record of each call, a line of JSON, to a file"),
        ("--results", "write verdict and figures as JSON to a file at the end"),
        (
            "--prometheus",
            "keep the run's metrics in a file, in Prometheus' text format",
        ),
        ("--evidence", "folder for a trace, recordings of calls and an HTML report"),
    ):
        add(flag, default="", metavar="PATH", help=what)


def read_options(namespace: Namespace, budgets: Sequence[Budget]) -> LoadOptions:
    """Read and check the options that Locust parsed.

    Args:
        namespace: what Locust parsed.
        budgets: the budgets that hold where no option says otherwise.

    Raises:
        SettingError: an option cannot work; the message says why.
    """
    agent = (namespace.agent or "").strip()
    command = (namespace.agent_command or "").strip()
    if agent and command:
        raise SettingError("--agent and --agent-command exclude each other")
    if namespace.stand_in and not command:
        raise SettingError("--stand-in needs --agent-command: it starts the agent")
    further = tuple(namespace.stand_in_for or ())
    read_hosts(further)
    allow_remote = bool(namespace.allow_remote)
    detours = read_detours(namespace.connect or (), allow_remote=allow_remote)
    if namespace.authority:
        trusting(namespace.authority)
    if agent and agent != ECHO:
        check_agent(agent, allow_remote=allow_remote, here=detours)
    if namespace.prometheus:
        check_prometheus()
    if namespace.fakes:
        check_fakes(namespace.fakes, agent, allow_remote=allow_remote)
    within("--turns", namespace.turns, 1, 200)
    within("--model-delay", namespace.model_delay, 0, 60)
    share = namespace.fault_share
    if share in (None, ""):  # the web page sends what had no value as text
        share = 0.0 if namespace.stand_in else FAULT_SHARE
    share = float(share)
    within("--fault-share", share, 0, 1)
    within("--max-failed", namespace.max_failed, 0, 100)
    within("--give-up-after", namespace.give_up_after, 1, 1_000_000)
    within("--deepgram-port", namespace.deepgram_port, 0, 65535)
    within("--model-port", namespace.model_port, 0, 65535)
    within("--drop-every", namespace.drop_every, 0, 1_000_000)
    if namespace.drop_every == 1:
        raise SettingError("--drop-every 1 would send no frame at all")
    speech: SpeechMode = namespace.speech or "exact"
    if speech != "exact" and namespace.drop_every:
        raise SettingError(
            "--drop-every needs --speech exact, which tells frames apart"
        )
    speaking(speech)  # a package that is missing is told before the run
    policy = namespace.backoff or ""
    if namespace.model_replies:
        try:
            read_replies(namespace.model_replies)
        except SettingError as error:
            raise SettingError(f"--model-replies: {error}") from None
    return LoadOptions(
        agent=agent,
        agent_command=command,
        stand_in=further if namespace.stand_in else None,
        let_through=tuple(namespace.let_through or ()),
        only_declared_hosts=bool(namespace.only_declared_hosts),
        connect=detours,
        authority=namespace.authority or "",
        turns=namespace.turns,
        model_delay=namespace.model_delay,
        model_replies=namespace.model_replies or "",
        fakes=namespace.fakes or "",
        drop_every=namespace.drop_every or None,
        speech=speech,
        fault_share=share,
        backoff=parse_policy(policy) if policy else None,
        max_failed=namespace.max_failed / 100,
        call_seed=namespace.call_seed,
        deepgram_port=namespace.deepgram_port,
        model_port=namespace.model_port,
        give_up_after=namespace.give_up_after,
        budgets=_read_budgets(namespace, budgets),
        traffic=read_traffic(namespace),
        record_calls=namespace.record_calls or "",
        results=namespace.results or "",
        evidence=namespace.evidence or "",
        prometheus=namespace.prometheus or "",
    )


def _read_budgets(
    namespace: Namespace, budgets: Sequence[Budget]
) -> tuple[Budget, ...]:
    asked = (
        ("greeting", 95.0, namespace.greeting_limit),
        ("turn_gap", 50.0, namespace.turn_gap_target),
        ("turn_gap", 95.0, namespace.turn_gap_limit),
        ("barge_in", 95.0, namespace.barge_in_limit),
    )
    chosen = {(budget.name, budget.percentile): budget for budget in budgets}
    for name, percentile, limit in asked:
        if limit not in (None, ""):
            try:
                limit = float(limit)  # the web page sends what had no value as text
            except ValueError:
                raise SettingError(f"budget {name}: {limit!r} is no number") from None
            within(f"budget {name}", limit, 0.001, 600_000)
            budget = Budget(name, percentile, limit / 1000)
            chosen[name, percentile] = budget
    return tuple(chosen[key] for key in sorted(chosen))
