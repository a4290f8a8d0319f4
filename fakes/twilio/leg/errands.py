"""What a flow orders that takes its time: requests, a relay session, a dialled leg.

Each errand runs as a task of its own, reports to the flow what came of it, and wakes
whoever runs the leg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from fakes.twilio.flow.flow import Flow
from fakes.twilio.flow.orders import (
    CloseRelay,
    DialOut,
    FetchDocument,
    FetchSound,
    Fields,
    HangUpDial,
    Method,
    Noted,
    OpenRelay,
    Order,
    Send,
    SendRelay,
)
from fakes.twilio.leg.dialler import DialEnd
from fakes.twilio.leg.observer import StreamEvent
from fakes.twilio.leg.relay_socket import RelaySocket
from fakes.twilio.media.stream_callback import stream_callback
from fakes.twilio.twiml import MAX_BYTES
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.cookies import Cookies
from fakes.twilio.web.dial import Reach, dial_media
from fakes.twilio.web.fetching import Fetched, fetch
from fakes.twilio.web.webhook import (
    CallLeg,
    WebhookRequest,
    plain_request,
    request_for,
    voice_webhook,
)

__all__ = ["Errands", "Told"]

_SOUND_BYTES = 16 * 1024 * 1024
_DROPPED = 1006


class Told(NamedTuple):
    """Who is told what came of an errand.

    Attributes:
        noted: about what Twilio's debugger would list.
        changed: that the flow may have orders now.
    """

    noted: Callable[[Noted], None]
    changed: Callable[[], None]


class Errands:
    """Those of one leg.

    Attributes:
        is_up: whether the leg was answered; requests say so.

    Args:
        call: whose leg it is.
        flow: gets the answers.
        reach: how everybody is reached.
        cookies: of the account; None keeps none.
        told: see :class:`Told`.
        dial: calls somebody; returns when that is over.
    """

    __slots__ = (
        *("_asking", "_call", "_clock", "_cookies", "_dial_out", "_dialling"),
        *("_fetching", "_flow", "_reach", "_relay", "_relaying", "_sending", "_style"),
        *("_told", "is_up"),
    )

    def __init__(
        self,
        call: CallLeg,
        flow: Flow,
        *,
        reach: Reach,
        cookies: Cookies | None,
        told: Told,
        dial: Callable[[DialOut], Awaitable[DialEnd]],
    ) -> None:
        self.is_up = False
        self._call = call
        self._flow = flow
        self._reach = reach
        self._style = reach.style
        self._cookies = cookies
        self._told = told
        self._dial_out = dial
        self._clock = time.monotonic
        self._relay: RelaySocket | None = None
        self._relaying: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()

    def take(self, order: Order) -> None:
        """Set out on an order; orders of other kinds are not for errands."""
        match order:
            case FetchDocument():
                if self._fetching is not None:
                    self._fetching.cancel()  # not wanted any more
                self._fetching = self.go(self._asking, self._fetch(order))
            case FetchSound(url):
                self.go(self._asking, self._fetch_sound(url))
            case Send(url, method, fields):
                request = self._request(url, method, fields)
                self.go(self._sending, self._send(request))
            case OpenRelay(url):
                self._relaying = self.go(self._asking, self._run_relay(url))
            case SendRelay(text):
                self._send_relay(text)
            case CloseRelay():
                self._send_relay(order)
            case DialOut():
                self._dialling = self.go(self._asking, self._dial(order))
            case HangUpDial() if self._dialling is not None:
                self._dialling.cancel()
            case _:
                pass

    def call_back(self, event: StreamEvent) -> None:
        """Tell the status callback of a stream, if it has one."""
        order = event.order
        if order.status_callback:
            fields = stream_callback(event, self._call, time.time_ns())
            url, method = order.status_callback, order.status_callback_method
            request = plain_request(
                url, method, fields, self._reach.auth_token, **self._style
            )
            self.go(self._sending, self._send(request))

    async def finish(self, within: float) -> None:
        """Give up what is no longer wanted, and let callbacks be delivered.

        Args:
            within: seconds that they may take.
        """
        self._send_relay(CloseRelay(1000))
        for task in self._asking - {self._relaying}:
            task.cancel()
        left = {*self._sending, *self._asking}
        if left:
            await asyncio.wait(left, timeout=within)

    async def cancel(self) -> None:
        """Give up everything."""
        left = {*self._sending, *self._asking}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def tell_nobody(self) -> None:
        """Let go of whoever is told; the leg is over."""
        self._told = Told(_ignore, _ignore)
        self._dial_out = _nobody

    # --- one errand each ---------------------------------------------------------

    async def _fetch(self, order: FetchDocument) -> None:
        first = not self.is_up and not order.fields
        make = self._first_request if first else self._request
        try:
            found = await self._get(make(order.url, order.method, order.fields))
        except CallFailed as failure:
            now = self._clock()
            self._flow.fetch_failed(order.url, failure.code, str(failure), now)
        else:
            body, kind, url, _ = found
            self._flow.document(body, kind, url, self._clock())
        self._told.changed()

    async def _fetch_sound(self, url: str) -> None:
        request = plain_request(url, "GET", (), self._reach.auth_token)
        try:
            found = await self._get(request, limit=_SOUND_BYTES)
        except CallFailed as failure:
            self._flow.fetch_failed(url, failure.code, str(failure), self._clock())
        else:
            self._flow.sound(url, found.body, found.content_type, self._clock())
        self._told.changed()

    async def _send(self, request: WebhookRequest) -> None:
        try:
            await self._get(request)
        except CallFailed as failure:
            text = f"callback failed: {failure}"
            self._told.noted(Noted("15003", text, "warning"))

    async def _run_relay(self, url: str) -> None:
        try:
            socket = await dial_media(url, self._reach)
        except CallFailed as failure:
            self._told.noted(Noted(failure.code, str(failure)))
            self._flow.relay_closed(_DROPPED, self._clock())
            self._told.changed()
            return
        relay = self._relay = RelaySocket(socket, self._relay_received)
        self._flow.relay_opened(self._clock())
        self._told.changed()
        try:
            code = await relay.run()
        finally:
            self._relay = None
        self._flow.relay_closed(code, self._clock())
        self._told.changed()

    def _send_relay(self, message: str | CloseRelay) -> None:
        if self._relay is not None:
            self._relay.send(message)
        elif self._relaying is not None and isinstance(message, CloseRelay):
            self._relaying.cancel()  # not open yet

    def _relay_received(self, text: str) -> None:
        self._flow.relay_received(text, self._clock())
        self._told.changed()

    async def _dial(self, order: DialOut) -> None:
        try:
            end = await self._dial_out(order)
        except CallFailed as failure:
            self._told.noted(Noted(failure.code, str(failure)))
            end = DialEnd("failed")
        self._flow.dial_ended(end.status, end.call_sid, end.seconds, self._clock())
        self._told.changed()

    # --- requests and tasks ------------------------------------------------------

    def _request(self, url: str, method: Method, fields: Fields) -> WebhookRequest:
        status = "in-progress" if self.is_up else "ringing"
        token = self._reach.auth_token
        return request_for(
            self._call, url, method, status, fields, token, **self._style
        )

    def _first_request(self, url: str, method: Method, _: Fields) -> WebhookRequest:
        return voice_webhook(
            url,
            self._call,
            auth_token=self._reach.auth_token,
            issued_at=int(time.time()),
            method=method,
            **self._style,
        )

    async def _get(self, request: WebhookRequest, limit: int = MAX_BYTES) -> Fetched:
        reach = self._reach
        return await fetch(
            request,
            via=reach.via,
            cookies=self._cookies,
            anywhere=reach.anywhere,
            authority=reach.authority,
            limit=limit,
        )

    def go(
        self, among: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]
    ) -> asyncio.Task[None]:
        """Run something among other tasks; its failure ends the call."""
        task = asyncio.ensure_future(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._look_for_a_bug)
        return task

    def _look_for_a_bug(self, task: asyncio.Task[None]) -> None:
        """End the call when something here failed; nobody else would notice."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        text = f"fake Twilio failed: {type(error).__name__}: {error}"
        self._told.noted(Noted("0", text))
        self._flow.hang_up(self._clock(), "failed", text)
        self._told.changed()


def _ignore(*_: object) -> None:
    pass


async def _nobody(_: DialOut) -> DialEnd:
    return DialEnd("failed")
