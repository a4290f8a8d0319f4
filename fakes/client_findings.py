"""What a client can do wrong towards the service, and why each matters."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

__all__ = ["FAULTS_OF_CLIENTS", "ClientFault", "ClientFinding", "Evidence"]

_RECOVERING = (
    "https://developers.deepgram.com/docs/"
    "recovering-from-connection-errors-and-timeouts-when-live-streaming-audio"
)
_KEEP_ALIVE = "https://developers.deepgram.com/docs/audio-keep-alive"
_CLOSE_STREAM = "https://developers.deepgram.com/docs/close-stream"
_LATENCY = "https://developers.deepgram.com/docs/measuring-streaming-latency"
_ERRORS = "https://developers.deepgram.com/docs/errors"
_LIMITS = "https://developers.deepgram.com/reference/api-rate-limits"
_FLUSH = "https://developers.deepgram.com/docs/tts-ws-flush"
_RETRY_AFTER = "https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"


class ClientFault(NamedTuple):
    """One way to behave badly: ``must`` breaks calls, ``should`` costs, ``info``."""

    level: str
    why: str
    source: str


FAULTS_OF_CLIENTS: dict[str, ClientFault] = {
    "keepalive_missing": ClientFault(
        "must",
        "Ten seconds without audio or a text message, and the service closes with 1011 "
        "(NET-0001); send KeepAlive every 3 to 5 seconds while there is no audio.",
        _KEEP_ALIVE,
    ),
    "control_in_binary": ClientFault(
        "must",
        "A command in a binary message is taken for audio: it keeps nothing alive and "
        "puts noise into the speech; send commands as text messages.",
        _KEEP_ALIVE,
    ),
    "empty_audio": ClientFault(
        "must",
        "An empty binary message ends the stream like CloseStream.",
        _CLOSE_STREAM,
    ),
    "frames_too_short": ClientFault(
        "should",
        "Messages below 20 ms of audio cost more than they carry; 20 to 250 ms are "
        "advised.",
        _LATENCY,
    ),
    "frames_too_long": ClientFault(
        "should",
        "Audio waits in the client until a message is full: its length is added to "
        "every transcript's delay; 20 to 250 ms are advised.",
        _LATENCY,
    ),
    "faster_than_real_time": ClientFault(
        "should",
        "Audio is heard at 1.25 times real time at the most; what comes faster queues, "
        "and every later transcript is late.",
        _RECOVERING,
    ),
    "no_farewell": ClientFault(
        "should",
        "Without CloseStream (Close on a speech socket) before the end, the results of "
        "the last audio are lost.",
        _CLOSE_STREAM,
    ),
    "words_lost": ClientFault(
        "should",
        "The client left before the final transcript of speech that it had sent.",
        _CLOSE_STREAM,
    ),
    "permanent_error_retried": ClientFault(
        "must",
        "400, 401, 402 and 403 will be answered the same way again; only a changed "
        "request or account helps.",
        _ERRORS,
    ),
    "no_backoff": ClientFault(
        "must",
        "Attempts that follow a failure at once make an overloaded service worse; the "
        "service asks for exponential backoff.",
        _LIMITS,
    ),
    "retry_after_ignored": ClientFault(
        "must",
        "The refusal said how long to wait.",
        _RETRY_AFTER,
    ),
    "storm": ClientFault(
        "must",
        "All clients came back in the same instant; random waits spread them.",
        _LIMITS,
    ),
    "text_never_flushed": ClientFault(
        "should",
        "Text without Flush (or a Close that flushes) is never spoken.",
        _FLUSH,
    ),
    "keepalive_on_flux": ClientFault(
        "must",
        "Flux knows no KeepAlive: it answers with an error and closes. Pings keep the "
        "connection alive.",
        "https://github.com/deepgram/deepgram-python-sdk/issues/649",
    ),
    "odd_request": ClientFault(
        "info",
        "The service lets this pass, but it does not do what the client seems to want.",
        "https://developers.deepgram.com/reference/speech-to-text/listen-streaming",
    ),
    "speech_discarded": ClientFault(
        "info",
        "Speech was asked for and not taken to its end; its characters are charged in "
        "full.",
        "https://deepgram.com/pricing",
    ),
}


class Evidence(msgspec.Struct, frozen=True):
    """One time that it happened; ``at`` is monotonic seconds."""

    attempt: int
    at: float
    what: str


class ClientFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the client of a group did wrong on a surface.

    Attributes:
        code: a key of :data:`FAULTS_OF_CLIENTS`.
        level: ``must``, ``should`` or ``info``.
        count: how often.
        evidence: the first times.
        why: why it matters.
        source: where that is said.
    """

    code: str
    level: str
    surface: str
    group: str
    count: int
    evidence: tuple[Evidence, ...]
    why: str
    source: str


# Checked where limits come from outside; NaN is not positive.
_Positive = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From where on conduct is a finding; times in seconds.

    Attributes:
        silence: without a message, on a surface that closes then.
        odd_frames: part of the audio messages that may be too short or too long.
        ahead: audio that may be sent ahead of 1.25 times real time.
        least_wait: between two attempts after a failure; the first retry is free.
        early: by which a client may come before Retry-After is over.
        storm: attempts after failures in any one second, all groups together.
        permanent_window: after a permanent error within which an attempt is a retry.
    """

    silence: _Positive = 10.0
    odd_frames: _Positive = 0.1
    ahead: _Positive = 5.0
    # Below what a client with a first delay of 250 ms, half as much again each time and
    # half of it jitter may come to at its second: 187 ms.
    least_wait: _Positive = 0.15
    early: _Positive = 0.05
    storm: _Count = 50
    permanent_window: _Positive = 30.0
