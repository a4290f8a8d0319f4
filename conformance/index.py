"""``python -m conformance.index``: write the index of cases into the README."""

from __future__ import annotations

from conformance._index import README, all_cases, page


def main() -> None:
    """Renew ``conformance/README.md``."""
    README.write_text(page(README.read_text("utf-8"), all_cases()), "utf-8")


if __name__ == "__main__":
    main()
