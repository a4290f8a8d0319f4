"""Serves every mutant under a path of its own: ``python -m conformance.mutants``.

``python -m conformance.mutants recall`` measures which case finds which mutant.

``--json`` prints one line once serving: ``{"mutants": {"sends_no_clear": {"voice":
..., "media": ...}, ...}}``. DEEPGRAM_URL and OPENAI_BASE_URL say where the providers
are, as for ``python -m voiceutils.agent``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from conformance.mutants._registry import Mutant, registered_mutants
from voiceutils.agent.__main__ import PING_SECONDS, promised_backoff
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings, settings_of

__all__ = ["build_mutants", "main"]


def build_mutants(settings: AgentSettings, mutants: Mapping[str, Mutant]) -> Starlette:
    """Return one application with ``/<name>/voice`` and ``/<name>/media`` for each."""
    apps = {
        name: build_app(settings, call_class=mutant.call_class)
        for name, mutant in mutants.items()
    }

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for app in apps.values():  # a mounted app's own lifespan is not run
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    served: dict[str, ASGIApp] = dict(apps)
    for name, mutant in mutants.items():
        if mutant.wrapper is not None:
            served[name] = mutant.wrapper(settings, apps[name])
    routes = [Mount(f"/{name}", app=app) for name, app in served.items()]
    return Starlette(routes=routes, lifespan=lifespan)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._announcement, flush=True)


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", metavar="NAME", help="serve this mutant alone")
    options = parser.parse_args()

    settings = settings_of(os.environ)
    mutants = registered_mutants()
    if options.only:
        if options.only not in mutants:
            parser.error(f"no mutant {options.only}")
        mutants = {options.only: mutants[options.only]}
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        port = listener.getsockname()[1]
        addresses = {
            name: {
                "voice": f"http://127.0.0.1:{port}/{name}/voice",
                "media": f"ws://127.0.0.1:{port}/{name}/media",
            }
            for name in mutants
        }
        told: dict[str, object] = {
            "media": f"ws://127.0.0.1:{port}",
            "backoff": promised_backoff(settings),
        }
        if options.only:
            told |= addresses[options.only]
        shown = json.dumps({**told, "mutants": addresses})
        if not options.json:
            shown = "\n".join(f"{n}: {a['media']}" for n, a in addresses.items())
        config = uvicorn.Config(
            build_mutants(settings, mutants),
            log_level="error",
            ws="websockets-sansio",
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        _Server(config, shown).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["recall"]:  # needs what a served mutant does not
        from conformance.mutants._recall import main as measure

        sys.exit(measure(sys.argv[2:]))
    sys.exit(main())
