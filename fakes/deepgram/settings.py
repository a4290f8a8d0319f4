"""What the fake Deepgram does where the real one is slow, unknown or contradictory.

Every point on which the documentation contradicts itself, or the live service, is a
setting here; its default is what was seen live.
"""

from __future__ import annotations

import msgspec

from fakes.deepgram.agent.settings import AgentSettings
from fakes.delays import DelayModel
from fakes.speech import SpeechMode

__all__ = ["DeepgramSettings"]


class DeepgramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one fake Deepgram; times in seconds.

    Attributes:
        recogniser_delay: from the audio that decides a result to the result.
        speech_delay: from the request to the first byte of audio.
        speech_pace: audio comes this many times faster than it plays.
        listen_pace: audio is heard at most this many times faster than it plays, and a
            backlog delays every later result; 0 is without limit. Documented: 1.25.
        keys: API keys to accept; empty accepts any, none included.
        input_timeout: without audio or text from the client.
        answer_timeout: without text to the client.
        keepalive_resets_answer_timeout: newer texts say so; the live service closes.
        metadata_before_net_close: whether the epilogue comes before such a close.
        unknown_model_status: 403 (seen live) or 400 (older text).
        invalid_key_code: ``INVALID_AUTH`` (live) or ``UNAUTHORIZED`` (newer model).
        unavailable_key: ``error_code`` (documented sample of 503) or ``err_code``.
        answers_configure: ConfigureSuccess; before October 2026 success was silent.
        speech: how the code in the audio is read and written: ``exact``, or ``robust``
            for agents that resample (:func:`fakes.speech.speaking`).
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
        speak_default_encoding: of a speak request that names none: ``mp3`` (schema) or
            ``linear16`` (one guide).
        speak_before_flush: whether whole sentences sound before Flush on
            ``/v1/speak``, as they always do on ``/v2/speak``.
        speak_close_drains: whether Close on ``/v1/speak`` lets audio that was flushed
            come to its end.
        speak_message_limit: bytes of one message of the client on a speak socket.
        speed_changes_audio: whether ``speed`` makes the audio shorter or longer; its
            words cannot be read from it then.
        flux_flushed_early: whether Flushed of ``/v2/speak`` comes before the rest of
            the turn's audio, as in the documented example, or after it.
        flux_interrupt_delay: from Interrupt to SpeechInterrupted.
        flux_strips_markup: whether known tags are taken out of the text of
            ``/v2/speak``, with a Warning.
        flux_delay: from the audio that decides an event of Flux to the event.
        flux_finished_seconds: how slowly Flux becomes sure after a whole sentence; with
            0.28 the default threshold is reached after 0.31 s of silence.
        flux_unfinished_seconds: the same after text without a closing mark.
        flux_unfinished_confidence: what it rises to then; below the threshold only the
            timeout ends such a turn.
        flux_highest_threshold: of eot_threshold: 1.0, or 0.9 as older texts have it.
        flux_longest_timeout: of eot_timeout_ms: 60000, or 10000 in older texts.
        flux_word_times: whether words of Flux carry start and end.
        flux_idle_timeout: without a frame from the client, pings included; of
            ``/v2/listen`` and ``/v2/speak``.
        flux_empty_frame_closes: whether an empty frame means CloseStream, as it does
            on ``/v1/listen``; unknown for Flux.
        strict_booleans: whether ``True`` in a query is a 400, as one client met; else
            it is taken and noted.
        control_in_binary: whether control messages count in binary frames too; the
            documented service takes them for audio.
        entity_wait: seconds of silence for which ``smart_format`` holds back a final
            that ends within a number.
        utterance_end_delay: of UtteranceEnd, which is late at times.
        utterance_end_minus_one: whether ``last_word_end`` is -1 when a final has
            ended the utterance before (documented); else its time (seen live).
        weak_keys: credentials that are valid but may not issue tokens.
        token_secret: signs the tokens of ``/v1/auth/grant``.
        bearer_takes_keys: whether an API key counts under ``Bearer``; live it is 401.
        project_id: of the only project.
        transcribe_delay: from the request to the answer about a recording.
        recording_limit: bytes of a recording.
        fetch_anywhere: whether recordings are fetched from other machines, too.
        callback_anywhere: whether callbacks go to other machines, too.
        callback_ports: of callbacks; empty is any. Documented: 80, 443, 8080, 8443.
        callback_retries: after a callback that was not answered with 2xx.
        callback_retry_delay: between them.
        seed: of the delays that are distributions.
        agent: of the Voice Agent.
        listen_connections: live transcriptions at once, Flux included; None here and
            below is without limit. Over a limit the handshake is refused with 429.
        listen_requests: transcriptions of recordings at once.
        speak_connections: speech sockets at once.
        speak_requests: speech requests at once.
        agent_connections: voice agents at once.
        slot_linger: for which a slot stays taken after its connection ended.
        slot_retry_after: seconds in the Retry-After of such a refusal; None: no header.
    """

    recogniser_delay: DelayModel = 0.12
    speech_delay: DelayModel = 0.1
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
    speech: SpeechMode = "exact"
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
    speak_default_encoding: str = "mp3"
    speak_before_flush: bool = False
    speak_close_drains: bool = False
    speak_message_limit: int = 65_536
    speed_changes_audio: bool = False
    flux_flushed_early: bool = True
    flux_interrupt_delay: float = 0.02
    flux_strips_markup: bool = True
    flux_delay: DelayModel = 0.05
    flux_finished_seconds: float = 0.28
    flux_unfinished_seconds: float = 0.8
    flux_unfinished_confidence: float = 1.0
    flux_highest_threshold: float = 1.0
    flux_longest_timeout: int = 60_000
    flux_word_times: bool = True
    flux_idle_timeout: float = 60.0
    flux_empty_frame_closes: bool = False
    strict_booleans: bool = False
    control_in_binary: bool = False
    entity_wait: float = 3.0
    utterance_end_delay: float = 0.0
    utterance_end_minus_one: bool = False
    weak_keys: frozenset[str] = frozenset()
    token_secret: str = "busyhour"
    bearer_takes_keys: bool = False
    project_id: str = "1a2b3c4d-0000-4000-8000-b0572b057000"
    transcribe_delay: float = 0.1
    recording_limit: int = 2 * 1024**3
    fetch_anywhere: bool = False
    callback_anywhere: bool = False
    callback_ports: frozenset[int] = frozenset()
    callback_retries: int = 10
    callback_retry_delay: float = 30.0
    seed: int = 0
    agent: AgentSettings = AgentSettings()
    listen_connections: int | None = None
    listen_requests: int | None = None
    speak_connections: int | None = None
    speak_requests: int | None = None
    agent_connections: int | None = None
    slot_linger: float = 0.0
    slot_retry_after: float | None = None
