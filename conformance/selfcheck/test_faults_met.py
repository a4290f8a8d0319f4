"""A fault that nobody met proves nothing."""

from __future__ import annotations

import msgspec
import pytest
import respx

from conformance._records import Records, Unsupported
from fakes.faults import Refuse
from fakes.ledger import Attempt

CONTROL = "http://127.0.0.1:1"
SID = "CA" + "7" * 32


async def checked(*surfaces: str) -> None:
    """Let a fault wait on speech, and an agent come to these surfaces."""
    attempts = [
        Attempt(id=number, surface=surface, at=float(number), group=SID)
        for number, surface in enumerate(surfaces)
    ]
    body = msgspec.json.encode({"attempts": attempts})
    records = Records(CONTROL, 4729, SID)
    with respx.mock(base_url=CONTROL) as control:
        control.post("/__fakes/faults").respond(json={})
        control.get(f"/__fakes/ledger/groups/{SID}").respond(content=body)
        await records.fault("speak_rest", Refuse(503))
        await records.check_faults_met()


async def test_an_agent_that_speaks_elsewhere_is_not_judged_by_it() -> None:
    """Its case would be green without having been put."""
    with pytest.raises(Unsupported, match="came to speak_rest never"):
        await checked("listen", "speak")


async def test_an_agent_that_came_there_is() -> None:
    """Whatever became of it."""
    await checked("listen", "speak_rest")
