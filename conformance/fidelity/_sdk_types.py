"""Whether a message is exactly what the newest SDK's own types describe.

The SDK itself never refuses a message: it takes unknown fields, leaves missing ones
out and puts anything into the first type that fits. So its types are walked here.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import pydantic

__all__ = ["problems"]


def problems(message: object, sdk_type: Any) -> list[str]:
    """Return what of a decoded message the type does not describe.

    Args:
        message: as ``json.loads`` gives it.
        sdk_type: a model of the SDK, or any annotation of its fields; of a union the
            member that fits best counts. Open enumerations (a Literal, or anything)
            are taken for closed ones.

    Returns:
        One line a problem, such as ``channel.alternatives[0].confidence: missing``;
        the empty list when every field is known, present and of its type.
    """
    return list(_problems(message, sdk_type, ""))


def _problems(value: object, kind: Any, where: str) -> typing.Iterator[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is typing.Annotated:
        yield from _problems(value, inner[0], where)
    elif kind is Any or kind is object:
        return
    elif origin in (typing.Union, types.UnionType):
        yield from _of_best(value, inner, where)
    elif origin is Literal:
        if value not in inner:
            yield f"{where or 'message'}: {value!r} is none of {inner}"
    elif isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        yield from _of_model(value, kind, where)
    elif origin in (list, tuple, typing.get_origin(typing.Sequence[Any])):
        yield from _of_list(value, inner, where)
    elif origin in (dict, Mapping):
        yield from _of_mapping(value, inner, where)
    elif not _is(value, kind):
        yield f"{where or 'message'}: {value!r} is no {getattr(kind, '__name__', kind)}"


def _of_best(value: object, members: tuple[Any, ...], where: str) -> list[str]:
    """Return the problems with the member of a union that fits best.

    The kind counts first: a Results message is never taken for an Error with fewer
    problems, nor an object for None.
    """
    literal = any(get_origin(member) is Literal for member in members)
    tried = [
        list(_problems(value, member, where))
        for member in members
        if not (literal and member is Any)
        and not (member is type(None) and value is not None)
    ]
    kind = f"{_at(where, 'type')}: "
    return min(
        tried, key=lambda found: (any(x.startswith(kind) for x in found), len(found))
    )


def _of_model(
    value: object, model: type[pydantic.BaseModel], where: str
) -> typing.Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where or 'message'}: {value!r} is no object"
        return
    known: dict[str, Any] = {}
    # The SDK's aliases stand in annotations of its own, so pydantic may not know them.
    for name, field in model.model_fields.items():
        known[_alias(field) or name] = field
    for name in value.keys() - known.keys():
        yield f"{_at(where, name)}: unknown to {model.__name__}"
    for name, field in known.items():
        if name in value:
            yield from _problems(value[name], field.annotation, _at(where, name))
        elif field.is_required() or name == "type":
            yield f"{_at(where, name)}: missing"


def _alias(field: Any) -> str | None:
    own = [note.alias for note in field.metadata if getattr(note, "alias", None)]
    alias = own[0] if own else field.alias
    return None if alias is None else str(alias)


def _of_list(value: object, inner: tuple[Any, ...], where: str) -> typing.Iterator[str]:
    if not isinstance(value, list):
        yield f"{where or 'message'}: {value!r} is no array"
        return
    for number, item in enumerate(value):
        yield from _problems(item, inner[0], f"{where}[{number}]")


def _of_mapping(
    value: object, inner: tuple[Any, ...], where: str
) -> typing.Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where or 'message'}: {value!r} is no object"
        return
    for name, item in value.items():
        yield from _problems(item, inner[1], _at(where, name))


def _is(value: object, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is type(None):
        return value is None
    if kind is dt.datetime:
        try:
            return bool(dt.datetime.fromisoformat(str(value)))
        except ValueError:
            return False
    return isinstance(kind, type) and isinstance(value, kind)


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
