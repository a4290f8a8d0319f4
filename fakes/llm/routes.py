"""Which address means what, at OpenAI and at Azure.

Azure names the model in the path (``/openai/deployments/MODEL/chat/completions``) and
has the other interfaces below ``/openai`` or ``/openai/v1``; what stands before is a
prefix that may name a fault script.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Route", "route_of"]

_PATH = re.compile(
    r"(?P<prefix>.*?)/(?:openai/deployments/(?P<model>[^/]+)|openai/v1|v1|openai)"
    r"/(?P<kind>chat/completions|responses|models)"
    r"(?:/(?P<id>[^/]+)(?:/(?P<action>cancel|input_items))?)?/?"
)
_KNOWN = {
    ("POST", "chat/completions", False, ""): "chat",
    ("POST", "responses", False, ""): "respond",
    ("GET", "responses", True, ""): "fetch",
    ("DELETE", "responses", True, ""): "delete",
    ("POST", "responses", True, "cancel"): "cancel",
    ("GET", "responses", True, "input_items"): "input_items",
    ("GET", "models", False, ""): "models",
    ("GET", "models", True, ""): "model",
}


class Route(NamedTuple):
    """What a request is for.

    Attributes:
        does: ``chat``, ``respond``, ``fetch``, ``delete``, ``cancel``, ``input_items``,
            ``models`` or ``model``; empty if nothing is there.
        prefix: what stands before the service's own path.
        id: of a response or a model.
        model: that the path names in place of the body.
    """

    does: str = ""
    prefix: str = ""
    id: str = ""
    model: str = ""


def route_of(method: str, path: str) -> Route:
    """Return what a request is for."""
    found = _PATH.fullmatch(path)
    if found is None:
        return Route()
    identity, action = found["id"] or "", found["action"] or ""
    does = _KNOWN.get((method, found["kind"], bool(identity), action), "")
    prefix = found["prefix"].strip("/")
    return Route(does, prefix, identity, found["model"] or "")
