"""Where environments and checked-out revisions are kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache"]


def cache() -> Path:
    """Return ``$BUSYHOUR_CACHE``, or a folder in the user's own cache folder.

    Nothing in it is needed; delete it to be rid of what was made.
    """
    told = os.environ.get("BUSYHOUR_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(told) if told else Path(home) / "busyhour"
