"""JSON Schemas, made of the types that write and read a form.

``python -m fakes.evidence.schema`` prints that of a trace.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fakes.evidence.trace import Entry

__all__ = ["schema_of", "trace_schema"]


def schema_of(kind: Any, title: str) -> str:
    """Return the schema of a type as a text that is the same on every Python."""
    made = msgspec.json.schema(kind)
    for one in made["$defs"].values():
        # Some Pythons keep the indentation of docstrings, some do not.
        if "description" in one:
            one["description"] = " ".join(one["description"].split())
    draft = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": draft, "title": title} | made, indent=1) + "\n"


def trace_schema() -> str:
    """Return the schema of a line of a trace."""
    return schema_of(Entry, "A line of trace.jsonl, as --evidence DIR writes it")


if __name__ == "__main__":
    print(trace_schema(), end="")
