"""Locust's shape of a run that follows a profile, in the closed model.

No shape may stand in the locustfile itself: Locust would take it at once, and -u, -r
and -t would mean nothing. This one is put in only where ``--load-profile`` asks for it.
"""

from __future__ import annotations

from locust import LoadTestShape

from loadtests._profiles import Profile, profile

__all__ = ["HOUR", "ProfileShape"]

HOUR = 3600.0
FASTEST = 100.0  # phones a second that Locust starts without complaint


class ProfileShape(LoadTestShape):  # type: ignore[misc]  # Locust comes without types
    """So many phones at each moment as the profile says; ends with it.

    Args:
        name: of the profile.
        seconds: how long the run takes.
        peak: phones at the profile's peak.
    """

    use_common_options = True

    def __init__(self, name: str, seconds: float, peak: int) -> None:
        super().__init__()
        self.course: Profile = profile(name, seconds)
        self._seconds = seconds
        self._peak = peak
        self._phones = 0

    def tick(self) -> tuple[int, float] | None:
        """The phones for now, and how fast to get there."""
        now = self.get_run_time()
        if now >= self._seconds:
            return None
        phones = round(self.course.level(now) * self._peak)
        change = abs(phones - self._phones)
        self._phones = phones
        # At once, as far as Locust can: the profile itself says how fast to rise.
        return phones, min(max(float(change), 1.0), FASTEST)
