"""Bugs in how calls are placed and ended over Twilio's REST interface."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.outgoing import OutgoingCall, OutgoingCalls
from voiceutils.agent.settings import AgentSettings
from voiceutils.errors import ProviderError, VoiceError
from voiceutils.twilio_calls import TwilioCalls


@mutant
class HangsUpTwice(AgentCall):
    """Hangs up for the end of the conversation, and for the end of the pipeline.

    Both ends led to it: https://github.com/pipecat-ai/pipecat/blob/main/CHANGELOG.md
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        await asyncio.gather(*(calls.hang_up(self.call_sid) for _ in range(2)))


@mutant
class LetsAHangUpFail(AgentCall):
    """Asks once, and leaves it at a line in the log.

    The call went on without anybody: https://github.com/pipecat-ai/pipecat/pull/4349
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        try:
            await calls._hang_up(self.call_sid)
        except VoiceError as failure:
            self.report(str(failure))


@mutant
class HurriesItsHangUp(AgentCall):
    """Keeps to its own delays, whatever the refusal says.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        for _ in range(8):
            try:
                await calls._hang_up(self.call_sid)
                break
            except ProviderError:
                await asyncio.sleep(0.3)
        self.end_call(1000)


@mutant
class WaitsForEverToHangUp(AgentCall):
    """Has no deadline for the answer to its hang-up.

    The call went on without anybody: https://github.com/pipecat-ai/pipecat/pull/4349
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        patient = copy.copy(calls)
        patient._deadline = 3600.0
        await super().hang_up_over_rest(patient)


@mutant
class TakesAnEndedCallForAFailure(AgentCall):
    """Tries again when Twilio says that there is no such call any more.

    404 with 20404 was raised as an error:
    https://github.com/pipecat-ai/pipecat/blob/main/CHANGELOG.md
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        url = f"{calls._calls}/{self.call_sid}.json"
        for _ in range(3):
            answer = await calls._ask("POST", url, {"Status": "completed"})
            if answer.is_success:
                break
            await asyncio.sleep(0.3)
        self.end_call(1000)


@mutant
class HangsUpForEver(AgentCall):
    """Takes every refusal for a passing one.

    The call went on without anybody: https://github.com/pipecat-ai/pipecat/pull/4349
    """

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        while not self._ended.done():
            try:
                await calls.hang_up(self.call_sid)
                break
            except VoiceError:
                await asyncio.sleep(0.3)


def _calling_out(app: ASGIApp, change: Callable[[OutgoingCalls], None]) -> ASGIApp:
    """Return the agent with what places its calls changed, which begins with it."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        change(app.state.switchboard.outgoing)  # type: ignore[attr-defined]
        await app(scope, receive, send)

    return changed


class _Redials(TwilioCalls):
    async def place(self, to: str, caller: str, twiml: str) -> str:
        form = {"To": to, "From": caller, "Twiml": twiml}
        return await self._retried(lambda: self._place(form), "call", _whatever)


def _whatever(_: Exception) -> bool:
    return True


@mutant
class DialsAgainWhenTheAnswerIsLost(AgentCall):
    """Takes an answer that did not come for a call that was not placed.

    Twilio had accepted it: https://github.com/elizaOS/eliza/pull/24838
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        def redial(outgoing: OutgoingCalls) -> None:
            outgoing.calls.__class__ = _Redials

        return _calling_out(app, redial)


class _ToldByCallbacks(OutgoingCalls):
    async def watch(self, record: OutgoingCall) -> None:
        pass

    def stream_ended(self, call_sid: str, placement: str) -> None:
        pass


@mutant
class WaitsForACallback(AgentCall):
    """Ends the record of a call when Twilio tells so, which it does not.

    TwiML in the request: https://github.com/openclaw/openclaw/pull/1180
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        def wait(outgoing: OutgoingCalls) -> None:
            outgoing.__class__ = _ToldByCallbacks

        return _calling_out(app, wait)
