"""The file of ``--budgets``: what an agent is held to, in place of the usual limits.

.. code-block:: toml

    [seconds]
    greeting = 1.2
    silence = 6

    [backoff]
    initial = 0.25
    factor = 1.5
    max = 5
    attempts = 5
    jitter = "equal"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from conformance._limits import Limits
from fakes.backoff.policy import Policy
from voiceutils.errors import SettingError

__all__ = ["read_budgets"]

_LONGEST = 60.0  # seconds; whoever allows more allows everything
_SECONDS = tuple(name for name in Limits.__struct_fields__ if name != "backoff")
_BACKOFF = {
    "initial": "initial",
    "factor": "factor",
    "max": "max_delay",
    "jitter": "jitter",
    "attempts": "attempts",
    "healthy": "healthy",
}


def read_budgets(path: Path) -> Limits:
    """Return the limits; what the file leaves out keeps its usual value.

    Raises:
        SettingError: the file cannot be read or says what cannot be; the message names
            file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"--budgets {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"--budgets {path}: {error}") from error

    def wrong(table: str, key: str, why: str) -> SettingError:
        place = _line_of(text, table, key)
        name = f"[{table}] {key}" if table else key
        return SettingError(f"{path}:{place}: {name}: {why}")

    for table in content:
        if table not in ("seconds", "backoff") or not isinstance(content[table], dict):
            raise wrong("", table, "there are the tables [seconds] and [backoff]")
    found: dict[str, Any] = {}
    for key, value in content.get("seconds", {}).items():
        if key not in _SECONDS:
            raise wrong("seconds", key, f"there are {', '.join(_SECONDS)}")
        if not _is_number(value) or not 0 < value <= _LONGEST:
            why = f"{value!r} is no number of seconds above 0 and up to {_LONGEST:g}"
            raise wrong("seconds", key, why)
        found[key] = float(value)
    if declared := content.get("backoff"):
        found["backoff"] = _policy(declared, wrong)
    return Limits(**found)


def _policy(declared: dict[str, Any], wrong: Any) -> Policy:
    for key, value in declared.items():
        if key not in _BACKOFF:
            raise wrong("backoff", key, f"there are {', '.join(_BACKOFF)}")
        if key != "jitter" and not _is_number(value):
            raise wrong("backoff", key, f"{value!r} is no number")
    for key in ("initial", "factor", "max", "attempts"):
        if key not in declared:
            raise wrong("", "backoff", f"{key} is missing")
    named = {_BACKOFF[key]: value for key, value in declared.items()}
    try:
        return msgspec.convert(named, Policy, strict=False)
    except (SettingError, msgspec.ValidationError) as error:
        guilty = next((key for key in declared if key in str(error)), "initial")
        raise wrong("backoff", guilty, str(error)) from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line_of(text: str, table: str, key: str) -> int:
    """Return the line of a key; tomllib does not keep them."""
    current, header = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[\s*\"?([\w-]+)\"?\s*\]", line):
            current = found[1]
            header = number if current in (table, key) else header
            if not table and current == key:
                return number
        elif current == table and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[.=]", line):
            return number
    return header
