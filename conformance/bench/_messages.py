"""The messages that benchmarks read and write: one frame, one transcript."""

from __future__ import annotations

from voiceutils import mulaw
from voiceutils.wire import deepgram_listen, twilio

__all__ = ["MEDIA", "REPLY", "RESULTS", "SID"]

SID = "MZ0123456789abcdef0123456789abcdef"
MEDIA = twilio.Media(
    "1001", twilio.MediaBody("inbound", "1000", "20000", mulaw.SILENCE_FRAME), SID
)
REPLY = twilio.AgentMedia(SID, twilio.AgentPayload(mulaw.SILENCE_FRAME))
RESULTS = deepgram_listen.Results(
    channel_index=(0, 1),
    duration=1.5,
    start=3.0,
    is_final=True,
    speech_final=True,
    channel=deepgram_listen.Channel(
        (
            deepgram_listen.Alternative(
                "one two three",
                0.99,
                words=tuple(
                    deepgram_listen.Word(word, 3.0 + n, 3.4 + n, 0.99)
                    for n, word in enumerate(["one", "two", "three"])
                ),
            ),
        )
    ),
    metadata=deepgram_listen.ResultsMetadata(
        "52cc0efe-fa77-4aa7-b79c-0dda09de2f14",
        deepgram_listen.ModelInfo("general-nova-3", "2025-04-17.21547", "nova-3"),
        "40bd3654-e622-47c4-a111-63a61b23bfe8",
    ),
)
