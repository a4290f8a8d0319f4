"""Rules for the model's answers in a file of TOML."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.llm import rules_file
from fakes.llm.answer import answer_to
from fakes.llm.asked import Asked, Tool, ToolResult
from fakes.llm.rules_file import parse_replies, read_replies
from voiceutils.errors import SettingError

FILE = r"""
otherwise = "echo"

[[rules]]
hears = ["parcel", "my order"]
call = { tool = "find_parcel", arguments = { number = "{number}", way = ["{said}"] } }

[[rules]]
result_of = "find_parcel"
say = "Your parcel is here: {result}."

[[rules]]
pattern = 'table for (?P<people>\w+)'
say = "One moment."
call = ["look", { tool = "book_table", arguments = { people = "{people}" } }]

[[rules]]
hears = "hello"
say = "Good day."
"""
TOOLS = tuple(Tool(name, {}) for name in ("find_parcel", "look", "book_table"))


def test_the_example_of_the_documentation_does_what_it_says() -> None:
    """Words, patterns, tools, results, and what is said otherwise."""
    replies = parse_replies(FILE, "x.toml")
    asked = Asked("m", said="Hm, MY ORDER, please: 12345!", tools=TOOLS)
    (call,) = answer_to(asked, replies).calls

    assert call.name == "find_parcel"
    assert call.arguments == (
        '{"number": "12345", "way": ["Hm, MY ORDER, please: 12345!"]}'
    )
    told = asked._replace(results=(ToolResult("find_parcel", "in Berlin."),))
    assert answer_to(told, replies).text == "Your parcel is here: in Berlin."
    table = answer_to(asked._replace(said="A table for TWO."), replies)
    assert table.text == "One moment."
    assert [call.name for call in table.calls] == ["look", "book_table"]
    assert table.calls[1].arguments == '{"people": "TWO"}'
    assert answer_to(asked._replace(said="Well, hello."), replies).text == "Good day."
    assert answer_to(asked._replace(said="Othello?"), replies).text == (
        "You said: Othello."
    )


def test_the_documentation_s_own_files_read() -> None:
    """The example of the module and that of the README are files without a mistake."""
    told = (rules_file.__doc__ or "").partition("::\n")[2].partition("\nThe first")[0]
    readme = (Path(__file__).parents[2] / "fakes" / "README.md").read_text("utf-8")
    blocks = [rest.partition("```")[0] for rest in readme.split("```toml\n")[1:]]
    (shown,) = (block for block in blocks if "[[rules]]" in block)

    assert parse_replies(textwrap.dedent(told), "x.toml") == parse_replies(
        shown, "y.toml"
    )
    assert len(parse_replies(shown, "y.toml").rules) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 1", "f.toml:1: rules: is no list of at most 200 rules"),
        ("\nother = 1", "f.toml:2: other: unknown; known are otherwise, rules"),
        ('otherwise = "x"', "f.toml:1: otherwise: is none of script, echo"),
        ("[[rules]]\nsay = 3", "f.toml:2: rule 1: say: is no text of 1 to"),
        ('[[rules]]\nhears = "?"\nsay = "x"', "f.toml:2: rule 1: hears: is neither"),
        ("[[rules]]\nhears = 'x'", "f.toml:2: rule 1: hears: a rule says something"),
        ("[[rules]]\nsays = 'x'", "f.toml:2: rule 1: says: unknown; known are"),
        (
            "[[rules]]\nhears = 'a'\nsay = 'x'\n[[rules]]\nsay = 'y'\npattern = '('",
            "f.toml:6: rule 2: pattern: is no regular expression: missing )",
        ),
        ("[[rules]]\nsay = '{day}'", "f.toml:2: rule 1: say: {day} is unknown"),
        ("[[rules]]\nsay = '{result}'", "f.toml:2: rule 1: say: {result} is unknown"),
        (
            "[[rules]]\ncall = { tool = 'a', arguments = { x = '{y}' } }",
            "f.toml:2: rule 1: arguments: {y} is unknown",
        ),
        (
            "[[rules]]\ncall = { tool = 'a', arguments = { x = 2020-01-01 } }",
            "f.toml:2: rule 1: arguments: 2020-01-01 has no form in JSON",
        ),
        ("[[rules]]\ncall = { tool = 'a b' }", "f.toml:2: rule 1: tool: is no tool's"),
        ("[[rules]]\ncall = { to = 'a' }", "f.toml:2: rule 1: call: is neither"),
        (
            "[[rules]]\nsay = 'x'\n[[rules]]\nhears = 'y'\nsay = 'z'",
            "f.toml:4: rule 2: hears: never reached, since rule 1 has no condition",
        ),
        ("[[rules]", "f.toml:1: not TOML: "),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(text: str, said: str) -> None:
    """One line that says where, which key, and what would be right."""
    with pytest.raises(SettingError) as caught:
        parse_replies(text, "f.toml")

    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(["hears", "pattern", "result_of", "say", "call"]),
        st.sampled_from(['"a"', "[1]", "{tool = 'a'}", "nan", "[]", "''", "[{}]"]),
    )
)
def test_no_file_is_more_than_a_complaint(keys: dict[str, str]) -> None:
    """Whatever stands there, it reads or is refused with its place."""
    text = "[[rules]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())
    said = ""
    try:
        parse_replies(text, "f.toml")
    except SettingError as error:
        said = str(error)

    assert not said or said.startswith("f.toml:")


def test_names_and_files_are_told_apart(tmp_path: Path) -> None:
    """Two names, or a file; anything else is refused with what there is."""
    file = tmp_path / "rules.toml"
    file.write_text(FILE, "utf-8")

    assert read_replies("echo").otherwise == "echo"
    assert len(read_replies(str(file)).rules) == 4
    with pytest.raises(SettingError, match=r"use one of script, echo, or a .toml file"):
        read_replies("ecko")
    with pytest.raises(SettingError, match="No such file"):
        read_replies(str(tmp_path / "none.toml"))
