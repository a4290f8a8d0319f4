"""Asks an agent something that is no call, over the way that calls take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx

from fakes.twilio.web.dial import Reach
from fakes.twilio.web.fetching import detour
from fakes.twilio.web.trust import trusting

__all__ = ["ask"]

_DEADLINE = 5.0


async def ask(
    method: str,
    url: str,
    reach: Reach,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> httpx.Response:
    """Return the agent's answer, whatever its status.

    Args:
        method: of the request.
        url: of the agent, perhaps under its public name.
        reach: where that name leads.
        form: sent in the body.
        headers: beside Host, or in its place.

    Raises:
        httpx.HTTPError: no answer within 5 s.
    """
    scheme = "https" if reach.authority else "http"
    target, host = detour(url, reach.via, plain_scheme=scheme)
    async with httpx.AsyncClient(
        verify=trusting(reach.authority), trust_env=False, timeout=_DEADLINE
    ) as client:
        return await client.request(
            method,
            target,
            data=dict(form) if form is not None else None,
            headers={"Host": host, **headers},
            extensions={"sni_hostname": urlsplit(url).hostname or ""},
        )
