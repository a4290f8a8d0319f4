"""Conversations from files: what they mean, and mistakes told in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.caller.conversation_file import (
    WrittenConversation,
    draw,
    library,
    parse_conversation,
    read_conversations,
)
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    AwaitHangUp,
    HangUp,
    Pause,
    Press,
    Say,
    Sound,
    Voice,
)
from voiceutils.errors import SettingError

WHOLE = """
about = "All there is"
weight = 2.5
deadline = 40
steps = [
  { await = "greeting", within = 5 },
  # { say = "a comment is no step" },
  { say = "I am caller {number}." },
  { say = ["Yes.", "No."], barge_in_after = 0.6, reply = false },
  { press = "12#" },
  { pause = 1.5 },
  { hang_up = "reset" },
]
"""
SOUNDS = """
steps = [
  { around = { noise = "street", snr = 12, gain = -6, echo = -40, delay = 0.2 } },
  { await = "greeting" },
  { sound = "cough", barge_in_after = 0.5 },
  { say = "Mm-hmm.", barge_in_after = 1.0, reply = false, listen = true },
  { sound = "keys", keys = "12#" },
  { sound = "music", seconds = 4 },
  { voice = "low" },
]
"""


def complaint(text: str) -> str:
    """What is said of a file ``talk.toml`` with a mistake."""
    with pytest.raises(SettingError) as caught:
        parse_conversation(text, "talk.toml")
    return str(caught.value)


def test_every_step_has_its_meaning() -> None:
    """The file in steps of a caller, weight and deadline beside them."""
    written = parse_conversation(WHOLE, "here/talk.toml")

    assert (written.name, written.weight, written.deadline) == ("talk", 2.5, 40)
    assert written.barges_in
    script = written.script(4729)
    assert script[:2] == (
        AwaitGreeting(5.0),
        Say("I am caller four seven two nine."),
    )
    assert script[2] in {Say(text, 0.6, reply=False) for text in ("Yes.", "No.")}
    assert script[3:] == (Press("12#"), Pause(1.5), HangUp("reset"))


def test_sounds_and_places_have_their_meaning() -> None:
    """A murmur or a cough in a reply is no interruption."""
    written = parse_conversation(SOUNDS, "talk.toml")

    assert not written.barges_in
    assert written.script(1) == (
        Around("street", 12.0, -6.0, -40.0, 0.2),
        AwaitGreeting(),
        Sound("cough", None, "", 0.5),
        Say("Mm-hmm.", 1.0, reply=False, listen=True),
        Sound("keys", None, "12#"),
        Sound("music", 4.0),
        Voice("low"),
    )


def test_both_forms_of_tables_mean_the_same() -> None:
    """``[[steps]]`` is the long form of the list."""
    long = '[[steps]]\nsay = "Yes."\n[[steps]]\nhang_up = "close"\n'
    short = 'steps = [{ say = "Yes." }, { hang_up = "close" }]'

    assert parse_conversation(long, "a") == parse_conversation(short, "a")


def test_a_caller_says_the_same_again_and_all_callers_say_everything() -> None:
    """Number and seed decide among the variants of a step."""
    written = parse_conversation(WHOLE, "talk.toml")

    assert written.script(7, 3) == written.script(7, 3)
    said = {step.text for n in range(40) for step in written.script(n)[2:3]}  # type: ignore[union-attr]
    assert said == {"Yes.", "No."}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weight = \nsteps = []", "talk.toml:1: not TOML"),
        ('about = "x"\n', "talk.toml:1: steps: is no list"),
        ('abut = "x"\nsteps = [{ say = "a" }]', "talk.toml:1: abut: unknown"),
        (
            'steps = [{ say = "a" }]\n\nweight = "x"',
            "talk.toml:3: weight: is no number",
        ),
        (
            'steps = [\n  { say = "a" },\n  # { say = 3 }\n  { pause = -1 },\n]',
            "talk.toml:4: step 2: pause: -1 is not between",
        ),
        (
            'steps = [\n  { say = "say = {" },\n  { say = "b", replay = 1 },\n]',
            "talk.toml:3: step 2: replay: unknown; known beside say",
        ),
        (
            '[[steps]]\nsay = "a"\n\n[[steps]]\n# late\npress = "12x"\n',
            "talk.toml:6: step 2: press: is no text of the keys",
        ),
        (
            'steps = [\n{ hang_up = "close" },\n{ say = "a" }]',
            "talk.toml:2: step 1: hang_up: nothing can follow",
        ),
        (
            'steps = [\n{ pause = 1 },\n{ say = "a", barge_in_after = 1 }]',
            "talk.toml:3: step 2: barge_in_after: needs a step before it",
        ),
        (
            '[[steps]]\n[steps.around]\nnoise = "x"',
            "talk.toml:3: step 1: noise: is none of hiss, street, babble",
        ),
        ("steps = [{ around = 3 }]", "around: is no table"),
        ("steps = [{ around = { gain = 40 } }]", "gain: 40 is not between -30 and 30"),
        (
            "steps = [{ around = { wind = 1 } }]",
            "wind: unknown; known of around: noise",
        ),
        ("steps = [{ around = { snr = 10 } }]", "snr: needs a noise"),
        ("steps = [{ around = { delay = 1 } }]", "delay: needs an echo"),
        ('steps = [{ voice = "shrill" }]', "voice: is none of usual, high, low"),
        ('steps = [{ sound = "sneeze" }]', "sound: is none of cough, music, keys"),
        ('steps = [{ sound = "keys", keys = "x" }]', "keys: is no text of the keys"),
        ('steps = [{ sound = "cough", keys = "1" }]', 'keys: only sound = "keys"'),
        ('steps = [{ sound = "music", seconds = 90 }]', "seconds: is not above 0"),
        ('steps = [{ say = "a", listen = true }]', "listen: needs reply = false"),
        ('steps = [{ say = "a", reply = false, listen = 1 }]', "listen: is neither"),
        (
            'steps = [{ pause = 1 }, { sound = "cough", barge_in_after = 1 }]',
            "step 2: barge_in_after: needs a step before it",
        ),
        ('steps = [{ hang_up = "loud" }]', "step 1: hang_up: is none of stop, close"),
        ('steps = [{ await = "lunch" }]', 'await: is neither "greeting"'),
        ('steps = [{ say = "a", pause = 2 }]', "this one has say and pause"),
        ("steps = [3]", "steps: a step is a table"),
        ("steps = [{}]", "this one has none"),
        (f'steps = [{{ say = "{"a" * 501}" }}]', "say: is longer than 500"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(text: str, said: str) -> None:
    """One line, so that an editor can jump there."""
    found = complaint(text)

    assert said in found
    assert "\n" not in found


@given(st.text(max_size=80) | st.binary(max_size=40).map(lambda b: b.decode("latin1")))
def test_no_text_is_more_than_a_complaint(text: str) -> None:
    """Junk is refused in words, never a crash."""
    with pytest.raises(SettingError, match=r"^talk.toml:\d+: "):
        parse_conversation(text, "talk.toml")


keys = st.sampled_from(
    (
        *("await", "within", "say", "reply", "barge_in_after", "press", "pause"),
        *("sound", "seconds", "keys", "listen", "around", "hang_up"),
    )
)
values = st.sampled_from(
    (
        *('"greeting"', '"hang_up"', '"close"', '"1#"', "1", "-1", "true", "[]"),
        *('["a"]', '"cough"', '"keys"', "{ gain = 1 }", "{ snr = 1 }"),
    )
)
steps = st.dictionaries(keys, values, max_size=3)


@given(st.lists(steps, max_size=5))
def test_a_mistake_in_a_step_points_at_its_line(told: list[dict[str, str]]) -> None:
    """Whatever the keys, the line named is that of the step named."""
    lines = [", ".join(f"{k} = {v}" for k, v in step.items()) for step in told]
    text = "steps = [\n" + "".join(f"{{ {line} }},\n" for line in lines) + "]\n"
    tomllib.loads(text)

    try:
        parse_conversation(text, "t")
    except SettingError as error:
        _, line, place, *_ = str(error).split(":")
        if place.startswith(" step "):
            assert int(line) == int(place.removeprefix(" step ")) + 1


def test_the_library_is_sixteen_that_hang_up_in_all_four_ways() -> None:
    """Every file reads, says what it is, and none waits for an agent to hang up."""
    found = library()

    assert len(found) == 16
    assert all(written.about and written.weight for written in found)
    scripts = [written.script(1) for written in found]
    ends = {script[-1].how for script in scripts if isinstance(script[-1], HangUp)}
    assert ends == {"stop", "close", "reset", "half_open"}
    assert not any(isinstance(s, AwaitHangUp) for script in scripts for s in script)
    for kind in (Press, Pause, Sound, Around):
        assert any(isinstance(step, kind) for script in scripts for step in script)
    assert any(written.barges_in for written in found)


def test_names_files_and_folders_make_a_mix(tmp_path: Path) -> None:
    """Weights on the command line go before those of the files."""
    (tmp_path / "one.toml").write_text(WHOLE)
    (tmp_path / "two.toml").write_text('weight = 9\nsteps = [{ say = "a" }]')

    mix = read_conversations(f"abandons=3, {tmp_path / 'one.toml'},{tmp_path}=1")

    weights = [(written.name, written.weight) for written in mix]
    assert weights == [("abandons", 3), ("one", 2.5), ("one", 1), ("two", 1)]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("lunch", "none of abandons, "),
        ("../__init__", "no file and none of"),
        ("nowhere.toml", "No such file"),
        ("abandons=0", "none has a weight above 0"),
        ("abandons=x", "no number"),
        ("abandons=nan", "no number"),
        (",", "none has a weight"),
    ],
)
def test_a_conversation_that_is_not_there_is_refused(wanted: str, said: str) -> None:
    """The message names what there is."""
    with pytest.raises(SettingError, match=said):
        read_conversations(wanted)


def test_calls_are_drawn_by_weight() -> None:
    """Three to one, and never what weighs nothing."""
    mix = [
        WrittenConversation(name, "", (), weight)
        for name, weight in (("often", 3.0), ("seldom", 1.0), ("never", 0.0))
    ]

    drawn = [draw(mix, call, seed=5).name for call in range(4000)]

    assert 2850 < drawn.count("often") < 3150
    assert "never" not in drawn
