r"""``python -m conformance.selfcheck.limited_agent``: an agent whose capacity is known.

The reference agent, which answers late as soon as more calls than its limit are up. A
search for the capacity must find that limit::

    locust -f loadtests --find-capacity --headless --max-calls 30 --turns 1 \
      --agent-command 'python -m conformance.selfcheck.limited_agent --port {port}'
"""

from __future__ import annotations

import argparse
import asyncio
import os

import uvicorn

from voiceutils.agent.__main__ import PING_SECONDS
from voiceutils.agent.call import AgentCall
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings

__all__ = ["limited", "main"]


def limited(limit: int, late: float) -> type[AgentCall]:
    """Return a conversation that is slow while more than ``limit`` of its kind are up.

    Args:
        limit: how many calls it holds well.
        late: seconds by which it answers later beyond that.
    """

    class LimitedCall(AgentCall):
        up = 0

        async def run(self) -> None:
            LimitedCall.up += 1
            try:
                await super().run()
            finally:
                LimitedCall.up -= 1

        async def answer(self, turn: int) -> None:
            if LimitedCall.up > limit:
                await asyncio.sleep(late)
            await super().answer(turn)

    return LimitedCall


def main() -> None:
    """Serve until SIGTERM; the providers are those of the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.selfcheck.limited_agent"
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--limit", type=int, default=12, help="calls, default 12")
    parser.add_argument("--late", type=float, default=2.0, help="seconds, default 2")
    options = parser.parse_args()
    settings = AgentSettings(
        deepgram_url=os.environ["DEEPGRAM_URL"],
        deepgram_key=os.environ["DEEPGRAM_API_KEY"],
        model_url=os.environ["OPENAI_BASE_URL"],
        model_key=os.environ["OPENAI_API_KEY"],
    )
    uvicorn.run(
        build_app(settings, call_class=limited(options.limit, options.late)),
        host="127.0.0.1",
        port=options.port,
        log_level="error",
        ws="websockets-sansio",
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
