"""Keys become numbers, whatever is pressed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceutils.agent.keypad import MOST_KEYS, Keypad


@given(st.text("0123456789*#", max_size=200))
def test_every_number_is_what_was_pressed(keys: str) -> None:
    """Between two hash keys lies one number; none grows without bound."""
    keypad = Keypad()
    numbers = [keypad.take() for key in keys if keypad.press(key)]
    *whole, rest = keys.split("#")

    assert numbers == [number[:MOST_KEYS] for number in whole]
    assert keypad.take() == rest[:MOST_KEYS]
    assert keypad.take() == ""
