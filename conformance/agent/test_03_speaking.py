"""From the speech service to the caller's ear."""

from __future__ import annotations

from conformance._case import MUST, case
from conformance._line import Line
from fakes.faults import Nothing, Refuse
from fakes.twilio.script import AwaitGreeting, HangUp, Say, expected_reply, plain_words


@case(
    "3.1",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4993",
    mutants=("drops_the_end_of_a_reply", "speaks_sentences_out_of_order"),
)
async def test_reply_is_heard_whole_and_in_order(line: Line) -> None:
    """A reply of two sentences is heard whole, once and in order.

    Do: greeting; the caller says its number; listen to the reply's end.
    Expect: the words heard are the words of the reply, no frame of an utterance is
        lost or repeated, and the audio never runs dry inside one.
    Because: a caller who hears half a sentence asks again.
    """
    said = f"Hello, this is caller {line.digits}."
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    record = line.expect_completed()

    reply = expected_reply(said) or ""
    heard = record.turns[0].heard
    line.expect(
        plain_words(heard) == plain_words(reply),
        f"the caller hears {reply!r}",
        repr(heard),
    )
    for utterance in record.utterances:
        line.expect(
            not (utterance.lost or utterance.repeated or utterance.cut),
            f"utterance {utterance.utterance} is heard whole",
            f"{utterance.heard} of {utterance.frames} frames, lost {utterance.lost}, "
            f"repeated {utterance.repeated}",
        )


@case(
    "3.2",
    level=MUST,
    source="https://github.com/twilio-labs/call-gpt/issues/33",
    mutants=("asks_for_a_file",),
)
async def test_no_file_header_is_played(line: Line) -> None:
    """No file header is played as sound.

    Do: greeting, a question, its reply; look at every byte sent to the caller.
    Expect: no RIFF header among them.
    Because: the speech service sends WAV unless told not to, and Twilio plays the 44
        bytes of its header as a click before every sentence.
    """
    async with line.tapped() as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
        audio = tap.audio()
    line.expect(bool(audio), "some audio is sent to the caller", "none")
    line.expect(
        b"RIFF" not in audio,
        "raw mu-law only",
        f"{audio.count(b'RIFF')} RIFF headers in {len(audio)} bytes",
    )


@case(
    "3.3",
    level=MUST,
    source="https://github.com/twilio-labs/call-gpt/issues/18",
    mutants=("plays_the_error_body",),
)
async def test_error_body_is_not_played(line: Line) -> None:
    """The body of a refused speech request is not played.

    Do: let the speech service refuse the second request of the call with 402.
    Expect: no byte of the JSON that explains the refusal is sent to the caller.
    Because: an error played as mu-law is a burst of noise in the caller's ear.
    """
    await line.fault("speak_rest", *_ACCEPT_THEN_REFUSE)
    async with line.tapped() as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
        audio = tap.audio()
    await line.attempts()
    line.expect(
        b'"err_' not in audio and b"err_msg" not in audio,
        "no error body among the audio",
        f"one in {len(audio)} bytes of audio",
    )


_ACCEPT_THEN_REFUSE: tuple[Nothing | Refuse, ...] = (
    Nothing(),
    Refuse(402),
    Refuse(402),
)
