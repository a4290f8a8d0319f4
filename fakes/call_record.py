"""What is known of one call when it is over; the caller's side of the story.

Written by the fake phone, sent as JSON from the engine to whoever judges it. All
moments are seconds since the call was placed, except ``intended_at`` and ``placed_at``,
which are seconds of the machine's monotonic clock, so that records of several
processes on one machine, and the ledger of the fakes, share one time axis.
"""

from __future__ import annotations

import msgspec

from fakes.twilio.caller.script import ConversationStep

__all__ = [
    "ENDED_BY_TESTER",
    "CallRecord",
    "Finding",
    "LineEvent",
    "TurnRecord",
    "UtteranceHeard",
    "decode_record",
    "encode_record",
]

# The cause of calls that were cut short because the whole run ended: neither the
# agent's fault nor a completed call.
ENDED_BY_TESTER = "hung up by the tester before its end"


class Finding(msgspec.Struct, frozen=True):
    """Something Twilio would complain about, or that is worth a look.

    ``code`` is Twilio's error number (https://www.twilio.com/docs/api/errors) where
    there is one, else a word such as ``partial_frame_underrun``.
    """

    code: str
    text: str
    at: float
    evidence: str = ""


class LineEvent(msgspec.Struct, frozen=True):
    """Something that happened on the media socket beside audio.

    Attributes:
        kind: ``media`` (the first of the call came), ``mark`` (one was asked for),
            ``played`` (it went back), ``clear``, or ``key`` (the caller pressed one).
        text: the mark's name, or the key.
    """

    at: float
    kind: str
    text: str = ""


class TurnRecord(msgspec.Struct, kw_only=True):
    """One thing the caller said, and what came back; turns count from 1.

    Attributes:
        spoke_from: when the first voiced frame was sent; None when none was.
        spoke_until: when the last voiced frame was sent.
        reply_at: when the first voiced agent audio of a new utterance was heard.
        media_at: when that audio had come to the phone; None when nobody could tell.
        gap: ``reply_at - spoke_until``; negative when the agent talked over the caller.
        heard: the words heard in answer.
        awaited: whether the caller waits for a reply at all.
        barge_in: whether the agent was sounding when the caller began.
        stopped_after: seconds from ``spoke_from`` to the last old agent audio heard,
            in a barge-in.
    """

    turn: int
    said: str
    spoke_from: float | None = None
    spoke_until: float | None = None
    reply_at: float | None = None
    media_at: float | None = None
    gap: float | None = None
    heard: str = ""
    awaited: bool = True
    barge_in: bool = False
    stopped_after: float | None = None


class UtteranceHeard(msgspec.Struct, kw_only=True):
    """One coded utterance as it left the loudspeaker.

    Attributes:
        utterance: the number that the fake speech service gave it.
        frames: how many frames it was made of.
        heard: how many different frames were heard.
        lost: holes before the last frame heard.
        repeated: frames heard more than once.
        cut: whether its end was never heard (a barge-in does that, rightly).
    """

    utterance: int
    text: str
    frames: int
    heard: int
    lost: list[int]
    repeated: list[int]
    first_at: float
    last_at: float
    cut: bool


class CallRecord(msgspec.Struct, kw_only=True):
    """One call.

    Attributes:
        outcome: ``completed`` (the whole conversation was had) or ``failed``.
        cause: why it failed, in one line; empty for a completed call.
        answered_after: seconds until the media socket was open; None when it never was.
        greeting_after: seconds from then to the first agent audio heard.
        foreign: what was heard that belongs to another call; empty in a sound agent.
        frames_dropped: (turn, frame) left out on purpose (``drop_every``).
        lateness: of each frame sent, against its ideal moment, as
            ``LatencyHistogram.to_counts`` gives it; the engine's own quality.
        underruns: how often the agent's audio ran dry inside an utterance.
        events: marks, clears and keys, the first few hundred.
        script: what the caller was to do, so that the call can be placed again.
    """

    call: int
    call_sid: str
    agent: str
    outcome: str
    placed_at: float
    duration: float
    cause: str = ""
    intended_at: float | None = None
    answered_after: float | None = None
    greeting_after: float | None = None
    turns: list[TurnRecord] = msgspec.field(default_factory=list)
    utterances: list[UtteranceHeard] = msgspec.field(default_factory=list)
    foreign: list[str] = msgspec.field(default_factory=list)
    findings: list[Finding] = msgspec.field(default_factory=list)
    frames_sent: int = 0
    frames_dropped: list[tuple[int, int]] = msgspec.field(default_factory=list)
    lateness: dict[str, int] = msgspec.field(default_factory=dict)
    underruns: int = 0
    events: list[LineEvent] = msgspec.field(default_factory=list)
    script: list[ConversationStep] = msgspec.field(default_factory=list)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallRecord)


def encode_record(record: CallRecord) -> str:
    """Return a record as one line of JSON."""
    return _encoder.encode(record).decode()


def decode_record(text: str | bytes) -> CallRecord:
    """Return the record of a line that :func:`encode_record` made."""
    return _decoder.decode(text)
