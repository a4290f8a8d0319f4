"""The media streams of one leg on real sockets: the one that talks, and the forks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from fakes.call_record import Finding, LineEvent
from fakes.twilio.flow.orders import StreamOrder
from fakes.twilio.leg.leg import Leg
from fakes.twilio.leg.observer import StreamEvent
from fakes.twilio.media.impaired import ImpairedStream
from fakes.twilio.media.impairments import Impairment
from fakes.twilio.media.line import Line, line_kind
from fakes.twilio.media.media_fork import MediaFork
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.media.stream_core import Settings, StreamCore, StreamState
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.webhook import CallLeg
from voiceutils.budget import LatencyHistogram

__all__ = ["CallStreams", "TalkEnd", "TalkTold"]


class TalkEnd(NamedTuple):
    """How a bidirectional stream ended.

    Attributes:
        by: the agent, or the party on the line.
        code: Twilio's error number; empty for a clean end.
    """

    by: Literal["agent", "party"]
    code: str = ""
    text: str = ""


class TalkTold(NamedTuple):
    """Who is told of a bidirectional stream."""

    opened: Callable[[], None]
    ended: Callable[[TalkEnd], None]


class CallStreams:
    """Opens, carries and stops them.

    Attributes:
        talk: the bidirectional stream; the last one, when it is over.
        frames_sent: media messages on bidirectional streams that are over.
        owed: how many of them came so late that the next was due, too.
        lateness: of their frames.
        findings: of all streams that are over.
        events: of all bidirectional streams that are over.

    Args:
        call: whose streams they are.
        leg: what they listen to, and play to.
        reach: how agents are reached.
        settings: knobs of every stream.
        impairment: how bad the path to the agent is; None: not at all.
        seed: decides the sids.
        tell: called with each event of a stream.
    """

    __slots__ = (
        *("_call", "_clock", "_fork_numbers", "_forks", "_impairment", "_leg"),
        *("_numbers", "_reach", "_seed", "_settings", "_talk_line", "_talking"),
        *("_tell", "events", "findings", "frames_sent", "lateness", "owed", "talk"),
    )

    def __init__(
        self,
        call: CallLeg,
        leg: Leg,
        *,
        reach: Reach,
        settings: Settings,
        impairment: Impairment | None,
        seed: int,
        tell: Callable[[StreamEvent], None],
    ) -> None:
        self.talk: MediaStream | None = None
        self.frames_sent = 0
        self.owed = 0
        self.lateness = LatencyHistogram()
        self.findings: list[Finding] = []
        self.events: list[LineEvent] = []
        self._call = call
        self._leg = leg
        self._reach = reach
        self._settings = settings
        self._impairment = impairment
        self._seed = seed
        self._tell = tell
        self._numbers = itertools.count()
        self._fork_numbers = itertools.count(1)
        self._talk_line: Line | None = None
        self._talking: asyncio.Task[None] | None = None
        self._forks: dict[MediaFork, Line | None] = {}
        self._clock = time.monotonic

    @property
    def running(self) -> MediaStream | None:
        """The bidirectional stream that carries the audio now."""
        return self.talk if self._talk_line is not None else None

    # --- the bidirectional stream ------------------------------------------------

    def settle(self) -> None:
        """Let the leg live through all frames up to now, before anything changes it."""
        if self.talk is not None:
            self.talk.settle()
            self.talk.may_wait = 0  # what comes now may foresee nothing

    @property
    def talking(self) -> bool:
        """Whether a bidirectional stream carries the audio, or is about to."""
        return self._talking is not None

    async def talk_over(self, order: StreamOrder, told: TalkTold) -> None:
        """Carry a bidirectional stream to its end."""
        this = self._talking = asyncio.current_task()
        end = await self._run_talk(order, told.opened)
        if self._talking is this:  # neither stopped nor replaced
            self._talking = None
            told.ended(end)

    def stop_talk(self) -> None:
        """End the bidirectional stream politely, if there is one; its end is not told.

        One that was hung up half open is let go.
        """
        task, self._talking = self._talking, None
        line = self._talk_line
        if self.talk is None or line is None:
            if task is not None:
                task.cancel()  # not open yet
            return
        if self.talk.is_open:
            self.talk.hang_up("stop", self._clock())
        line.wake()
        line.release()

    async def _run_talk(
        self, order: StreamOrder, opened: Callable[[], None]
    ) -> TalkEnd:
        number = next(self._numbers)
        stream = MediaStream(
            self._call,
            self._leg,
            parameters=order.parameters,
            settings=self._settings,
            seed=self._seed,
            number=2 * number,  # forks have the odd ones
        )
        try:
            line = await self._dial(order, self._impaired(stream, number))
        except CallFailed as failure:
            self._tell_of(stream, order, "error", failure.code, str(failure))
            return TalkEnd("agent", failure.code, str(failure))
        self._talk_line = line
        self.talk = stream
        self._tell_of(stream, order, "started")
        opened()
        try:
            await line.run()
        finally:
            if self._talk_line is line:
                self._talk_line = None
            self.frames_sent += stream.frames_sent
            self.owed += stream.owed
            self.lateness.merge(stream.lateness)
            self.findings += stream.findings
            self.events += stream.events
        self._tell_end(stream, order)
        if stream.state is StreamState.ENDED_BY_AGENT:
            return TalkEnd("agent", stream.end_code, stream.end)
        return TalkEnd("party")

    # --- forks -------------------------------------------------------------------

    def new_fork(self, order: StreamOrder) -> MediaFork:
        """Return a fork that listens already; :meth:`run_fork` carries it."""
        fork = MediaFork(
            self._call,
            order,
            settings=self._settings,
            seed=self._seed,
            number=2 * next(self._fork_numbers) - 1,
        )
        self._forks[fork] = None
        self.settle()
        self._leg.fork(fork)
        return fork

    async def run_fork(self, fork: MediaFork) -> None:
        """Carry a fork to its end."""
        order = fork.order
        try:
            line = await self._dial(order, fork)
        except CallFailed as failure:
            self._tell_of(fork, order, "error", failure.code, str(failure))
            return
        else:
            self._forks[fork] = line
            fork.wake = line.wake
            self._tell_of(fork, order, "started")
            await line.run()
            self._tell_end(fork, order)
        finally:
            self.findings += fork.findings
            self._leg.unfork(fork)
            del self._forks[fork]

    def stop_fork(self, name: str) -> bool:
        """Stop a fork by its name or sid; tell whether there was one."""
        found = [f for f in self._forks if name in (f.order.name, f.stream_sid)]
        for fork in found:
            fork.stop(self._clock())
        return bool(found)

    def stop_forks(self) -> None:
        """Stop them all."""
        for fork in list(self._forks):
            fork.stop(self._clock())

    def tell_nobody(self) -> None:
        """Let go of whoever is told of events; the leg is over."""
        self._tell = _ignore

    # --- both --------------------------------------------------------------------

    async def _dial(self, order: StreamOrder, stream: StreamCore) -> Line:
        return await line_kind()(order.url, self._reach, stream, self._settings)

    def _impaired(self, stream: MediaStream, number: int) -> StreamCore:
        if self._impairment is None:
            return stream
        seed = f"{self._seed}:{self._call.call_sid}:{number}"
        return ImpairedStream(stream, self._impairment, seed=seed)

    def _tell_end(self, stream: MediaStream | MediaFork, order: StreamOrder) -> None:
        kind: Literal["error", "stopped"] = "error" if stream.end_code else "stopped"
        self._tell_of(stream, order, kind, stream.end_code, stream.end)

    def _tell_of(
        self,
        stream: MediaStream | MediaFork,
        order: StreamOrder,
        kind: Literal["started", "stopped", "error"],
        code: str = "",
        text: str = "",
    ) -> None:
        sid = stream.stream_sid
        self._tell(StreamEvent(kind, sid, order.name or sid, order, code, text))


def _ignore(_: StreamEvent) -> None:
    pass
