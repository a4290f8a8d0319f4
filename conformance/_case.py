"""What a numbered case is: a docstring in three parts, a level, a source, mutants.

A case is an ``async def`` that takes a :class:`~conformance._line.Line`, does something
to the agent through it and raises :class:`CaseFailed` when the agent falls short. The
number never changes once given: ``--case 5`` runs a chapter, ``--case 5.2`` one case.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from conformance._line import Line

__all__ = [
    "CHAPTERS",
    "FEATURES",
    "GRID_CHAPTER",
    "INFO",
    "MUST",
    "SHOULD",
    "Case",
    "CaseFailed",
    "Level",
    "Unsupported",
    "case",
    "registered",
]

_PARTS = ("Do", "Expect", "Because")
CHAPTERS = {
    1: "opening",
    2: "hearing",
    3: "speaking and pacing",
    4: "barge-in, clear, mark",
    5: "turns and order",
    6: "provider failure, retry, backoff",
    7: "hang-up and leaks",
    8: "isolation",
    9: "robustness and errors",
    10: "keepalive and timeouts",
    11: "honest metrics",
    12: "authentication and secrets",
    13: "event loop and capacity",
}
"""What the chapters are about."""

GRID_CHAPTER = 6  # provider failure
_NUMBER = re.compile(r"[1-9]\d*\.[1-9]\d*")


class Level(enum.StrEnum):
    """How binding a case is."""

    MUST = "MUST"  # callers or the bill suffer
    SHOULD = "SHOULD"  # missed: NON-STRICT, not a failure of another's agent
    INFO = "INFO"  # a figure, never a failure


# What an agent may lack, as declared by ``--without``.
FEATURES = {
    "barge-in": "the caller can interrupt it",
    "concurrent-calls": "it answers several calls at once",
    "greeting": "it speaks first",
    "hang-up": "it ends the call over Twilio's REST interface after a good-bye",
    "keypad": "it answers what was keyed in",
    "marks": "it asks to be told what has been played",
    "memory": "the model is told of earlier turns",
    "metrics": "GET /metrics tells what it measured; see conformance/README.md",
    "model": "its model can be the fake one",
    "outgoing-calls": "POST /calls has it call somebody; see conformance/README.md",
    "recogniser": "it hears through Deepgram",
    "signature": "it demands Twilio's signature when TWILIO_AUTH_TOKEN is set",
    "voice": "it speaks through Deepgram",
}

MUST, SHOULD, INFO = Level.MUST, Level.SHOULD, Level.INFO


class Case(NamedTuple):
    """One numbered case, as declared; a cell of the grid has a name for a number."""

    number: str
    level: Level
    source: str
    mutants: tuple[str, ...]
    title: str
    do: str
    expect: str
    because: str
    body: Callable[[Line], Awaitable[None]]
    needs: tuple[str, ...] = ()
    calls: int = 1

    @property
    def chapter(self) -> int:
        """The part before the point."""
        return GRID_CHAPTER if self.is_cell else int(self.number.split(".")[0])

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell of the grid, such as ``voice/greeting/refuse-503``."""
        return "/" in self.number

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts 2.10 after 2.9, and cells after the cases of their chapter."""
        if self.is_cell:
            return (GRID_CHAPTER, 1000, *self.number.encode())
        return tuple(int(part) for part in self.number.split("."))

    def selected_by(self, selector: str | None) -> bool:
        """Tell whether ``--case SELECTOR`` means this case; a cell by its beginning."""
        if self.is_cell and selector is not None and not selector.isdigit():
            return f"{self.number}/".startswith(f"{selector.rstrip('/')}/")
        return selector is None or selector in (self.number, str(self.chapter))


class CaseFailed(AssertionError):  # noqa: N818 - reads as a statement where raised
    """The agent fell short of a case.

    Attributes:
        expected: what the case asks for.
        got: what crossed the wires instead.
        trace: timed lines, seconds since the call was placed.
    """

    def __init__(
        self, number: str, expected: str, got: str, trace: tuple[str, ...] = ()
    ) -> None:
        self.expected = expected
        self.got = got
        self.trace = trace
        lines = [f"case {number}", f"  expected  {expected}", f"  got       {got}"]
        if trace:
            lines += ["  trace (seconds since the call was placed)"]
            lines += [f"    {line}" for line in trace]
        lines += [f"  reproduce  pytest conformance/agent --case {number}"]
        super().__init__("\n".join(lines))


class Unsupported(Exception):  # noqa: N818 - a verdict
    """The agent lacks what a case needs; says what, and how to have it."""


_cases: dict[str, Case] = {}


def registered() -> list[Case]:
    """Return the cases declared so far, in order of number."""
    return sorted(_cases.values(), key=lambda known: known.order)


def case(
    number: str,
    *,
    level: Level,
    source: str,
    mutants: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    calls: int = 1,
) -> Callable[[Callable[[Line], Awaitable[None]]], Callable[..., None]]:
    """Declare a numbered case; the decorated function becomes a pytest item.

    Args:
        number: ``chapter.place``, permanent.
        level: MUST, SHOULD or INFO.
        source: the public page that the requirement rests on.
        mutants: agents of ``conformance/mutants`` that this case must fail.
        needs: the ``FEATURES`` without which it cannot be put to an agent.
        calls: how many it places at once; many take several of the exchange's lines.

    Raises:
        TypeError: when the declaration or the docstring is incomplete; at import, so
            that no case without a reason can be committed.
    """

    def declare(body: Callable[[Line], Awaitable[None]]) -> Callable[..., None]:
        declared = _declared(body, number, level, source, mutants)
        if unknown := set(needs) - set(FEATURES):
            raise TypeError(f"case {number} needs unknown features: {sorted(unknown)}")
        declared = declared._replace(needs=needs, calls=calls)
        previous = _cases.setdefault(number, declared)
        if _place(previous.body) != _place(body):
            raise TypeError(
                f"case {number} is declared twice: {_place(previous.body)}"
                f" and {_place(body)}"
            )
        _cases[number] = declared

        def item(exchange: Any) -> None:
            exchange.judge(declared)

        item.__name__ = body.__name__
        item.__doc__ = body.__doc__
        item.__module__ = body.__module__
        item.case = declared  # type: ignore[attr-defined]
        return item

    return declare


def _place(body: Callable[..., object]) -> str:
    code = inspect.unwrap(body).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _declared(
    body: Callable[[Line], Awaitable[None]],
    number: str,
    level: Level,
    source: str,
    mutants: tuple[str, ...],
) -> Case:
    name = getattr(body, "__name__", repr(body))
    if not _NUMBER.fullmatch(number):
        raise TypeError(f"{name}: {number!r} is no case number; write e.g. 4.1")
    if not source.startswith("https://"):
        raise TypeError(f"case {number} ({name}) needs a source that starts https://")
    if level is MUST and not mutants:
        raise TypeError(f"case {number} ({name}) is a MUST, so it must name a mutant")
    title, parts = _parts(inspect.getdoc(body) or "")
    missing = [part for part in _PARTS if not parts.get(part)]
    if missing or not title:
        wanted = ", ".join(missing) or "a first line"
        raise TypeError(f"the docstring of case {number} ({name}) lacks {wanted}")
    return Case(
        number,
        level,
        source,
        mutants,
        title,
        parts["Do"],
        parts["Expect"],
        parts["Because"],
        body,
    )


def _parts(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its first line and its three parts, unwrapped."""
    title, _, rest = text.partition("\n")
    found: dict[str, str] = {}
    current = ""
    for line in rest.splitlines():
        head, colon, tail = line.partition(":")
        if colon and head in _PARTS:
            current = head
            found[current] = tail.strip()
        elif current:
            found[current] = f"{found[current]} {line.strip()}".strip()
    return title.strip(), found
