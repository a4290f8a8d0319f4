"""A call goes where its documents send it, in virtual time."""

from __future__ import annotations

import pytest

from conformance.core._flow import PAGE, Driven, response
from fakes.speech import Speech, speak
from fakes.speech.code import Speaker
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    Answer,
    FetchDocument,
    HangUpDial,
    Noted,
    Over,
    Send,
    StopStream,
    Voice,
)

OTHER = "https://agent.example/calls/other"
STREAM = '<Connect><Stream url="wss://agent.example/media"/></Connect>'
SILENT = FlowSettings(apology=False)


def seconds_of(text: str) -> float:
    """How long Twilio takes to say a sentence."""
    speech: Speech = speak(text, speaker=Speaker.AGENT, call=1)
    return speech.seconds


# --- answering --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "status", "answers"),
    [
        ("<Hangup/>", "completed", True),
        ("", "completed", True),
        ("<Pause/>", "completed", True),
        ("<Say>Hi.</Say>", "completed", True),
        ("<Reject/>", "no-answer", False),
        ('<Reject reason="busy"/>', "busy", False),
        (f"<Redirect>{OTHER}</Redirect>", "busy", False),
        ("<Pause/><Reject/>", "completed", True),
        ("<Play>nothing.wav</Play>", "completed", True),
    ],
)
def test_what_answers_a_ringing_call(inside: str, status: str, answers: bool) -> None:
    """Only a refusal, at once or after a redirect, leaves it unanswered."""
    rejecting = {OTHER: response('<Reject reason="busy"/>')}
    driven = Driven(inside, pages=rejecting).run()
    assert driven.over.status == status
    assert len(driven.all(Answer)) == answers


def test_an_outgoing_leg_is_answered_already() -> None:
    """No order for that, and a refusal is a hang-up."""
    driven = Driven("<Reject/>", answered=True).run()
    assert driven.all(Answer) == []
    assert driven.over.status == "completed"
    assert driven.over.reject == ""


def test_whether_a_pause_answers_is_a_setting() -> None:
    """The documentation says so; it was seen otherwise."""
    settings = FlowSettings(pause_answers=False)
    driven = Driven("<Pause/><Reject/>", settings=settings).run()
    assert driven.all(Answer) == []
    assert driven.over == Over(
        "no-answer", "the agent answered with <Reject>", "rejected"
    )
    assert driven.ended_at == pytest.approx(1.0, abs=0.021)


# --- one after the other ----------------------------------------------------------


def test_verbs_run_in_order_and_take_their_time() -> None:
    """What is said is heard in full; a pause lasts as long as it says."""
    driven = Driven(
        '<Say>Thank you for calling. Goodbye.</Say><Pause length="3"/>'
        '<Say loop="2">Goodbye.</Say>'
    ).run()
    assert driven.said == "Thank you for calling. Goodbye. Goodbye."
    spoken = seconds_of("Thank you for calling.") + 3 * seconds_of("Goodbye.")
    assert driven.ended_at == pytest.approx(3 + spoken + 0.2, abs=0.1)
    assert driven.over == Over("completed")
    assert driven.notes == []


def test_a_say_speaks_any_length_in_utterances_of_their_own() -> None:
    """Long sentences are cut where one utterance cannot carry them."""
    words = " ".join(["word"] * 300)
    driven = Driven(f"<Say>{words}</Say>").run(600)
    assert driven.said == words


def test_ssml_is_spoken_as_text_with_its_breaks() -> None:
    """The voice is ours; the pauses are the document's."""
    say = (
        '<Say voice="alice">One <emphasis level="strong">two</emphasis>'
        '<break time="2s"/>three <sub alias="four">IV</sub></Say>'
    )
    driven = Driven(say).run()
    assert driven.said == "One two three four"
    plain = Driven("<Say>One two. three four</Say>").run()
    assert driven.ended_at - plain.ended_at == pytest.approx(2.0, abs=0.5)
    assert driven.notes == []


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("<Say/>", "13520"),
        (f"<Say>{'a ' * 2100}</Say>", "13521"),
        ('<Say loop="often">Goodbye.</Say>', "13510"),
        ('<Pause length="-1"/>', "13910"),
        ('<Pause length="one"/>', "13910"),
        ('<Play loop="x" digits="1"/>', "13410"),
        ('<Play digits="1z"/>', "13430"),
        ('<Reject reason="tired"/>', "13810"),
        ("<say>Hi.</say>", "12200"),
        ('<Say color="red">Goodbye.</Say>', "12200"),
        ("<Pause><Say>Hi.</Say></Pause>", "12200"),
        ("<Connect/>", "12200"),
        ("<Enqueue>support</Enqueue>", "not_performed"),
        ('<Start><Siprec name="s"/></Start>', "not_performed"),
        ("<Connect><Room>r</Room></Connect>", "not_performed"),
        ('<Stop><Stream name="none"/></Stop>', "12200"),
    ],
)
def test_what_is_odd_is_a_warning_and_the_call_goes_on(inside: str, code: str) -> None:
    """Noted once, although it is there twice."""
    driven = Driven(inside * 2).run()
    noted = driven.all(Noted)
    assert [(note.code, note.level) for note in noted] == [(code, "warning")]
    assert driven.over.status in ("completed", "no-answer")


