"""Bugs in how a call is ended over Twilio's REST interface."""

from __future__ import annotations

import asyncio
import copy

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
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
