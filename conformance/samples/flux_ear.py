"""The reference agent with Flux as its recogniser, /v2/listen.

::

    pytest conformance/agent --agent-command 'python -m conformance.samples.flux_ear'
"""

from __future__ import annotations

import sys
from urllib.parse import urlencode

from conformance.samples._reference import serve_variant
from voiceutils._http import websocket_base
from voiceutils._listen_link import Link, open_websocket
from voiceutils.agent.call import AgentCall
from voiceutils.deepgram_stt import DeepgramSTTService
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire import encode
from voiceutils.wire.deepgram_flux import TurnInfo, decode_from_flux
from voiceutils.wire.deepgram_listen import (
    Alternative,
    Channel,
    CloseStream,
    Results,
    SpeechStarted,
)

_CLOSE_STREAM = encode(CloseStream())


class FluxLink:
    """A link to Flux that the service takes for one to /v1/listen.

    Flux knows neither KeepAlive nor Finalize and answers them with an error.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.transport = getattr(link, "transport", None)

    async def send(self, message: str | bytes, /) -> None:
        """Send audio and the farewell."""
        if isinstance(message, bytes) or message == _CLOSE_STREAM:
            await self._link.send(message)

    async def recv(self) -> str | bytes:
        """Return what was said of a turn, as /v1/listen would say it."""
        while True:
            event = decode_from_flux(await self._link.recv())
            if isinstance(event, TurnInfo):
                return encode(_said(event))

    async def close(self) -> None:
        """Close with a handshake."""
        await self._link.close()


def _said(turn: TurnInfo) -> Results | SpeechStarted:
    if turn.event == "StartOfTurn" and not turn.transcript:
        return SpeechStarted((0,), turn.audio_window_start)
    ended = turn.event == "EndOfTurn"
    return Results(
        channel_index=(0, 1),
        start=turn.audio_window_start,
        duration=turn.audio_window_end - turn.audio_window_start,
        is_final=ended,
        speech_final=ended,
        channel=Channel((Alternative(turn.transcript),)),
    )


class FluxCall(AgentCall):
    """Listens with Flux."""

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        query: dict[str, object] = {"model": "flux-general-en", "encoding": "mulaw"}
        query |= {"sample_rate": SAMPLE_RATE} | ({"tag": call_sid} if call_sid else {})
        base = websocket_base(self.settings.deepgram_url)

        async def open_flux(_: str, headers: dict[str, str]) -> Link:
            url = f"{base}/v2/listen?{urlencode(query)}"
            return FluxLink(await open_websocket(url, headers))

        return DeepgramSTTService(
            self.settings.deepgram_key,
            url=self.settings.deepgram_url,
            initial_delay=self.settings.backoff.initial_delay,
            open_link=open_flux,
        )


if __name__ == "__main__":
    sys.exit(serve_variant(FluxCall))