# --- documents --------------------------------------------------------------------


def test_a_redirect_runs_another_document_and_never_returns() -> None:
    """Relative addresses belong to the document that names them."""
    deeper = "https://agent.example/calls/deeper/page"
    driven = Driven(
        '<Redirect method="GET">deeper/page</Redirect><Say>Never.</Say>',
        pages={
            deeper: response("<Redirect>../other</Redirect>"),
            OTHER: response("<Say>Goodbye.</Say>"),
        },
    ).run()
    assert [(o.url, o.method) for o in driven.all(FetchDocument)] == [
        (PAGE, "POST"),
        (deeper, "GET"),
        (OTHER, "POST"),
    ]
    assert driven.said == "Goodbye."


@pytest.mark.parametrize("inside", ["<Redirect/>", f"<Redirect>{PAGE}</Redirect>"])
def test_a_loop_of_redirects_ends(inside: str) -> None:
    """With a finding, and the apology that any broken application gets."""
    driven = Driven(inside).run()
    assert driven.notes == ["redirect_loop"]
    assert len(driven.all(FetchDocument)) == 32
    assert "redirect loop" in driven.over.cause
    assert "error has occurred" in driven.said


def test_a_loop_that_lets_time_pass_is_a_menu_until_the_limit() -> None:
    """A menu that repeats itself is no fault; for ever is."""
    settings = FlowSettings(documents=50, time_limit=3600)
    driven = Driven("<Pause/><Redirect/>", settings=settings).run(200)
    assert driven.notes == ["redirect_loop"]
    assert len(driven.all(FetchDocument)) == 50


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", "text/xml", "11770"),
        (b"<Response/>" + b" " * 70_000, "text/xml", "11750"),
        (b"{}", "application/json", "12300"),
        (b"<Response>", "text/xml", "12100"),
        (b"<Answer/>", "text/xml", "12102"),
        (b"<?xml version='1.1'?><Response/>", "text/xml", "12101"),
    ],
)
def test_the_fallback_is_asked_once_with_the_reason(
    body: bytes, kind: str, code: str
) -> None:
    """When that fails too, the caller hears that an error has occurred."""
    voice = Voice(PAGE, fallback_url=OTHER, fallback_method="GET")
    driven = Driven(body, voice=voice, pages={OTHER: response("<Say>Goodbye.</Say>")})
    _serve_as(driven, body, kind)
    assert driven.notes == [code]
    asked = driven.last(FetchDocument)
    assert asked == (OTHER, "GET", (("ErrorCode", code), ("ErrorUrl", PAGE)))
    driven.run()
    assert driven.said == "Goodbye."
    assert driven.over == Over("completed")

    driven = Driven(body, voice=voice)
    _serve_as(driven, body, kind)
    driven.run()
    assert driven.notes == [code, "11200"]
    assert len(driven.all(FetchDocument)) == 2
    assert "application error" in driven.said
    assert driven.over == Over("completed", f"no {OTHER}")


def _serve_as(driven: Driven, body: bytes, kind: str) -> None:
    """Begin anew, with another content type of the first page."""
    driven.trace.clear()
    driven.kinds[PAGE] = kind
    flow = driven.flow
    if flow.is_over:
        raise AssertionError("the flow is over before it began")
    voice = Voice(PAGE, fallback_url=OTHER, fallback_method="GET")
    flow.redirect(voice, driven.now)
    driven.carry_out()


def test_the_apology_can_be_left_out() -> None:
    """For who tests an agent and wants to know at once."""
    driven = Driven(b"<Answer/>", settings=SILENT)
    assert driven.flow.is_over
    assert driven.over.cause == "bad TwiML: root is <Answer>, not <Response>"


def test_a_document_that_never_comes_is_given_up() -> None:
    """The wait has a deadline that says what was awaited."""
    driven = Driven(settings=SILENT, voice=Voice(twiml=""))
    assert driven.notes == ["11770"]
    driven = Driven(settings=SILENT, voice=Voice("http://127.0.0.1/slow"))
    flow = Driven(STREAM).flow
    flow.redirect(Voice("http://127.0.0.1/slow"), 5.0)
    assert flow.next_timer() == pytest.approx(25.0)
    flow.take()
    flow.on_timer(25.0)
    noted = [order for order in flow.take() if isinstance(order, Noted)]
    assert [note.code for note in noted] == ["11205"]
    assert "http://127.0.0.1/slow within 20 s" in noted[0].text


