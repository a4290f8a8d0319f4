"""Keys and speech are gathered as Twilio gathers them."""

from __future__ import annotations

import itertools

import pytest

from conformance.core._flow import PAGE, Driven, response
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import FetchDocument, Fields, Noted, Over, Send, Voice
from voiceutils.mulaw import encode

ACTION = "https://agent.example/calls/gathered"
ASKED = "Is there parking at the hotel?"
NOISE = encode([3000, -3000] * 80)


def gathering(attributes: str = "", inside: str = "", **settings: object) -> Driven:
    """A gather whose action and following verb tell themselves apart."""
    gather = f'<Gather action="gathered" {attributes}>{inside}</Gather>'
    return Driven(
        f"{gather}<Say>No input.</Say>",
        pages={ACTION: response("<Say>Goodbye.</Say>")},
        settings=FlowSettings(**settings),  # type: ignore[arg-type]
    )


def posted(driven: Driven) -> Fields | None:
    """What the action was sent; None when it was not asked."""
    asked = driven.all(FetchDocument)
    return asked[1].fields if len(asked) > 1 else None


def keys(digits: str, finished: str = "") -> Fields:
    """What is sent for keys."""
    return (("Digits", digits), ("FinishedOnKey", finished))


@pytest.mark.parametrize(
    ("attributes", "pressed", "fields", "at"),
    [
        ("", "12#3", keys("12", "#"), 1.0),
        ('finishOnKey="*"', "1#2*", keys("1#2", "*"), 1.0),
        ('finishOnKey=""', "1#*", keys("1#*"), 6.0),
        ('numDigits="2"', "1234", keys("12"), 1.0),
        ('numDigits="1" finishOnKey="#"', "#", None, 1.0),
        ('timeout="2"', "12", keys("12"), 3.0),
        ('timeout="2" numDigits="0"', "1", keys("1"), 1.0),
        ('input="dtmf speech"', "7#", keys("7", "#"), 1.0),
        ('input="speech"', "12#", None, 5.0),
        ('actionOnEmptyResult="true"', "#", keys("", "#"), 1.0),
    ],
)
def test_keys_are_gathered_until_something_ends_them(
    attributes: str, pressed: str, fields: Fields | None, at: float
) -> None:
    """A finishing key, enough of them, or no more within the timeout."""
    driven = gathering(attributes)
    driven.presses(pressed, 0.98)
    driven.run()
    assert posted(driven) == fields
    moments = [moment for moment, order in driven.trace if isinstance(order, Over)]
    said = "Goodbye." if fields is not None else "No input."
    assert driven.said == said
    assert moments[0] - at == pytest.approx(len(driven.heard) * 0.02, abs=0.05)


def test_the_wait_for_a_key_begins_when_the_prompt_has_ended() -> None:
    """And again with each key."""
    driven = gathering('timeout="3"', "<Say>Thank you for calling.</Say>")
    driven.run()
    assert driven.said == "Thank you for calling. No input."
    prompt = [at for at, _ in driven.heard]
    gap = max(after - before for before, after in itertools.pairwise(prompt))
    assert gap == pytest.approx(3.0, abs=0.05)
    driven = gathering('timeout="3"')
    for number in range(4):
        driven.presses(str(number), 1 + 2.5 * number)
    driven.run()
    assert posted(driven) == keys("0123")


def test_a_key_ends_the_prompt_at_once() -> None:
    """Nested pauses and sounds too."""
    for inside in (
        "<Say>Thank you for calling. Goodbye.</Say>",
        '<Say>Hello.</Say><Pause length="60"/>',
        "<Play>x.wav</Play><Pause length='60'/>",
    ):
        driven = gathering('numDigits="1"', inside)
        driven.presses("1", 0.58)
        driven.run_until(lambda driven=driven: posted(driven))  # type: ignore[misc]
        assert driven.now == pytest.approx(0.6)


def test_speech_is_understood_to_the_word() -> None:
    """It ends with the silence that was asked for."""
    for attributes, silence in (
        ('speechTimeout="2"', 2.0),
        ('speechTimeout="auto"', 1.0),
        ('timeout="3"', 3.0),
    ):
        driven = gathering(f'input="speech" {attributes}')
        driven.says(ASKED)
        spoken = len(driven.party) * 0.02
        driven.run_until(lambda driven=driven: posted(driven))  # type: ignore[misc]
        assert posted(driven) == (("SpeechResult", ASKED), ("Confidence", "0.95"))
        assert driven.now == pytest.approx(spoken + silence, abs=0.3)


def test_two_sentences_with_a_short_pause_are_one_result() -> None:
    """The pause is shorter than the silence that ends it."""
    driven = gathering('input="speech" speechTimeout="2"')
    driven.says("Yes, please.")
    driven.party += [b"\xff" * 160] * 50
    driven.says("Goodbye.")
    driven.run()
    assert posted(driven) == (
        ("SpeechResult", "Yes, please. Goodbye."),
        ("Confidence", "0.95"),
    )


