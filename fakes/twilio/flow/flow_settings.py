"""Where the run of TwiML is not documented, contradicts what was seen, or may vary."""

from __future__ import annotations

import msgspec

__all__ = ["FlowSettings"]


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a call's flow; times in seconds.

    Attributes:
        apology: say that an application error has occurred before a call ends whose
            document cannot be had; else it ends at once.
        pause_answers: whether ``<Pause>`` as first verb answers the call; documented,
            but it was seen not to.
        strict_query: a query string in a stream's url fails with 31920 instead of
            being dropped; the documentation says that it is not supported.
        strict_scheme: ``ws://`` is refused even on this machine, as Twilio refuses it.
        fetch_patience: for the answer to a request for a document or a sound; longer
            than whoever fetches should need.
        open_patience: for a media or relay socket to open.
        record_patience: for the recording of a ``<Record>`` to be ready.
        relay_silence: after the caller's last word until a prompt is final.
        gather_auto_silence: what ``speechTimeout="auto"`` means.
        confidence: of recognised speech.
        time_limit: of the whole call; Twilio's default is four hours.
        documents_in_a_row: how many may follow each other without anything heard,
            said or waited for in between; then it is a loop.
        documents: most in one call.
        longest_sound: of a ``<Play>``; the rest is cut off.
    """

    apology: bool = True
    pause_answers: bool = True
    strict_query: bool = False
    strict_scheme: bool = False
    fetch_patience: float = 20.0
    open_patience: float = 15.0
    record_patience: float = 2.0
    relay_silence: float = 0.7
    gather_auto_silence: float = 1.0
    confidence: float = 0.95
    time_limit: float = 14_400.0
    documents_in_a_row: int = 32
    documents: int = 1000
    longest_sound: float = 600.0
