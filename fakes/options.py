"""The options of ``python -m fakes``, and the world that they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from fakes import option_types
from fakes.addresses import USUAL_PORTS
from fakes.deepgram.agent.settings import AgentSettings
from fakes.fault_rules import decode_rule
from fakes.llm.rules import Replies
from fakes.profiles import PLANS, PROFILES
from fakes.speech import SpeechMode
from fakes.stand_in.hosts import read_hosts
from fakes.stand_in.service import StandIn
from fakes.world import HOST, DeepgramSettings, ModelSettings, World
from voiceutils.errors import SettingError

__all__ = ["parser", "world_of"]

_DELAYS = {
    "recogniser_delay": "from the deciding audio to the result",
    "speech_delay": "to the first byte of speech",
    "first_token_delay": "to the model's first token",
    "token_delay": "of the model from token to token",
}
_OPTION_OF = {"first_token_delay": "--model-delay"}
_LIMITS = {
    "listen_connections": "live transcriptions, Flux included",
    "listen_requests": "transcriptions of recordings",
    "speak_connections": "speech sockets",
    "speak_requests": "speech requests",
    "agent_connections": "voice agents",
}
_MOST_PORTS = 16


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m fakes",
        description="Fake Deepgram, language model and Twilio for phone voice "
        "agents, on 127.0.0.1 unless told otherwise.",
    )
    add = made.add_argument
    add("--json", action="store_true", help="print one line of JSON, nothing else")
    add(
        "--deepgram-port",
        type=option_types.port,
        action="append",
        metavar="PORT",
        help=f"default {USUAL_PORTS.deepgram}, 0: any; repeatable: further "
        "ports of the same fake, which fault rules can tell apart",
    )
    for name, port in (
        ("--model-port", USUAL_PORTS.model),
        ("--control-port", USUAL_PORTS.control),
        ("--twilio-port", USUAL_PORTS.twilio),
    ):
        help_text = f"default {port}, 0: any"
        add(name, type=option_types.port, default=port, metavar="PORT", help=help_text)
    add(
        "--bind",
        type=option_types.address,
        default=HOST,
        metavar="ADDRESS",
        help="address of this machine to listen on, default %(default)s; on any other, "
        "whoever reaches it may use and command the fakes: there is no password",
    )
    _add_stand_in(made)
    _add_model(made)
    _add_times(made)
    _add_limits(made)
    add(
        "--accept-key",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this key only (repeatable); without it any is accepted",
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="JSON",
        help='a rule such as {"surface":"listen","faults":[{"type":"Refuse"}]} or '
        '{"surface":"listen","script":"half-open"} (repeatable)',
    )
    return made


def _add_stand_in(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "standing in", "For agents that have their providers' hosts in the code."
    )
    add = group.add_argument
    add(
        "--stand-in",
        action="store_true",
        help="answer for api.deepgram.com, api.twilio.com, api.openai.com and others "
        "over TLS, and print how to lead an agent here",
    )
    add(
        "--stand-in-for",
        action="append",
        default=[],
        metavar="HOST=FAKE",
        help="answer for a further host, as deepgram, model or twilio (repeatable)",
    )
    add(
        "--stand-in-address",
        default="127.0.0.1",
        metavar="IP",
        help="where its TLS port is bound; another than %(default)s, in a container",
    )
    add(
        "--compose",
        action="store_true",
        help="print a container-compose file for this and end",
    )
    for name, port in (
        ("--stand-in-port", USUAL_PORTS.stand_in),
        ("--proxy-port", USUAL_PORTS.proxy),
    ):
        help_text = f"default {port}, 0: any"
        add(name, type=option_types.port, default=port, metavar="PORT", help=help_text)


def _stand_in(options: argparse.Namespace) -> StandIn | None:
    hosts = read_hosts(options.stand_in_for)
    if not options.stand_in and not options.stand_in_for:
        return None
    port, proxy_port = options.stand_in_port, options.proxy_port
    address = options.stand_in_address
    return StandIn(hosts, address=address, port=port, proxy_port=proxy_port)


def _add_model(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("model", "What the language model answers.")
    add = group.add_argument
    add(
        "--model-replies",
        type=option_types.replies,
        default=Replies(),
        metavar="script|echo|FILE.toml",
        help="the script (default), what was said, or rules; see fakes/README.md",
    )
    add(
        "--model-name",
        action="append",
        default=[],
        metavar="NAME",
        help="know this model only (repeatable); without it any name is known",
    )
    add(
        "--context-window",
        type=option_types.count,
        default=0,
        metavar="TOKENS",
        help="the most words of a question; default: no limit",
    )


def _add_times(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add(
        "--profile",
        choices=sorted(PROFILES),
        help="latencies as the providers publish them; single delays go before it",
    )
    defaults = {**_values(DeepgramSettings()), **_values(ModelSettings())}
    for name, text in _DELAYS.items():
        add(
            _OPTION_OF.get(name, "--" + name.replace("_", "-")),
            dest=name,
            type=option_types.delay,
            metavar="S",
            help=f"seconds {text}, or uniform:LOW,HIGH, lognormal:P50,P95, "
            f"spread:LEAST,MEAN,MOST; default {defaults[name]}",
        )
    add(
        "--voice-agent",
        type=option_types.voice_agent,
        default=AgentSettings(),
        metavar="JSON",
        help='settings of the Voice Agent, such as {"think_delay":0.2}',
    )
    add(
        "--seed",
        type=int,
        default=0,
        help="of the delays that vary, default %(default)s",
    )
    add(
        "--speech",
        choices=get_args(SpeechMode),
        default="exact",
        help="how speech carries its words: exact, or robust for agents that resample "
        "(needs busyhour[robust]); default %(default)s",
    )
    add(
        "--speech-pace",
        type=float,
        default=10.0,
        metavar="X",
        help="speech comes X times faster than it plays, default %(default)s",
    )
    add(
        "--listen-pace",
        type=float,
        default=1.25,
        metavar="X",
        help="audio is heard at most X times faster than it plays, 0: no limit, "
        "default %(default)s",
    )


def _add_limits(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "limits", "How many at once; over it the handshake is refused with 429."
    )
    add = group.add_argument
    add("--plan", choices=sorted(PLANS), help="the limits of one of Deepgram's plans")
    for name, text in _LIMITS.items():
        option = "--" + name.replace("_", "-")
        add(
            option,
            type=option_types.count,
            metavar="N",
            help=f"{text}; default: no limit",
        )
    add(
        "--slot-linger",
        type=option_types.delay,
        default=0.0,
        metavar="S",
        help="seconds for which a slot stays taken after its connection ended",
    )
    add(
        "--slot-retry-after",
        type=option_types.delay,
        metavar="S",
        help="seconds in the Retry-After header of a 429; default: no header",
    )


def _values(settings: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(settings)


def world_of(options: argparse.Namespace) -> World:
    """Return the world that the options ask for; raises SettingError."""
    if options.speech_pace <= 0 or options.listen_pace < 0:
        raise SettingError("--speech-pace must be above 0, --listen-pace 0 or above")
    rules = tuple(decode_rule(text) for text in options.fault)
    shared = {"keys": frozenset(options.accept_key), "seed": options.seed}
    deepgram = {
        "speech": options.speech,
        "speech_pace": options.speech_pace,
        "listen_pace": options.listen_pace,
        "agent": options.voice_agent,
        **_limits(options),
    }
    ports: Sequence[int] = options.deepgram_port or (USUAL_PORTS.deepgram,)
    if len(ports) > _MOST_PORTS:
        raise SettingError(f"--deepgram-port: {_MOST_PORTS} ports at the most")
    return World(
        deepgram=_with_delays(DeepgramSettings(**shared, **deepgram), options),
        model=_with_delays(
            ModelSettings(
                **shared,
                replies=options.model_replies,
                models=tuple(options.model_name),
                context_window=options.context_window,
            ),
            options,
        ),
        rules=rules,
        deepgram_port=ports[0],
        further_deepgram_ports=ports[1:],
        model_port=options.model_port,
        control_port=options.control_port,
        twilio_port=options.twilio_port,
        stand_in=_stand_in(options),
        host=options.bind,
    )


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    limits: dict[str, Any] = dict(PLANS[options.plan]) if options.plan else {}
    for name in _LIMITS:
        value = getattr(options, name)
        if value is not None:
            limits[name] = value
    for name in ("slot_linger", "slot_retry_after"):
        value = getattr(options, name)
        if not isinstance(value, float | None):
            raise SettingError(f"--{name.replace('_', '-')} is one number of seconds")
        limits[name] = value
    return limits


def _with_delays(settings: Any, options: argparse.Namespace) -> Any:
    """Return the settings with the delays of the profile and of single options."""
    known = _values(settings)
    profile = _values(PROFILES[options.profile]) if options.profile else {}
    single = {name: getattr(options, name) for name in _DELAYS}
    wanted = {
        name: value
        for source in (profile, single)
        for name, value in source.items()
        if value is not None and name in known
    }
    return msgspec.structs.replace(settings, **wanted)