def test_speech_stops_the_prompt_only_with_barge_in() -> None:
    """Without it, what is said during the prompt is lost."""
    prompt = "<Say>Thank you for calling. Thank you for calling. Goodbye.</Say>"
    driven = gathering('input="speech" speechTimeout="1"', prompt)
    driven.run(0.4)
    driven.says(ASKED)
    driven.run()
    assert dict(posted(driven) or ())["SpeechResult"] == ASKED
    assert driven.said.startswith("Thank")
    assert "Thank you for calling. Thank" not in driven.said
    driven = gathering('input="speech" speechTimeout="1" bargeIn="false"', prompt)
    driven.run(0.4)
    driven.says("Yes, please.")
    driven.run()
    assert posted(driven) is None
    whole = "Thank you for calling. Thank you for calling. Goodbye. No input."
    assert driven.said == whole


def test_partial_results_come_word_by_word() -> None:
    """Each with its number; the final one goes to the action alone."""
    attributes = (
        'partialResultCallback="partial" partialResultCallbackMethod="GET"'
        ' input="speech" speechTimeout="1"'
    )
    driven = gathering(attributes)
    driven.says(ASKED)
    driven.run()
    sent = driven.all(Send)
    assert {(send.url, send.method) for send in sent} == {
        ("https://agent.example/calls/partial", "GET")
    }
    numbers = [dict(send.fields)["SequenceNumber"] for send in sent]
    assert numbers == [str(number) for number in range(len(sent))]
    texts = [dict(send.fields)["UnstableSpeechResult"] for send in sent]
    assert all(ASKED.startswith(text) for text in texts)
    assert 3 <= len(texts) <= 6


def test_audio_without_code_becomes_a_scripted_sentence() -> None:
    """A short noise becomes nothing, and the wait begins anew."""
    driven = gathering('input="speech" speechTimeout="1"')
    driven.party += [NOISE] * 30
    driven.run()
    assert dict(posted(driven) or ())["SpeechResult"]
    driven = gathering('input="speech" speechTimeout="1" timeout="2"')
    driven.party += [NOISE] * 3
    driven.run()
    assert posted(driven) is None


def test_speech_has_a_longest_time() -> None:
    """After it, what was understood so far is the result."""
    driven = gathering('input="speech" maxSpeechTime="1" speechTimeout="5"')
    driven.says(ASKED)
    driven.run_until(lambda: posted(driven))
    assert driven.now < 1.2
    assert ASKED.startswith(dict(posted(driven) or ())["SpeechResult"])


def test_an_empty_result_is_posted_when_asked_for() -> None:
    """With all that there could have been."""
    driven = gathering('input="dtmf speech" actionOnEmptyResult="true" timeout="1"')
    driven.run()
    assert posted(driven) == (
        *keys(""),
        ("SpeechResult", ""),
        ("Confidence", "0.0"),
    )


def test_the_action_is_the_document_itself_unless_given() -> None:
    """A document that came without an address has nowhere to send it."""
    driven = Driven('<Gather numDigits="1"/>')
    driven.presses("1")
    driven.run(1)
    again = driven.all(FetchDocument)[1]
    assert (again.url, again.method, again.fields) == (PAGE, "POST", keys("1"))
    inline = '<Response><Gather numDigits="1"/><Say>Goodbye.</Say></Response>'
    driven = Driven(voice=Voice(twiml=inline))
    driven.presses("1")
    driven.run()
    assert driven.notes == ["11100"]
    assert driven.said == "Goodbye."


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('input="thought"', "13326"),
        ('timeout="soon"', "13313"),
        ('finishOnKey="x"', "13310"),
        ('numDigits="many"', "13314"),
        ('speechTimeout="0"', "13327"),
        ('maxSpeechTime="900"', "13328"),
        ('bargeIn="perhaps"', "13332"),
        ('actionOnEmptyResult="perhaps"', "13338"),
        ('method="PUT"', "13312"),
        ('partialResultCallbackMethod="PUT"', "13329"),
        (f'hints="{"x" * 101}"', "13330"),
        ('timeout="99999999999999999999"', "13313"),
    ],
)
def test_a_bad_attribute_is_a_warning_and_its_default_counts(
    attributes: str, code: str
) -> None:
    """The call goes on."""
    driven = gathering(attributes)
    driven.presses("5#", 1)
    driven.run(700)
    assert [(note.code, note.level) for note in driven.all(Noted)] == [
        (code, "warning")
    ]
    assert posted(driven) == keys("5", "#")


def test_only_prompts_may_be_nested() -> None:
    """Anything else is left out."""
    driven = gathering('timeout="1"', "<Dial>+14155550123</Dial><Say>Goodbye.</Say>")
    driven.run()
    assert driven.notes == ["12200"]
    assert driven.said == "Goodbye. No input."
