"""Runs cases on one event loop in a thread of its own, several calls at a time.

A call lasts as long as a call lasts, so the cases that pytest selected are all dialled
at the start, at most ``LINES`` at once, and every pytest item waits for its own. A case
that came out late is put again, while less goes on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from conformance._acquaintance import USUAL, Acquaintance
from conformance._album import Album
from conformance._booths import Booth, Booths
from conformance._case import Case, CaseFailed
from conformance._company import Company
from conformance._first_calls import meet
from conformance._limits import Limits
from conformance._line import Line, Numbering, Unsupported
from conformance._lines import Lines
from conformance._own_agent import Launch
from conformance._records import NeedsBooth
from conformance._starvation import Starvation
from conformance._verdict import CLEAN, LATE, RUNS, Judge, Pair, Verdict
from fakes.evidence.keeper import Keeper
from fakes.speech import SpeechMode, speaking
from fakes.twilio.caller import sounds
from fakes.twilio.web.dial import Reach
from voiceutils.errors import DeadlineExceeded

__all__ = ["Exchange"]

T = TypeVar("T")

# Calls cost a few percent of a core each, fakes and agents included, so on two cores
# every frame is still on time. A case seldom lasts longer than 20 s.
LINES = 24
# A call that is set up holds up the others for some milliseconds; all of them at once
# made the first ones 90 ms late.
APART = 0.02
# A case of many calls does little else, and lines that are kept free for it stand idle:
# with one for each call, all cases took two minutes longer.
CALLS_A_LINE = 4
CASE_DEADLINE = 45.0
# Cases that must be alone wait for all the others.
VERDICT_DEADLINE = 3600.0


class Exchange:
    """All lines of a test session.

    Args:
        control: address of the fakes' control interface.
        agents: addresses by name; CLEAN is the agent under test.
        judge: tells what becomes of verdicts on the agent under test.
        numbering: where calls take their numbers from.
        reach: detours and authority, for an agent under its public name.
        launchers: how to start another process of an agent, by name.
        without: features that the agent under test is declared to lack.
        booths: for an agent of which nothing is known; None for the reference agent.
        keeper: keeps the calls of the agent under test, if anybody wants them.
        speech: how the code in the audio is written and read.
        limits: what the agent is held to.
        death: tells how the agent under test ended by itself; empty while it has not.

    Attributes:
        taken_down: the same, once a case has seen it.
        acquaintance: what the first calls told of an agent that is not ours.
    """

    def __init__(
        self,
        control: str,
        agents: dict[str, str],
        *,
        judge: Judge,
        numbering: Numbering,
        reach: Reach | None = None,
        launchers: Mapping[str, Launch] | None = None,
        without: frozenset[str] = frozenset(),
        booths: Booths | None = None,
        keeper: Keeper | None = None,
        speech: SpeechMode = "exact",
        limits: Limits | None = None,
        death: Callable[[], str] = str,
    ) -> None:
        # Now, and not while calls are under way.
        speaking(speech)
        sounds.prepare()
        self._starvation = Starvation()
        self._starvation.start()
        self._speech = speech
        self._booths = booths
        self._keeper = keeper
        self._limits = limits or Limits()
        self._death = death
        self.taken_down = ""
        self.acquaintance: Acquaintance | None = None
        self._meeting: asyncio.Future[Acquaintance] | None = None
        self._launchers = dict(launchers or {})
        self._without = without - set(judge.profile.demanded)
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        self._control = control
        self._agents = agents
        self._judge = judge
        self._numbering = numbering
        self._reach = reach or Reach()
        self._futures: dict[tuple[str, str], Future[Verdict]] = {}
        self._loop = asyncio.new_event_loop()
        most = 1 if "concurrent-calls" in self._without else LINES
        self._lines = Lines(most, apart=APART)
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="exchange", daemon=True
        )
        self._thread.start()

    def dial(self, pairs: Iterable[Pair]) -> None:
        """Start the given pairs; returns at once."""
        for pair in pairs:
            key = (pair.case.number, pair.agent)
            if key not in self._futures:
                self._futures[key] = self.submit(self._run(pair))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run anything else on the exchange's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def verdict(self, pair: Pair) -> Verdict:
        """Wait for the verdict of a pair, dialling it when nobody has.

        A surprise while the phone itself was late is INVALID, and fails the item.
        """
        self.dial([pair])
        verdict = self.awaited(pair)
        verdict.check_valid(pair.case)
        return verdict

    def judge(self, case: Case) -> None:
        """Turn the verdict on the agent under test into a pytest outcome."""
        case = self._judge.profile.applied(case)
        pair = Pair(case, CLEAN)
        self.dial([pair])
        self._judge.judge(case, self.awaited(pair))

    def told(self) -> list[str]:
        """Return lines about the agent as a whole."""
        lines = self.acquaintance.told() if self.acquaintance else []
        if self.taken_down:
            text = "cases that met it so, and those after them, had another one"
            lines.append(f"{self.taken_down}; {text}")
        return lines

    def awaited(self, pair: Pair) -> Verdict:
        """Wait for the verdict of a pair that was dialled, valid or not."""
        return self._futures[pair.case.number, pair.agent].result(VERDICT_DEADLINE)

    def close(self) -> None:
        """End all calls and the loop."""
        self._starvation.stop()
        self.submit(self._cancel_all()).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        if self._booths is not None:
            self._booths.close()

    async def _cancel_all(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, pair: Pair) -> Verdict:
        lacking = sorted(self._without.intersection(pair.case.needs))
        if lacking and pair.agent == CLEAN:
            declared = Unsupported(f"declared with --without {','.join(lacking)}")
            return Verdict(declared, 0.0, 0.0, surprises=False)
        known = await self._known(pair)
        lines = -(-pair.case.calls // CALLS_A_LINE)
        alone = known.disturbed
        for _ in range(RUNS):
            at_once = self._lines.limit
            verdict = Verdict(NeedsBooth(), 0.0, 0.0, surprises=False)
            if not alone and not self._is_down(pair):
                async with self._lines.take(lines):
                    verdict = await self._put(pair, known)
            if isinstance(verdict.failure, NeedsBooth) and self._booths is not None:
                alone = True
                async with self._booths.take(self._lines, lines) as booth:
                    verdict = await self._put(pair, known, booth)
            if verdict.lateness <= LATE:
                await self._lines.on_time()
            if verdict.is_valid or at_once == 1:  # nothing is left to be taken away
                break
            self._lines.late(time.monotonic() - verdict.seconds)
        self.verdicts[pair.case.number, pair.agent] = verdict
        return verdict

    def _is_down(self, pair: Pair) -> bool:
        """Tell whether a case has taken the agent down, and there are others of it."""
        if pair.agent != CLEAN or self._booths is None or self._booths.shared:
            return False
        self.taken_down = self.taken_down or self._death()
        return bool(self.taken_down)

    async def _known(self, pair: Pair) -> Acquaintance:
        """Return what is known of an agent; the first one to ask makes calls."""
        if self._booths is None or pair.agent != CLEAN:
            return USUAL
        if self._meeting is None:
            self._meeting = asyncio.ensure_future(self._meet())
        return await self._meeting

    async def _meet(self) -> Acquaintance:
        agent, control = self._agents[CLEAN], self._control
        calls = sum(name == CLEAN for _, name in self._futures)
        async with Line("", agent, control, self._numbering, reach=self._reach) as line:
            starved = self._starvation.worst
            self.acquaintance = await meet(line, self._lines, calls, starved)
        return self.acquaintance

    async def _put(
        self, pair: Pair, known: Acquaintance, booth: Booth | None = None
    ) -> Verdict:
        """Put a case to an agent, once."""
        case = pair.case
        began = time.monotonic()
        failure: Exception | None = None
        async with self._line(pair, known, booth) as line:
            try:
                async with asyncio.timeout(CASE_DEADLINE):
                    await case.body(line)
                    await line.check_faults_met()
            except TimeoutError:
                failure = DeadlineExceeded(f"case {case.number} to end", CASE_DEADLINE)
            except Exception as error:
                failure = error
            if failure is not None and booth is None and self._is_down(pair):
                failure = NeedsBooth()  # perhaps not its own doing
            trace = () if isinstance(failure, NeedsBooth) else tuple(await line.story())
        if isinstance(failure, CaseFailed):
            failure = CaseFailed(case.number, failure.expected, failure.got, trace)
        if line.album is not None and not isinstance(failure, NeedsBooth):
            failed = isinstance(failure, CaseFailed | DeadlineExceeded)
            await line.album.close(f"case {case.number}", failed=failed)
        surprises = self._surprises(pair, failure)
        figures = tuple(line.figures)
        now = time.monotonic()
        waited = self._starvation.worst(began, now)
        late = max(line.lateness.percentile(99) or 0.0, waited)
        took = now - began
        return Verdict(failure, took, late, surprises, figures, trace)

    def _surprises(self, pair: Pair, failure: Exception | None) -> bool:
        # Whether a fault is met in time may be the machine's doing, too; what an agent
        # of which nothing is known lacks is not.
        ours = pair.agent == CLEAN and self._judge.strict
        if isinstance(failure, NeedsBooth | Unsupported):
            return ours and isinstance(failure, Unsupported)
        if pair.agent != CLEAN:
            return failure is None
        # Nothing is expected of an agent that is not ours, so late frames may have
        # made it fail or pass.
        return failure is not None or not ours

    def _line(self, pair: Pair, known: Acquaintance, booth: Booth | None) -> Line:
        """Return a line to an agent, in a booth or beside others."""
        if booth is None:
            agent, control = self._agents[pair.agent], self._control
            launch = self._launchers.get(pair.agent)
        else:
            agent, control, launch = booth.agent, booth.control, booth.launch
        number, numbering, reach = pair.case.number, self._numbering, self._reach
        if booth is not None:
            reach = reach._replace(via={**reach.via, **booth.detours})
        kept = self._keeper if pair.agent == CLEAN else None
        line = Line(
            number,
            agent,
            control,
            numbering,
            reach=reach,
            launch=launch,
            album=Album(kept, control, agent, reach) if kept else None,
            speech=self._speech,
        )
        line.limits = self._limits
        if pair.agent == CLEAN:
            line.greets = "greeting" not in self._without
            line.without = self._without
        line.acquaintance = known
        line.company = None if booth is None else Company()
        return line
