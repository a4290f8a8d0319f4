"""What the scripted model answers, without a socket."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.llm.answer import Answer, ToolCall, answer_to, limited
from fakes.llm.asked import Asked, Format, Tool, ToolResult
from fakes.llm.pieces import json_pieces, text_pieces
from fakes.llm.replies import reply_for
from fakes.llm.rules import Replies, Rule, ToolUse
from fakes.llm.sample import sample
from fakes.llm.steps import Step, due_times
from fakes.speech import CALLER_UTTERANCES, REPLIES, number_words

FIND = Tool("find", {"type": "object", "properties": {"number": {"type": "integer"}}})
CALLS_FIND = Replies(rules=(Rule(hears=("parcel",), call=(ToolUse("find"),)),))


@given(st.integers(0, 999_999), st.booleans())
def test_number_of_the_caller_is_said_back(number: int, spelt: bool) -> None:
    """A caller's number comes back in words, given in words or in digits."""
    digits = number_words(number)
    said = f"Hello, this is caller {digits if spelt else f'{number:04d}'}."

    assert reply_for(said) == f"Thank you, caller {digits}. How can I help?"


@pytest.mark.parametrize("said", CALLER_UTTERANCES)
def test_scripted_question_has_its_answer(said: str) -> None:
    """Case and punctuation do not matter."""
    assert reply_for(said) == REPLIES[said]
    assert reply_for(said.lower().strip(".?")) == REPLIES[said]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Is it raining?", "You said: Is it raining."),
        ("", "I did not hear anything. Could you say that again?"),
        ("...", "I did not hear anything. Could you say that again?"),
    ],
)
def test_anything_else_is_repeated(said: str, reply: str) -> None:
    """What has no script is repeated; nothing is asked about."""
    assert reply_for(said) == reply


def test_an_echo_repeats_what_has_a_script_too() -> None:
    """Where echo is wanted, the script is silent."""
    question = CALLER_UTTERANCES[0]
    said = answer_to(Asked("m", said=question), Replies(otherwise="echo"))

    assert said.text == f"You said: {question.rstrip('.?')}."


@given(st.text())
def test_tokens_add_up(text: str) -> None:
    """No letter is lost between a text and its tokens, of either kind."""
    assert "".join(text_pieces(text)) == text
    assert "".join(json_pieces(text)) == text
    assert all(text_pieces(text))
    assert all(json_pieces(text))


@given(
    st.text("ab .#", max_size=40),
    st.lists(st.text("ab .#", min_size=1, max_size=3), max_size=4),
    st.none() | st.integers(1, 12),
    st.integers(0, 3),
)
def test_an_answer_keeps_to_its_limits(
    text: str, stops: list[str], most: int | None, calls: int
) -> None:
    """It is the beginning of the whole, holds no stop, and costs what is allowed."""
    whole = Answer(text, tuple(ToolCall("find", '{"a": 1}') for _ in range(calls)))
    cut = limited(whole, Asked("m", stops=tuple(stops), most_tokens=most))

    assert text.startswith(cut.text)
    assert not any(stop in cut.text for stop in stops)
    assert most is None or cut.tokens <= most
    assert len(cut.calls) <= calls
    if cut.finish != "length":
        assert cut.finish == ("tool_calls" if cut.calls else "stop")
        assert all(json.loads(call.arguments) == {"a": 1} for call in cut.calls)


def test_a_tool_that_must_be_called_is_called_with_what_its_schema_wants() -> None:
    """Required, or by name; its arguments come from what was said."""
    asked = Asked("m", said="It is 12345.", tools=(FIND,), choice="required")

    assert answer_to(asked, Replies()).calls == (ToolCall("find", '{"number": 12345}'),)
    assert answer_to(asked._replace(choice="find"), Replies()).finish == "tool_calls"
    assert answer_to(asked._replace(choice="auto"), Replies()).calls == ()


def test_a_rule_calls_a_tool_only_where_it_is_offered() -> None:
    """Not offered, or forbidden: the rule is passed over."""
    asked = Asked("m", said="Where is my parcel?", tools=(FIND,))

    assert answer_to(asked, CALLS_FIND).finish == "tool_calls"
    assert answer_to(asked._replace(choice="none"), CALLS_FIND).finish == "stop"
    assert answer_to(asked._replace(tools=()), CALLS_FIND).text.startswith(
        "Your parcel"
    )


