"""What the model is asked, whichever of its interfaces was used.

Both readers of requests (:mod:`fakes.llm.chat_request`,
:mod:`fakes.llm.responses_request`) return an :class:`Asked`; the answer depends on
nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fakes.llm.pieces import words_of

__all__ = ["Asked", "Format", "Tool", "ToolResult"]

MEMORY = 4000  # characters of its earlier replies that the ledger keeps


class Tool(NamedTuple):
    """A function that the model may call; ``parameters`` is a JSON schema."""

    name: str
    parameters: dict[str, Any]


class ToolResult(NamedTuple):
    """What came of a call of a tool."""

    tool: str
    text: str


class Format(NamedTuple):
    """The form of the text: any JSON object, or one that fits a schema."""

    schema: dict[str, Any] | None = None


class Asked(NamedTuple):
    """One question to the model.

    Attributes:
        said: the last thing that the user said, in one line.
        told: every text of the conversation, which the usage counts.
        remembered: what it tells of the model's own earlier replies.
        results: of tools, since the model last spoke; empty if the user spoke last.
        choice: ``auto``, ``none``, ``required``, or the name of the tool that must be
            called.
        parallel: whether several tools may be called at once.
        format: None is plain text.
        most_tokens: None is no limit.
        stops: texts before which the reply ends.
        prompt_extra: tokens of what is not text, such as the tools' descriptions.
    """

    model: str
    said: str = ""
    told: tuple[str, ...] = ()
    remembered: str = ""
    results: tuple[ToolResult, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    format: Format | None = None
    most_tokens: int | None = None
    stops: tuple[str, ...] = ()
    prompt_extra: int = 0

    @property
    def prompt_tokens(self) -> int:
        """What the question costs; a token is a word."""
        return sum(map(words_of, self.told)) + self.prompt_extra

    @property
    def choosable(self) -> tuple[Tool, ...]:
        """The tools that may be called."""
        if self.choice == "none":
            return ()
        if self.must_call and self.choice != "required":
            return tuple(tool for tool in self.tools if tool.name == self.choice)
        return self.tools

    @property
    def must_call(self) -> bool:
        """Whether a text alone is no answer."""
        return self.choice not in ("auto", "none")
