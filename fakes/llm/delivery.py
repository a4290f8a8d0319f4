"""Sends an answer on its schedule, and stops when the client has left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from aiohttp import ClientConnectionResetError, web

from fakes.faulty import Door
from fakes.llm.steps import Step

__all__ = ["Reply", "deliver", "json_answer"]

Schedule = Iterable[tuple[float, Step]]


class Reply(Protocol):
    """An answer in either interface."""

    def steps(self) -> Iterable[Step]:
        """Yield the events of its stream."""

    def body(self) -> bytes:
        """Return it whole."""


def json_answer(
    body: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a response of JSON."""
    return web.Response(
        status=status, body=body, headers=headers, content_type="application/json"
    )


async def deliver(
    door: Door,
    schedule: Schedule,
    began: float,
    headers: dict[str, str],
    *,
    body: Callable[[], bytes] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> web.StreamResponse:
    """Answer, and enter in the ledger how that went.

    Args:
        door: of the attempt, open.
        schedule: the events with the seconds after ``began``.
        began: monotonic seconds.
        headers: of the response.
        body: makes the whole body, where no stream is wanted.
        stopped: asked before each event whether the answer was cancelled.
    """
    complete = False
    try:
        async with door.interruption(lambda _: door.drop()):
            if body is None:
                answer = await _stream(door, schedule, began, headers, stopped)
            else:
                answer = await _whole(door, schedule, began, headers, body)
            complete = True
            return answer
    except (ConnectionError, ClientConnectionResetError):
        return web.Response(status=499)
    finally:
        door.end("fake" if complete else "client", aborted=not complete)


async def _whole(
    door: Door,
    schedule: Schedule,
    began: float,
    headers: dict[str, str],
    body: Callable[[], bytes],
) -> web.StreamResponse:
    *_, (due, _) = schedule
    await asyncio.sleep(max(0.0, began + due - time.monotonic()))
    if door.silent:
        await door.hold()
    door.attempt.first_answer_at = time.monotonic()
    return json_answer(body(), headers=headers)


async def _stream(
    door: Door,
    schedule: Schedule,
    began: float,
    headers: dict[str, str],
    stopped: Callable[[], bool],
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            **headers,
        }
    )
    response.enable_chunked_encoding()
    await response.prepare(door.request)
    for due, step in schedule:
        await asyncio.sleep(max(0.0, began + due - time.monotonic()))
        if door.silent:
            await door.hold()
        if stopped():
            break
        if step.wait != "none" and door.attempt.first_answer_at is None:
            door.attempt.first_answer_at = time.monotonic()
        await response.write(step.data)
        door.attempt.messages += 1
        door.sent()
    await response.write_eof()
    return response
