"""Benchmarks of libraries that need not be there: skipped, with the reason."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

__all__ = ["installed", "needs"]


def installed(module: str) -> bool:
    """Return whether a module, with the packages around it, can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package around it is missing
        return False


def needs(module: str) -> pytest.MarkDecorator:
    """Return the mark of a benchmark that cannot run without this module."""
    return pytest.mark.skipif(
        not installed(module),
        reason=f"{module} is not installed: pip install 'busyhour[rivals]'",
    )
