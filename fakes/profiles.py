"""Named settings: the latencies that Deepgram publishes, and the limits of its plans.

Figures as published, each with its page; what no page tells is left at the default.
"""

from __future__ import annotations

import msgspec

from fakes.delays import DelayModel, Spread, Uniform

__all__ = ["PLANS", "PROFILES", "Profile"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take; None leaves the default.

    Attributes:
        recogniser_delay: from the audio that decides a result to the result.
        speech_delay: from the request to the first byte of speech.
        flux_delay: from the silence that ends a turn to Flux's end of turn.
        flux_finished_seconds: how slowly Flux becomes sure of it.
        first_token_delay: from the request to the model's first token.
        sources: where it is published.
    """

    recogniser_delay: DelayModel | None = None
    speech_delay: DelayModel | None = None
    flux_delay: DelayModel | None = None
    flux_finished_seconds: float | None = None
    first_token_delay: DelayModel | None = None
    sources: tuple[str, ...] = ()


PROFILES: dict[str, Profile] = {
    # The worked example has a transcript's lag of 0.080 / 0.674 / 1.180 s (least, mean,
    # most); 0.111 s of it is the network's and 0.563 s the transcription's. Speech: the
    # aim is 0.2 s, the example 0.277 s. Flux: 0.26 s from the end of speech to the end
    # of turn; the fake is sure after 0.21 s of silence then (threshold 0.7, a whole
    # sentence), and says so 0.05 s later.
    "published": Profile(
        recogniser_delay=Spread(0.08, 0.563, 1.18),
        speech_delay=Uniform(0.2, 0.28),
        flux_delay=0.05,
        flux_finished_seconds=0.19,
        sources=(
            "https://developers.deepgram.com/docs/measuring-streaming-latency",
            "https://developers.deepgram.com/docs/text-to-speech-latency",
            "https://developers.deepgram.com/docs/flux/quickstart",
        ),
    ),
}

_LIMITS_PAGE = "https://developers.deepgram.com/reference/api-rate-limits"

# Settings of DeepgramSettings for North America, from the page above.
PLANS: dict[str, dict[str, int]] = {
    "payg": {
        "listen_connections": 150,
        "listen_requests": 50,
        "speak_connections": 45,
        "speak_requests": 15,
        "agent_connections": 45,
    },
    "growth": {
        "listen_connections": 225,
        "listen_requests": 50,
        "speak_connections": 60,
        "speak_requests": 15,
        "agent_connections": 60,
    },
}
