"""``python -m conformance.matrix A.json B.json -o FILE.html``: agents side by side."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from conformance.matrix.page import render_matrix
from conformance.matrix.reports import badge_of, read_report
from voiceutils.errors import VoiceError


def main(words: list[str] | None = None) -> int:
    """Write the page; return 0, or 2 when it cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.matrix", description=__doc__
    )
    parser.add_argument("reports", nargs="+", type=Path, help="of --report FILE.json")
    parser.add_argument("-o", "--output", type=Path, default=Path("matrix.html"))
    parser.add_argument(
        "--badge",
        type=Path,
        help="write the first report's badge, for shields.io",
    )
    options = parser.parse_args(words)
    try:
        reports = [read_report(path) for path in options.reports]
        options.output.write_text(render_matrix(reports), encoding="utf-8")
        if options.badge is not None:
            badge = json.dumps(badge_of(reports[0])) + "\n"
            options.badge.write_text(badge, encoding="utf-8")
    except (VoiceError, OSError) as error:
        print(f"cannot read or write: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {len(reports)} agents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
