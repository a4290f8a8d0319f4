"""``python -m fakes``: the fakes stay up for an agent in any language."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

import msgspec

from fakes.addresses import USUAL_PORTS, Addresses
from fakes.faults import Rule, decode_rule
from fakes.world import DeepgramSettings, ModelSettings, World
from voiceutils.errors import SettingError

__all__ = ["main"]

_GUIDE = """\
The fakes are up; any key is accepted. End with Ctrl-C.

  Deepgram   {a.deepgram}   {a.deepgram_websocket}
  model      {a.model}
  control    {a.control}/__fakes/ledger

In the environment of most agents:
{environment}

deepgram-sdk for Python:
  from deepgram import DeepgramClient
  from deepgram.environment import DeepgramClientEnvironment
  client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
      base="{a.deepgram}", production="{a.deepgram_websocket}",
      agent="{a.deepgram_websocket}", agent_rest="{a.deepgram}"))

openai for Python:
  from openai import OpenAI
  client = OpenAI(api_key="any", base_url="{a.model}")

curl:
{curl}

Give each call's sid as tag=... to Deepgram and as "user" to the model: the ledger and
the faults go by it.
"""
_CURL = """\
  curl -s -o hello.ulaw '{a.deepgram}/v1/speak?model=aura-2-thalia-en&encoding=mulaw\
&sample_rate=8000&container=none' -H 'Content-Type: application/json' \
-d '{{"text":"Hello, world."}}'
  curl -sN '{a.model}/chat/completions' -H 'Content-Type: application/json' \
-d '{{"model":"busyhour-script","stream":true,"messages":[{{"role":"user",\
"content":"Where is my parcel?"}}]}}'
  curl -s '{a.control}/__fakes/ledger'
  curl -s '{a.control}/__fakes/faults' -d '{{"surface":"listen","share":0.1,\
"faults":[{{"type":"Refuse","status":503}}]}}'"""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600 seconds")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0-65535)")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fakes",
        description="Fake Deepgram and language model for phone voice agents, on "
        "127.0.0.1 only.",
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one line of JSON, nothing else")
    add(
        "--deepgram-port",
        type=_port,
        default=USUAL_PORTS.deepgram,
        help="default %(default)s, 0: any",
    )
    add(
        "--model-port",
        type=_port,
        default=USUAL_PORTS.model,
        help="default %(default)s, 0: any",
    )
    add(
        "--control-port",
        type=_port,
        default=USUAL_PORTS.control,
        help="default %(default)s, 0: any",
    )
    _add_times(parser)
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
        help='a rule such as {"surface":"listen","faults":[{"type":"Refuse"}]} '
        "(repeatable)",
    )
    return parser


def _add_times(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name, default, text in (
        ("--model-delay", 0.2, "to the model's first token"),
        ("--token-delay", 0.008, "from token to token"),
        ("--recogniser-delay", 0.12, "from the deciding audio to the result"),
        ("--speech-delay", 0.1, "to the first byte of speech"),
    ):
        add(
            name,
            type=_seconds,
            default=default,
            metavar="S",
            help=f"seconds {text}, default %(default)s",
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        rules = tuple(decode_rule(text) for text in options.fault)
        asyncio.run(_run(options, rules))
    except SettingError as error:
        print(f"python -m fakes: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _world(options: argparse.Namespace, rules: tuple[Rule, ...]) -> World:
    if options.speech_pace <= 0 or options.listen_pace < 0:
        raise SettingError("--speech-pace must be above 0, --listen-pace 0 or above")
    keys = frozenset(options.accept_key)
    return World(
        deepgram=DeepgramSettings(
            recogniser_delay=options.recogniser_delay,
            speech_delay=options.speech_delay,
            speech_pace=options.speech_pace,
            listen_pace=options.listen_pace,
            keys=keys,
        ),
        model=ModelSettings(
            first_token_delay=options.model_delay,
            token_delay=options.token_delay,
            keys=keys,
        ),
        rules=rules,
        deepgram_port=options.deepgram_port,
        model_port=options.model_port,
        control_port=options.control_port,
    )


async def _run(options: argparse.Namespace, rules: tuple[Rule, ...]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with _world(options, rules) as world:
        if options.json:
            print(msgspec.json.encode(world.addresses).decode(), flush=True)
        else:
            print(guide(world.addresses), flush=True)
        await ended.wait()


def guide(addresses: Addresses) -> str:
    """Return how to point the usual clients at the fakes."""
    environment = "\n".join(
        f"  export {name}={value}" for name, value in addresses.environment().items()
    )
    return _GUIDE.format(
        a=addresses, environment=environment, curl=_CURL.format(a=addresses)
    )


if __name__ == "__main__":
    sys.exit(main())
