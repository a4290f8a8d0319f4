"""When what the caller hears had come to the phone, against a list of all bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.media.arrivals import Arrivals
from fakes.twilio.media.playout import Playout

# Messages of some size after some time, frames that play, and clears.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("media"), st.integers(0, 900), st.sampled_from([0.0, 0.02])),
        st.tuples(st.just("play"), st.just(0), st.just(0.02)),
        st.tuples(st.just("clear"), st.just(0), st.just(0.0)),
    ),
    max_size=60,
)


@given(steps)
def test_every_byte_that_plays_has_its_moment(
    steps: list[tuple[str, int, float]],
) -> None:
    """Whatever the sizes, and after a clear."""
    playout, arrivals = Playout(), Arrivals()
    came: list[float] = []  # of each byte in the queue
    now = 0.0
    for what, size, passes in steps:
        now += passes
        if what == "media":
            playout.add(bytes(size))
            arrivals.add(size, now)
            came += [now] * size
        elif what == "clear":
            playout.clear()
            arrivals.clear()
            came.clear()
        else:
            size = len(playout.tick().audio)
            expected = came[0] if size else None
            assert arrivals.at(arrivals.end - playout.queued - size) == expected
            if size:
                arrivals.begin(now, playout.queued + size)
                assert arrivals.of_frame(now) == expected
            else:
                assert arrivals.of_frame(now) is None
            del came[:size]


def test_what_has_played_is_forgotten_and_what_waits_is_not() -> None:
    """A minute that is sent at once and plays in its time, and one in step."""
    arrivals = Arrivals()
    for number in range(400):
        arrivals.add(160, number * 0.002)
    for number in range(3_000):
        arrivals.add(160, 1.0 + number * 0.02)
        arrivals.begin(1.01 + number * 0.02, 401 * 160)
        come = number * 0.002 if number < 400 else 1.0 + (number - 400) * 0.02
        assert arrivals.of_frame(1.01 + number * 0.02) == come
        assert len(arrivals._times) < 512


def test_the_long_past_is_forgotten_and_not_guessed() -> None:
    """Memory is bounded; what is still there is right."""
    arrivals = Arrivals()
    for number in range(10_000):
        arrivals.add(160, number * 0.02)
    assert len(arrivals._times) <= 512
    assert arrivals.at(arrivals.end - 1) == 9_999 * 0.02
    assert arrivals.at(160 * 9_800) == 9_800 * 0.02
    assert arrivals.at(160 * 1_000) is None
    assert arrivals.at(arrivals.end) is None
