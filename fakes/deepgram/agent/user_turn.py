"""What is sent when the user's turn is over, in the recorded order."""

from __future__ import annotations

from msgspec import UNSET

from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.agent.terms import Terms
from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.outbox import Said
from voiceutils.wire import encode
from voiceutils.wire.deepgram_agent import (
    AgentThinking,
    ConversationText,
    EndOfThought,
    History,
)

__all__ = ["turn_of_user"]


def turn_of_user(
    text: str, words: tuple[SpokenWord, ...], terms: Terms, ways: AgentSettings
) -> list[Said]:
    """Return the messages about what the user said; without words he wrote it."""
    listen = terms.listen
    many = listen.model == "flux-general-multi"
    message = ConversationText(
        "user",
        text,
        conversational_behavior="default" if ways.behavior else UNSET,
        languages_hinted=(listen.language_hints or ()) if many else UNSET,
        languages=("en",) if many else UNSET,
    )
    turn = [Said(encode(message), words or None)]
    if terms.history:
        turn.append(Said(encode(History(role="user", content=text))))
    if ways.end_of_thought:
        turn.append(Said(encode(EndOfThought())))
    if ways.thinking:
        turn.append(Said(encode(AgentThinking(f"The user said: {text}"))))
    return turn
