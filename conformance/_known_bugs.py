"""Which bug of real agents, and of testers, is found by what: ``KNOWN_BUGS.md``.

``known_bugs.toml`` is written by hand; ``python -m conformance.index`` makes the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

__all__ = ["PAGE", "Bug", "Found", "Tester", "bugs_page", "read_bugs"]

LIST = Path(__file__).with_name("known_bugs.toml")
PAGE = Path(__file__).with_name("KNOWN_BUGS.md")


class Bug(msgspec.Struct, forbid_unknown_fields=True):
    """A bug of an agent.

    Attributes:
        id: permanent; not the number of a case.
        what: in a few words.
        source: where it was met.
        cases: numbers of the cases that find it.
        tests: files of our own tests, where no wire shows it; ``::name`` for one test.
        why: why there is neither.
    """

    id: str
    what: str
    source: str
    cases: list[str] = []
    tests: list[str] = []
    why: str = ""


class Tester(msgspec.Struct, forbid_unknown_fields=True):
    """An error of a tester, and the tests that keep it out of this one."""

    id: str
    what: str
    tests: list[str]


class Found(msgspec.Struct, forbid_unknown_fields=True):
    """The whole list."""

    bug: list[Bug]
    tester: list[Tester]


def read_bugs() -> Found:
    """Return the list."""
    return msgspec.toml.decode(LIST.read_bytes(), type=Found)


def bugs_page(found: Found) -> str:
    """Return the page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Found) -> Iterator[str]:
    without = sum(bool(bug.why) for bug in found.bug)
    yield "# Known bugs"
    yield ""
    yield (
        f"{len(found.bug)} bugs that real phone agents had, and what finds them here: "
        "numbered cases ([index](README.md)), or tests of the library where no wire "
        f"shows the bug. For {without} of them there is neither, and the reason stands "
        "there. Made by `python -m conformance.index` of `known_bugs.toml`."
    )
    yield ""
    yield "| | bug | found by |"
    yield "|---|---|---|"
    for bug in found.bug:
        by = [*bug.cases, *map(_link, bug.tests)]
        yield f"| {bug.id} | [{bug.what}]({bug.source}) | {', '.join(by) or bug.why} |"
    yield ""
    yield "## When the tester lies"
    yield ""
    yield "What was wrong in tools of this kind, and the tests that keep it out."
    yield ""
    yield "| | error | test |"
    yield "|---|---|---|"
    for error in found.tester:
        yield f"| {error.id} | {error.what} | {', '.join(map(_link, error.tests))} |"


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name or Path(file).name}](../{file})"
