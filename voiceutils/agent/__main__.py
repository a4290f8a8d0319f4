"""Runs the reference agent: ``python -m voiceutils.agent``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence

import uvicorn

from voiceutils.agent.call import AgentCall
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings, Phrases, settings_of
from voiceutils.deepgram_stt import LASTING_SECONDS
from voiceutils.errors import SettingError

__all__ = ["main", "promised_backoff", "run"]

# Twilio sends fifty messages a second and answers pings, so this finds a dead line.
PING_SECONDS = 5.0
MOST_MESSAGE_BYTES = 64 * 1024  # Twilio's are 400
GRACE_SECONDS = 3


class _Server(uvicorn.Server):
    """Says when it serves, and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave)
        yield

    def _leave(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._announcement, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = settings_of(os.environ)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    options = _parser(settings).parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    settings = dataclasses.replace(
        settings,
        deepgram_url=options.deepgram,
        model_url=options.model,
        twilio_url=options.twilio,
        model=options.model_name,
        endpointing=options.endpointing,
        phrases=Phrases(greeting=options.greeting),
    )
    return run(settings, options.host, options.port, as_json=options.json)


def run(
    settings: AgentSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    as_json: bool = True,
    call_class: type[AgentCall] = AgentCall,
) -> int:
    """Serve until told to stop; return the exit code.

    Args:
        settings: where the providers are and how the agent behaves.
        host: address to listen on.
        port: 0 takes a free one.
        as_json: announce the addresses as one line of JSON, or in words.
        call_class: the conversation.
    """
    try:
        listener = _listener(host, port)
    except OSError as error:
        why = error.strerror or error
        print(f"cannot listen on {host}:{port}: {why}", file=sys.stderr)
        return 2
    config = uvicorn.Config(
        build_app(settings, call_class),
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    bound = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    announcement = _announcement(settings, f"{shown}:{bound}", as_json=as_json)
    _Server(config, announcement).run(sockets=[listener])
    return 0


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _announcement(settings: AgentSettings, address: str, *, as_json: bool) -> str:
    voice, media = f"http://{address}/voice", f"ws://{address}/media"
    if not as_json:
        return f"voice webhook {voice}, media socket {media}; stop with Ctrl-C"
    promised = promised_backoff(settings)
    return json.dumps({"voice": voice, "media": media, "backoff": promised})


def promised_backoff(settings: AgentSettings) -> dict[str, object]:
    """Return what the agent declares of its retries, for whoever tests it."""
    backoff = settings.backoff
    return {
        "initial": backoff.initial_delay,
        "factor": backoff.backoff_factor,
        "max_delay": backoff.max_delay,
        "jitter": backoff.jitter,
        "attempts": settings.attempts,
        "healthy": LASTING_SECONDS,
    }


def _parser(default: AgentSettings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m voiceutils.agent",
        description="A phone agent for Twilio Media Streams, Deepgram and a model.",
        epilog="Keys come from DEEPGRAM_API_KEY, OPENAI_API_KEY, TWILIO_AUTH_TOKEN. "
        "With TWILIO_ACCOUNT_SID, and TWILIO_API_KEY and TWILIO_API_SECRET or the "
        "token, calls are ended over Twilio's REST interface, too: after a good-bye.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8080, help="0 takes a free one")
    add("--deepgram", default=default.deepgram_url)
    add("--model", default=default.model_url)
    add("--twilio", default=default.twilio_url)
    add("--model-name", default=default.model)
    add("--greeting", default=default.phrases.greeting)
    add("--endpointing", type=int, default=default.endpointing, help="milliseconds")
    add("--json", action="store_true", help="announce the addresses as JSON")
    add("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
