"""How Twilio writes moments: RFC 2822."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

__all__ = ["plain_date"]


def plain_date(epoch: float) -> str:
    """Return a moment such as ``Wed, 12 Jan 2022 07:16:30 +0000``.

    Args:
        epoch: seconds since 1970, UTC.
    """
    return format_datetime(datetime.fromtimestamp(int(epoch), UTC))
