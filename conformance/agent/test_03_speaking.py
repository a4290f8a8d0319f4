"""From the speech service to the caller's ear."""

from __future__ import annotations

from conformance._case import INFO, MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Nothing, Recite, Refuse, Trickle
from fakes.twilio.caller.script import (
    AwaitGreeting,
    HangUp,
    Pause,
    Say,
    expected_reply,
    plain_words,
)
from voiceutils.mulaw import FRAME_SECONDS


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


_MONOLOGUE = (
    "There are several ways to reach us. You can take the tram to the market square. "
    "You can also come by car and leave it behind the house. Please ring the bell at "
    "the side door and wait a moment. Somebody will come down and show you the way. "
    "The lift is at the end of the corridor on the left."
)


@case(
    "3.4",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4964",
    mutants=("stops_after_eight_seconds",),
)
async def test_long_reply_is_heard_to_its_end(line: Line) -> None:
    """A long reply is heard to its end.

    Do: let the model answer with six sentences; listen until silence.
    Expect: the words heard are those of the reply, none lost.
    Because: buffers with a limit lose the end of exactly the replies that matter.
    """
    await line.fault("chat", Recite(_MONOLOGUE))
    await line.talk(AwaitGreeting(), Say("What time is it?"), Pause(1.0), HangUp())
    await line.attempts()
    record = line.expect_completed()
    heard = record.turns[0].heard
    line.expect(
        plain_words(heard) == plain_words(_MONOLOGUE),
        f"{len(plain_words(_MONOLOGUE))} words",
        f"{len(plain_words(heard))}: {heard!r}",
    )


@case(
    "3.5",
    level=MUST,
    source="https://github.com/openclaw/openclaw/issues/119070",
    mutants=("pads_every_piece", "paces_by_sleeping"),
)
async def test_no_holes_within_a_sentence(line: Line) -> None:
    """A sentence lasts as long as it is; there are no holes in it.

    Do: greeting, and a question whose reply has two sentences.
    Expect: each sentence is heard within its own length and 0.1 s.
    Because: a voice that stutters is hard to understand, and sounds broken.
    """
    await line.talk(AwaitGreeting(), Say("Where is my parcel?"), HangUp())
    record = line.expect_completed()
    line.expect(bool(record.utterances), "speech", "none")
    for utterance in record.utterances:
        lasted = utterance.last_at - utterance.first_at + FRAME_SECONDS
        whole = utterance.frames * FRAME_SECONDS
        line.expect(
            lasted <= whole + 0.1,
            f"{utterance.text!r} within {whole:.2f} s",
            f"{lasted:.2f} s",
        )


@case(
    "3.6",
    level=SHOULD,
    source="https://github.com/twilio-labs/call-gpt/issues/14",
    mutants=("waits_for_the_whole_reply",),
)
async def test_first_sentence_does_not_wait_for_the_last(line: Line) -> None:
    """The first sentence is heard before the model has written the last one.

    Do: let the model take 0.25 s a word for a reply of two sentences.
    Expect: the reply begins before the model has finished.
    Because: the caller waits for the first words, not for the last.
    """
    await line.fault("chat", Trickle(0.25))
    record = await line.talk(
        AwaitGreeting(), Say("My internet stopped working this morning."), HangUp()
    )
    asked = await line.attempts("chat")
    line.expect(bool(asked), "the model is asked", "it is not")
    closed, reply_at = asked[0].closed, record.turns[0].reply_at
    line.expect(reply_at is not None, "a reply", record.cause)
    assert reply_at is not None
    early = None if closed is None else closed - record.placed_at - reply_at
    line.expect(
        early is None or early > 0,
        "a reply that begins while the model is writing",
        f"{-(early or 0.0):.2f} s after its end",
    )


@case(
    "3.7",
    level=INFO,
    source="https://github.com/bolna-ai/bolna/pull/942",
)
async def test_depth_of_the_queue_is_told(line: Line) -> None:
    """How much unplayed audio waits at Twilio at the most.

    Do: ask for a long reply, and follow what is sent against what is played.
    Expect: a figure.
    Because: it is what the caller goes on hearing when a ``clear`` comes late.
    """
    await line.fault("chat", Recite(_MONOLOGUE))
    async with line.tapped() as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
        depth = tap.deepest_queue()
    line.expect(depth > 0, "audio for the caller", "none")
    line.figure("unplayed audio", depth)
