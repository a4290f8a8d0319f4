"""A value that fits a JSON schema, for arguments of tools and structured replies.

It serves what strict mode allows (objects, arrays, enums, constants, references,
alternatives, ranges, lengths); a ``pattern`` or a ``format`` is only tried. Texts are
what the caller said, cut to length, and numbers what he named, so that the value tells
where it comes from.
"""

from __future__ import annotations

from typing import Any

__all__ = ["sample"]

_DEEPEST = 12
_MOST_VALUES = 2000
_FORMATS = {
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "date-time": "2026-01-02T03:04:05Z",
    "duration": "PT1H",
    "email": "caller@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


def sample(schema: dict[str, Any], text: str = "", number: int | None = None) -> Any:
    """Return a value that fits the schema, as far as the module's words go.

    Args:
        schema: of JSON; ``$ref`` finds definitions inside it.
        text: what every text becomes.
        number: what every number becomes, where it is in range.
    """
    return _Sampler(schema, text, number).value(schema, 0)


class _Sampler:
    def __init__(self, root: Any, text: str, number: int | None) -> None:
        self._root = root
        self._text = text
        self._number = number
        self._left = _MOST_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            return None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._of_enum(schema["enum"])
        if "$ref" in schema:
            return self.value(self._referred(str(schema["$ref"])), depth + 1)
        for name in ("anyOf", "oneOf"):
            if schema.get(name):
                return self._of_any(schema[name], depth)
        if schema.get("allOf"):
            return self.value(_joined(schema["allOf"]), depth + 1)
        return self._of_kind(schema, depth)

    def _of_enum(self, allowed: list[Any]) -> Any:
        """Take what the caller named, or else the first."""
        said = self._text.casefold()
        named = (one for one in allowed if str(one).casefold() in said)
        return next(named, allowed[0])

    def _of_any(self, schemas: list[Any], depth: int) -> Any:
        """Take the first that is not null and does not lead back to itself."""
        values = (self.value(one, depth + 1) for one in schemas)
        if depth > _DEEPEST // 2 and any(_is_null(one) for one in schemas):
            return None
        return next((value for value in values if value is not None), None)

    def _referred(self, path: str) -> Any:
        found = self._root
        for part in path.removeprefix("#").split("/")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _of_kind(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array":
            least = int(schema.get("minItems", 0)) or (1 if depth < 4 else 0)
            least = min(least, int(schema.get("maxItems", least)))
            return [self.value(schema.get("items", {}), depth + 1)] * least
        if kind in ("integer", "number"):
            return self._in_range(schema, whole=kind == "integer")
        if kind == "boolean":
            return True
        return self._in_length(schema) if kind == "string" else None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        wanted = schema.get("required", properties if depth < 4 else [])
        names = [name for name in properties if name in wanted]
        return {name: self.value(properties[name], depth + 1) for name in names}

    def _in_range(self, schema: dict[str, Any], *, whole: bool) -> float:
        step = schema.get("multipleOf") or (1 if whole else 0)
        low, high = schema.get("minimum"), schema.get("maximum")
        if "exclusiveMinimum" in schema:
            low = schema["exclusiveMinimum"] + (step or 1e-9)
        if "exclusiveMaximum" in schema:
            high = schema["exclusiveMaximum"] - (step or 1e-9)
        value = 1 if self._number is None else self._number
        value = value if high is None else min(value, high)
        value = value if low is None else max(value, low)
        if step:
            steps = value // step
            value = (steps if low is None or steps * step >= low else steps + 1) * step
        return int(value) if whole else value

    def _in_length(self, schema: dict[str, Any]) -> str:
        told = _FORMATS.get(str(schema.get("format", "")))
        least = int(schema.get("minLength", 0))
        text = told or self._text or "unknown"
        return text.ljust(least, ".")[: schema.get("maxLength", len(text) + least)]


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _joined(schemas: list[Any]) -> dict[str, Any]:
    """Join schemas that must all hold: their properties and requirements add up."""
    joined: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items() if isinstance(schema, dict) else ():
            if key == "properties":
                joined["properties"] = {**joined.get("properties", {}), **value}
            elif key == "required":
                joined["required"] = [*joined.get("required", []), *value]
            else:
                joined[key] = value
    return joined
