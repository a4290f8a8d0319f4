"""``python -m fakes``: the fakes stay up for an agent in any language."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence

import msgspec

from fakes.addresses import Addresses
from fakes.event_loop import run
from fakes.options import parser, world_of
from fakes.stand_in.authority import authority_in, default_folder
from fakes.stand_in.guide import compose
from fakes.stand_in.guide import guide as stand_in_guide
from fakes.stand_in.hosts import read_hosts
from voiceutils.errors import SettingError

__all__ = ["main"]

_GUIDE = """\
The fakes are up; any key is accepted. End with Ctrl-C.

  Deepgram   {a.deepgram}   {a.deepgram_websocket}
  model      {a.model}
  Twilio     {a.twilio}
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

twilio for Python:
  from twilio.rest import Client
  client = Client()  # TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN as above
  client.api.base_url = "{a.twilio}"
  client.calls.create(to="+14155550100", from_="+15005550006", url=VOICE_URL)

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
  curl -s '{a.control}/__fakes/verdict'
  curl -s '{a.control}/__fakes/twilio/numbers' \
-d '{{"number":"+15005550006","voice_url":"http://127.0.0.1:8080/voice"}}'
  curl -s '{a.control}/__fakes/twilio/calls' -d '{{"from":"+14155550100"}}'
  curl -s '{a.control}/__fakes/faults' -d '{{"surface":"listen","share":0.1,\
"faults":[{{"type":"Refuse","status":503}}]}}'"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        if options.compose:
            authority = authority_in(default_folder())
            hosts = read_hosts(options.stand_in_for).named
            print(compose(authority.file, hosts), end="")
            return 0
        run(_run(options))
    except SettingError as error:
        print(f"python -m fakes: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


async def _run(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with world_of(options) as world:
        if options.json:
            print(msgspec.json.encode(world.addresses).decode(), flush=True)
        else:
            print(guide(world.addresses), flush=True)
            if world.addresses.stand_in is not None:
                print(stand_in_guide(world.addresses), flush=True)
        # What is here now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        # A full collection among 500 connections holds all of them up for 46 ms: make
        # it ten times rarer than usual. What it frees are connections that were closed.
        gc.set_threshold(700, 10, 100)
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
