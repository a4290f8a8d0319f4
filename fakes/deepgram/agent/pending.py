"""Function calls that wait for their answers."""

from __future__ import annotations

from collections.abc import Iterator

from voiceutils.wire.deepgram_agent import (
    CancelledFunction,
    FunctionCallCancelled,
    HistoryCall,
    RequestedFunction,
)
from voiceutils.wire.deepgram_agent_commands import FunctionCallResponse

__all__ = ["PendingCalls"]

_NO_FETCH = "this fake calls no endpoint; leave it out to answer on the client's side"


class PendingCalls:
    """The calls of one FunctionCallRequest.

    Functions with an endpoint fail at once: a fake calls no other server.

    Args:
        calls: what was asked for.
        asked_at: when the user's words were known.
        now: when they are asked for.
        deadline: by when all answers must have come.
    """

    def __init__(
        self,
        calls: tuple[RequestedFunction, ...],
        asked_at: float,
        now: float,
        deadline: float,
    ) -> None:
        self._calls = calls
        self.asked_at = asked_at
        self._answers: dict[str, str] = {}
        self._awaited = {call.id for call in calls if call.client_side}
        self.next_due = deadline if self._awaited else now

    def answer(self, response: FunctionCallResponse, due: float) -> bool:
        """Take an answer; the last one makes all be over at ``due``.

        Returns:
            Whether it was awaited.
        """
        open_ids = [call.id for call in self._calls if call.id in self._awaited]
        named = [
            call.id
            for call in self._calls
            if call.name == response.name and call.id in self._awaited
        ]
        # The id may be left out; then the first open call of that name is meant.
        meant = response.id or next(iter(named), None)
        if meant not in open_ids:
            return False
        self._awaited.discard(meant)
        self._answers[meant] = response.content
        if not self._awaited:
            self.next_due = min(self.next_due, due)
        return True

    def cancelled(self) -> FunctionCallCancelled:
        """Return the message that calls them off."""
        return FunctionCallCancelled(
            tuple(CancelledFunction(call.id, call.name) for call in self._calls)
        )

    def failures(self) -> Iterator[tuple[str, str]]:
        """Yield the calls without answer: name, reason."""
        for call in self._calls:
            if not call.client_side:
                yield call.name, _NO_FETCH
            elif call.id not in self._answers:
                yield call.name, "no FunctionCallResponse came in time"

    def made(self) -> tuple[HistoryCall, ...]:
        """Return the calls that were answered."""
        return tuple(
            HistoryCall(
                id=call.id,
                name=call.name,
                client_side=call.client_side,
                arguments=call.arguments,
                response=self._answers[call.id],
            )
            for call in self._calls
            if call.id in self._answers
        )
