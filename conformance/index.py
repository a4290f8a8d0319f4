"""``python -m conformance.index``: write the tables that READMEs quote.

The index of cases goes into ``conformance/README.md``, the table of the fakes' judges
into ``fakes/README.md``, what finds which known bug into ``conformance/KNOWN_BUGS.md``.
With ``--check`` nothing is written; the exit code is 1 when something is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from conformance import _index, _known_bugs
from conformance.fidelity import _judges

__all__ = ["main"]


def main() -> int:
    """Renew the tables, or check them."""
    pages = _pages()
    if "--check" not in sys.argv[1:]:
        for path, text in pages.items():
            path.write_text(text, "utf-8")
        return 0
    stale = [path for path, text in pages.items() if path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path} is stale; run python -m conformance.index", file=sys.stderr)
    return 1 if stale else 0


def _pages() -> dict[Path, str]:
    cases = _index.README
    judged = _judges.README
    tally, unmarked = _judges.judgements()
    for test in unmarked:
        print(f"{test} says not what it judges", file=sys.stderr)
    current = judged.read_text("utf-8")
    before, _, rest = current.partition(_judges.BEGIN)
    _, _, after = rest.partition(_judges.END)
    table = _judges.table(tally)
    return {
        cases: _index.page(cases.read_text("utf-8"), _index.all_cases()),
        _known_bugs.PAGE: _known_bugs.bugs_page(_known_bugs.read_bugs()),
        judged: f"{before}{_judges.BEGIN}\n\n{table}\n\n{_judges.END}{after}",
    }


if __name__ == "__main__":
    sys.exit(main())