def test_a_document_may_be_given_instead_of_an_address() -> None:
    """The address counts when there are both."""
    inline = response("<Say>Goodbye.</Say>").decode()
    driven = Driven(voice=Voice(twiml=inline)).run()
    assert driven.said == "Goodbye."
    assert driven.all(FetchDocument) == []
    driven = Driven("<Say>Hello.</Say>", voice=Voice(PAGE, twiml=inline)).run()
    assert driven.said == "Hello."


def test_plain_text_is_read_out() -> None:
    """As if in a Say."""
    driven = Driven(b"Goodbye.", voice=Voice(OTHER), pages={OTHER: b"Goodbye."})
    driven.kinds[OTHER] = "text/plain; charset=utf-8"
    driven.flow.redirect(Voice(OTHER), driven.now)
    driven.carry_out()
    driven.run()
    assert driven.said.endswith("Goodbye.")
    assert driven.over == Over("completed")


def test_a_sound_is_played_and_the_call_ends() -> None:
    """A webhook may answer with one."""
    driven = Driven("<Pause/>")
    driven.pages[OTHER] = bytes(range(160)) * 3
    driven.kinds[OTHER] = "audio/x-mulaw"
    driven.flow.redirect(Voice(OTHER), driven.now)
    driven.carry_out()
    driven.run()
    assert [frame for _, frame in driven.heard] == [bytes(range(160))] * 3
    assert driven.over == Over("completed")


# --- taken over and ended ---------------------------------------------------------

BLOCKING = [
    "<Say>Thank you for calling.</Say>",
    '<Pause length="30"/>',
    STREAM,
    "<Gather><Say>Press a key now.</Say></Gather>",
    '<Gather input="speech"/>',
    "<Record/>",
    "<Dial>+14155550123</Dial>",
    '<Connect><ConversationRelay url="wss://h/r"/></Connect>',
]


@pytest.mark.parametrize("inside", BLOCKING)
def test_a_rest_update_abandons_the_document_at_once(inside: str) -> None:
    """Whatever runs is stopped, and the rest of the old document is dropped."""
    driven = Driven(f"{inside}<Say>Never.</Say>")
    driven.run(0.2)
    driven.heard.clear()
    driven.pages[OTHER] = response("<Say>Goodbye.</Say>")
    driven.flow.redirect(Voice(OTHER, "GET"), driven.now)
    driven.streaming = False
    driven.carry_out()
    assert driven.last(FetchDocument) == (OTHER, "GET", ())
    driven.run()
    assert driven.said == "Goodbye."
    assert driven.over == Over("completed")
    assert (StopStream(bidirectional=True) in driven.orders) == (inside == STREAM)
    assert bool(driven.all(HangUpDial)) == ("Dial" in inside)


@pytest.mark.parametrize("inside", BLOCKING)
def test_a_hang_up_ends_everything(inside: str) -> None:
    """One last order, with the status and cause that were given; nothing after it."""
    driven = Driven(f"{inside}<Say>Never.</Say>")
    driven.run(0.2)
    driven.flow.hang_up(driven.now, cause="hung up by a test")
    driven.carry_out()
    assert driven.over == Over("completed", "hung up by a test")
    flow, now = driven.flow, driven.now
    flow.hang_up(now)
    flow.redirect(Voice(PAGE), now)
    flow.stream_ended("", "", now)
    flow.document(response("<Say>Hi.</Say>"), "text/xml", PAGE, now)
    flow.fetch_failed(PAGE, "11200", "no", now)
    flow.relay_closed(1000, now)
    flow.on_timer(now + 1e6)
    assert flow.frame(now) == b""
    assert flow.take() == []
    assert flow.next_timer() is None
    assert driven.all(Send) == []


def test_the_whole_call_has_a_time_limit() -> None:
    """For ever is four hours, or what the call was given."""
    driven = Driven('<Say loop="0">Goodbye.</Say>', settings=FlowSettings(time_limit=9))
    driven.run(20)
    assert driven.ended_at == pytest.approx(9, abs=0.03)
    assert driven.over == Over("completed", "the call exceeded its time limit of 9 s")


def test_a_sound_that_was_given_up_does_not_fail_the_next_document() -> None:
    """Its failure comes while a document is waited for."""
    driven = Driven("<Pause/>")
    flow = driven.flow
    flow.redirect(Voice(twiml=response(f"<Play>{OTHER}.wav</Play>").decode()), 0.0)
    flow.redirect(Voice(PAGE), 0.0)
    flow.take()
    flow.fetch_failed(f"{OTHER}.wav", "11200", "late", 0.0)
    assert flow.take() == []
    flow.document(response(""), "text/xml", PAGE, 0.0)
    assert flow.is_over
