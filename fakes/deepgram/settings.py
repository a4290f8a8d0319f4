"""What the fake Deepgram does where the real one is slow, unknown or contradictory.

Every point on which the documentation contradicts itself, or the live service, is a
setting here; its default is what was seen live.
"""

from __future__ import annotations

import msgspec

__all__ = ["DeepgramSettings"]


class DeepgramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one fake Deepgram; times in seconds.

    Attributes:
        recogniser_delay: from the audio that decides a result to the result.
        speech_delay: from the request to the first byte of audio.
        speech_pace: audio comes this many times faster than it plays.
        listen_pace: audio is heard at most this many times faster than it plays, and a
            backlog delays every later result; 0 is without limit. Documented: 1.25.
        keys: credentials to accept; empty accepts any, none included.
        input_timeout: without audio or text from the client.
        answer_timeout: without text to the client.
        keepalive_resets_answer_timeout: newer texts say so; the live service closes.
        metadata_before_net_close: whether the epilogue comes before such a close.
        unknown_model_status: 403 (seen live) or 400 (older text).
        invalid_key_code: ``INVALID_AUTH`` (live) or ``UNAUTHORIZED`` (newer model).
        unavailable_key: ``error_code`` (documented sample of 503) or ``err_code``.
        answers_configure: ConfigureSuccess; before October 2026 success was silent.
        undecodable: ``wait`` (no result, net0000) or ``close`` (1008, documented).
        finalize_answers_from: seconds of pending audio; less is not answered.
        text_limit: characters a request or Speak message.
        text_too_long_status: 413, or 422 as one guide has it.
        warning_keys: ``live`` (warn_code, warn_msg) or ``spec`` (code, description).
        flush_limit: Flush messages in ``flush_window`` on one socket.
        flush_window: seconds; a refused one is free again after it.
        characters_a_minute: on one speak socket.
        speak_lifetime: of one speak socket.
        chunk_seconds: audio in one piece of speech.
        in_flight_on_clear: pieces that still arrive after a Clear was sent.
    """

    recogniser_delay: float = 0.12
    speech_delay: float = 0.1
    speech_pace: float = 10.0
    listen_pace: float = 1.25
    keys: frozenset[str] = frozenset()
    input_timeout: float = 10.0
    answer_timeout: float = 30.0
    keepalive_resets_answer_timeout: bool = False
    metadata_before_net_close: bool = False
    unknown_model_status: int = 403
    invalid_key_code: str = "INVALID_AUTH"
    unavailable_key: str = "error_code"
    answers_configure: bool = True
    undecodable: str = "wait"
    finalize_answers_from: float = 0.1
    text_limit: int = 2000
    text_too_long_status: int = 413
    warning_keys: str = "live"
    flush_limit: int = 20
    flush_window: float = 60.0
    characters_a_minute: int = 2400
    speak_lifetime: float = 3600.0
    chunk_seconds: float = 0.2
    in_flight_on_clear: int = 1
