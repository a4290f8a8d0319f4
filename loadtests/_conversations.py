"""Which conversation a call has: the usual one, or one of a mix from files."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from fakes.twilio.caller.conversation_file import WrittenConversation, draw, library
from fakes.twilio.caller.script import Conversation, conversation
from loadtests._traffic import USUAL

__all__ = ["deadline_of", "list_of_library", "script_of"]

# No turn with its reply is shorter; a caller with a holding time must not run dry.
SHORTEST_TURN = 3.0
WIDTH = 100
INDENT = 22


def script_of(
    mix: Sequence[WrittenConversation],
    call: int,
    *,
    turns: int,
    seed: int,
    holding: float | None = None,
) -> Conversation:
    """What the caller of this number does.

    Args:
        mix: conversations from files; empty for the usual one.
        call: the caller's number.
        turns: of the usual conversation, unless a holding time asks for more.
        seed: decides, with the number.
        holding: seconds that the caller stays.
    """
    written = draw(mix, call, seed) if mix else None
    if written is not None and written.name != USUAL:
        return written.script(call, seed)
    if holding is not None:
        turns = max(turns, round(holding / SHORTEST_TURN) + 1)
    return conversation(call, turns, seed)


def deadline_of(
    mix: Sequence[WrittenConversation], call: int, seed: int
) -> float | None:
    """How long the call may take by its file; None when none says so."""
    return draw(mix, call, seed).deadline if mix else None


def list_of_library() -> str:
    """The library as a person reads it: name, weight, what happens."""
    lines = []
    for written in library():
        head = f"{written.name:<16} {written.weight:>3g}  "
        lines += wrap(
            written.about,
            WIDTH,
            initial_indent=head,
            subsequent_indent=" " * INDENT,
        )
    return "\n".join(lines)
