"""Bugs in who is let in, and in what is told."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.agent.signature import signature
from voiceutils.errors import VoiceError

logger = logging.getLogger(__name__)


def _without_check(kind: str, app: Any) -> ASGIApp:
    """Serve one kind of request as if no token were set."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != kind:
            await app(scope, receive, send)
            return
        board = app.state.switchboard
        checked = board.settings
        board.settings = dataclasses.replace(checked, auth_token="")
        try:
            await app(scope, receive, send)
        finally:
            board.settings = checked

    return served


@mutant
class BelievesAnyWebhook(AgentCall):
    """Does not look at the signature of a webhook.

    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        return _without_check("http", app)


@mutant
class LeavesItsMediaSocketOpen(AgentCall):
    """Checks the webhook, and lets anybody open the media socket.

    https://github.com/openclaw/openclaw/issues/7001
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        return _without_check("websocket", app)


@mutant
class ChecksTheAddressThatItSees(AgentCall):
    """Checks the signature against the scheme that arrives behind the proxy.

    https://github.com/twilio/twilio-node/issues/924
    """

    @staticmethod
    def served(settings: AgentSettings, app: ASGIApp) -> ASGIApp:
        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope.get("headers", ()))
            if headers.get(b"x-forwarded-proto") == b"https":
                assert signature(settings.auth_token, "http://", {})
                refusal = PlainTextResponse("not signed by Twilio", 403)
                await refusal(scope, receive, send)
            else:
                await app(scope, receive, send)

        return checked


@mutant
class LogsItsKeys(AgentCall):
    """Logs the request that failed, headers and all.

    https://github.com/livekit/agents/pull/6759
    """

    async def answer(self, turn: int) -> None:
        try:
            await super().answer(turn)
        except VoiceError:
            key = self.settings.model_key
            logger.exception("request failed: Authorization: Bearer %s", key)
            raise


@mutant
class WaitsForStartForEver(AgentCall):
    """Puts no limit on the wait for ``start``.

    https://github.com/openai/openai-agents-python/pull/5110
    """

    def __init__(self, settings: AgentSettings, *arguments: Any) -> None:
        patient = dataclasses.replace(settings, start_deadline=1e6)
        super().__init__(patient, *arguments)