def test_the_result_of_a_tool_is_told() -> None:
    """By its rule, or else by what it says; rules for words wait meanwhile."""
    result = ToolResult("find", '{"place": "depot", "days": 2}')
    asked = Asked("m", said="Where is my parcel?", results=(result,), tools=(FIND,))
    rule = Rule(result_of="find", say="It is here: {result}.")

    assert answer_to(asked, CALLS_FIND).text == "The answer is: depot, 2."
    with_rule = Replies(rules=(*CALLS_FIND.rules, rule))
    assert answer_to(asked, with_rule).text == "It is here: depot, 2."


def test_one_call_at_a_time_where_the_request_says_so() -> None:
    """Without parallel calls the first one is made."""
    both = Replies(rules=(Rule(call=(ToolUse("find", {}), ToolUse("find", {}))),))
    asked = Asked("m", said="x", tools=(FIND,))

    assert len(answer_to(asked, both).calls) == 2
    assert len(answer_to(asked._replace(parallel=False), both).calls) == 1


# --- schemas -----------------------------------------------------------------------

_LEAVES = st.one_of(
    st.just({"type": "string"}),
    st.builds(
        lambda least, more: {
            "type": "string",
            "minLength": least,
            "maxLength": least + more,
        },
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    st.builds(
        lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
        st.integers(-50, 50),
        st.integers(0, 50),
    ),
    st.just({"type": "number", "exclusiveMinimum": 3}),
    st.just({"type": "integer", "multipleOf": 7, "minimum": 3, "maximum": 20}),
    st.just({"type": "boolean"}),
    st.just({"type": ["null", "string"]}),
    st.just({"enum": ["red", "green"]}),
    st.just({"const": 7}),
    st.just({"$ref": "#/$defs/leaf"}),
)


def _of_objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from("abcde")
    return st.one_of(
        st.dictionaries(names, inner, max_size=4).map(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
                "additionalProperties": False,
            }
        ),
        inner.map(lambda items: {"type": "array", "items": items, "minItems": 2}),
        inner.map(lambda one: {"anyOf": [{"type": "null"}, one]}),
    )


@given(st.recursive(_LEAVES, _of_objects, max_leaves=8), st.text(max_size=20))
def test_a_sample_fits_its_schema(schema: Any, said: str) -> None:
    """Whatever strict mode allows: the judge is jsonschema."""
    whole = {**schema, "$defs": {"leaf": {"type": "string", "maxLength": 3}}}

    jsonschema.validate(sample(whole, said, 12345), whole)


def test_a_schema_that_leads_back_to_itself_comes_to_an_end() -> None:
    """Trees end in null or nothing; a tree that cannot end does so all the same."""
    node: dict[str, Any] = {
        "type": "object",
        "properties": {
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "all": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["next", "all"],
    }
    endless = {
        "type": "object",
        "properties": {name: {"$ref": "#"} for name in "abcdefgh"},
        "required": list("abcdefgh"),
    }

    jsonschema.validate(sample(node), node)
    assert isinstance(sample(endless), dict)


def test_a_structured_reply_says_what_the_script_says() -> None:
    """Texts of the form are the reply; JSON of a rule is taken as it is."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
    }
    asked = Asked("m", said="Is it raining?", format=Format(schema))
    own = Replies(rules=(Rule(say='{"answer": "yes"}'),))

    assert json.loads(answer_to(asked, Replies()).text) == {
        "answer": "You said: Is it raining."
    }
    assert answer_to(asked, own).text == '{"answer": "yes"}'


@given(st.lists(st.sampled_from(["none", "first", "token"]), max_size=20))
def test_events_are_due_in_order(waits: list[Any]) -> None:
    """Each wait passes once; what waits for nothing comes with what was before it."""
    steps = [Step(wait, b"") for wait in waits]
    dues = [due for due, _ in due_times(steps, lambda: 10.0, lambda: 1.0)]

    assert dues == sorted(dues)
    expected = 10.0 * waits.count("first") + waits.count("token")
    assert dues == [] or dues[-1] == expected
