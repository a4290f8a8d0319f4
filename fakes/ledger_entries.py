"""The entries of the ledger; moments are seconds of the machine's monotonic clock."""

from __future__ import annotations

import msgspec

from fakes.conduct import Conduct

__all__ = ["Attempt", "CallHeard", "FaultFired", "TurnHeard", "UtteranceMade"]

NOTES_KEPT = 20
LONGEST_NOTE = 200  # characters


class Attempt(msgspec.Struct, kw_only=True):
    """One connection or request.

    Attributes:
        surface: one of :data:`fakes.faults.SURFACES`.
        at: when it reached the door.
        group: ``tag`` or ``user`` as the client gave it, else ""; on Twilio's REST
            interface the call's sid, or the number that is to be called.
        outcome: ``pending``, ``accepted`` or ``refused 503``.
        retry_after: seconds that a refusal asked to wait.
        opened: when it was let in.
        closed: when it was over.
        close_code: of the WebSocket; 1006 without close frame.
        closed_by: ``client`` or ``fake``.
        aborted: whether the client left before its answer was complete.
        first_answer_at: first message, token or byte of audio sent.
        messages: audio messages received, or tokens sent.
        answers: messages sent on a WebSocket.
        audio_bytes: audio received (listen, agent) or sent (speak).
        longest_message: bytes of the longest audio message received.
        bytes_a_second: of the audio received, as its query says; 0: not known.
        audio_seconds: of a recording, once it was decoded.
        characters: of the text to speak.
        calls: numbers of the callers heard on it; more than one is cross-talk.
        echoed: frames of agent speech received: the agent transcribes itself.
        said: what the model was asked; on Twilio's REST interface the
            method, and the path below the account.
        reply: what it answered.
        called: the tools that it called, each with its arguments.
        remembered: what it was told of its own earlier replies.
        utterances: numbers of the utterances made for it.
        conduct: how the client behaved on a WebSocket.
        notes: what was odd about it but no reason to refuse it.
    """

    id: int
    surface: str
    at: float
    group: str = ""
    outcome: str = "pending"
    retry_after: float | None = None
    opened: float | None = None
    closed: float | None = None
    close_code: int | None = None
    closed_by: str = ""
    aborted: bool = False
    first_answer_at: float | None = None
    messages: int = 0
    answers: int = 0
    audio_bytes: int = 0
    longest_message: int = 0
    bytes_a_second: float = 0.0
    audio_seconds: float = 0.0
    characters: int = 0
    calls: list[int] = msgspec.field(default_factory=list)
    echoed: int = 0
    said: str = ""
    reply: str = ""
    called: list[str] = msgspec.field(default_factory=list)
    remembered: str = ""
    utterances: list[int] = msgspec.field(default_factory=list)
    conduct: Conduct = msgspec.field(default_factory=Conduct)
    notes: list[str] = msgspec.field(default_factory=list)

    def note(self, text: str) -> None:
        """Enter something odd; beyond a limit it is dropped."""
        if len(self.notes) < NOTES_KEPT:
            self.notes.append(text[:LONGEST_NOTE])

    @property
    def refused_with(self) -> int | None:
        """The status of a refusal."""
        word, _, status = self.outcome.partition(" ")
        return int(status) if word == "refused" else None

    @property
    def open_seconds(self) -> float | None:
        """How long it was open; None while it is, or when it never was."""
        if self.opened is None or self.closed is None:
            return None
        return self.closed - self.opened


class TurnHeard(msgspec.Struct):
    """One caller turn as it reached the recogniser.

    Attributes:
        frames: how many frames the turn has.
        heard: how many different ones arrived.
        disordered: how many arrived after a later one.
        final_at: when the last final with words of the turn was sent.
        transcript: the words of the turn in finals.
    """

    turn: int
    frames: int
    heard: int
    missing: list[int]
    repeated: list[int]
    disordered: int
    first_at: float
    last_at: float
    final_at: float | None
    transcript: str


class CallHeard(msgspec.Struct):
    """All that was heard of one caller; ``connections`` are ids of attempts."""

    call: int
    turns: list[TurnHeard]
    connections: list[int]


class UtteranceMade(msgspec.Struct, kw_only=True):
    """One utterance spoken for an agent; its number is in the code of its frames.

    Attributes:
        frames: how many frames it has.
        audio_bytes: how many bytes of it were sent, without file header.
        aborted: whether it was cut by the client (gone, or Clear) or by a fault.
    """

    utterance: int
    text: str
    group: str
    attempt: int
    requested_at: float
    frames: int
    first_audio_at: float | None = None
    last_audio_at: float | None = None
    audio_bytes: int = 0
    aborted: bool = False


class FaultFired(msgspec.Struct, kw_only=True):
    """A fault that an attempt met; ``happened_at`` is None while it is awaited."""

    fault: str
    surface: str
    group: str
    attempt: int
    meant_at: float
    happened_at: float | None = None
