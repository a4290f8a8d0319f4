"""Profiles raise levels, and say what no declaration excuses."""

from __future__ import annotations

import pytest

from conformance._case import FEATURES, MUST, SHOULD
from conformance._grid import cells
from conformance._grid_case import case_of
from conformance._index import all_cases
from conformance._profiles import PROFILES, Profile

ALL = [*all_cases(), *map(case_of, cells())]


def test_the_usual_profile_changes_nothing() -> None:
    """Cases have the levels that the index gives."""
    assert [PROFILES["core"].applied(case) for case in ALL] == ALL


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda one: one.name)
def test_a_profile_names_what_there_is(profile: Profile) -> None:
    """Each selector means a case, and each demand a feature."""
    for selector in profile.raised:
        assert any(case.selected_by(selector) for case in ALL), selector
    assert set(profile.demanded) <= set(FEATURES)


def test_production_takes_no_dead_link_and_no_open_socket_for_a_matter_of_taste() -> (
    None
):
    """10.4 and 12.5 are SHOULD in general, and the grid has its own."""
    levels = {case.number: PROFILES["production"].applied(case).level for case in ALL}

    assert levels["10.4"] is levels["12.5"] is MUST
    assert levels["recogniser/listening/half-open"] is MUST
    assert levels["3.6"] is SHOULD


def test_load_asks_for_spread_retries() -> None:
    """And leaves the rest as it is."""
    levels = {case.number: PROFILES["load"].applied(case).level for case in ALL}

    assert levels["6.5"] is levels["13.3"] is MUST
    assert levels["10.4"] is SHOULD
