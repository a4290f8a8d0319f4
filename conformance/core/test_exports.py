"""The public face of voiceutils: names, order, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import voiceutils


def test_public_names_exist_and_are_sorted() -> None:
    """Constants, then classes, then functions, each in order; every one is there."""
    names = voiceutils.__all__
    assert names == sorted(
        names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
    )
    for name in names:
        assert getattr(voiceutils, name) is not None
    assert set(names) <= set(dir(voiceutils))


def test_unknown_name_is_an_attribute_error() -> None:
    """The lazy look-up does not turn a typing error into an import error."""
    with pytest.raises(AttributeError, match="NoSuchService"):
        voiceutils.NoSuchService  # noqa: B018


def test_core_needs_the_standard_library_alone() -> None:
    """Buffer, retry, metrics and budgets import while every dependency is missing."""
    script = """
import sys
before = set(sys.modules)
for name in ("msgspec", "httpx", "websockets", "starlette", "aiohttp", "uvicorn"):
    sys.modules[name] = None
from voiceutils import AudioBuffer, LatencyHistogram, PerformanceMetrics, with_retry
foreign = {
    name.partition(".")[0] for name, module in sys.modules.items() if module
} - set(sys.stdlib_module_names) - {name.partition(".")[0] for name in before}
print(sorted(foreign))
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (answer.stdout.strip(), answer.stderr) == ("['voiceutils']", "")
