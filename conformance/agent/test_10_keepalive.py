"""Silence on a link, in one direction or the other; and waits without an end."""

from __future__ import annotations

from collections.abc import Sequence

from conformance._case import MUST, SHOULD, case
from conformance._line import Line, Unsupported
from fakes.faults import HalfOpen, Mute, Nothing, Stall
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say

_SILENCE = 11.5  # seconds; the recogniser closes after 10


class _Hold:
    """Lets no media through for a while, as a line on hold does."""

    def __init__(self, after: float, seconds: float) -> None:
        self._from = round(after * 50)
        self._until = self._from + round(seconds * 50)
        self._seen = 0

    def __call__(self, text: str) -> Sequence[str | bytes]:
        if '"event":"media"' not in text:
            return [text]
        self._seen += 1
        return [] if self._from <= self._seen < self._until else [text]


async def _hold_and_ask(line: Line) -> None:
    async with line.tapped(_Hold(3.5, _SILENCE)) as tap:
        await line.talk(
            AwaitGreeting(),
            Pause(_SILENCE + 1.5),
            Say("What time is it?"),
            HangUp(),
            address=tap.address,
        )


@case(
    "10.1",
    level=MUST,
    source="https://github.com/deepgram/deepgram-python-sdk/issues/319",
    mutants=("idles_to_death",),
)
async def test_caller_is_heard_after_a_long_hold(line: Line) -> None:
    """A caller who was on hold for long is heard again.

    Do: no media for 11.5 s; then a question.
    Expect: the question is answered.
    Because: the recogniser closes a link on which nothing comes for 10 s.
    """
    await _hold_and_ask(line)
    await line.attempts()
    line.expect_completed()


@case(
    "10.2",
    level=SHOULD,
    source="https://developers.deepgram.com/docs/audio-keep-alive",
    mutants=("sends_no_keep_alive",),
)
async def test_link_is_kept_alive(line: Line) -> None:
    """The link to the recogniser is kept alive while there is no audio.

    Do: no media for 11.5 s.
    Expect: one link for the whole call, never 10 s without a message on it.
    Because: a link that has to be opened anew loses the first words after the hold.
    """
    await _hold_and_ask(line)
    links = await line.attempts("listen")
    found = await line.misconduct("listen")
    line.expect(
        len(links) == 1 and "keepalive_missing" not in found,
        "one link, with something on it at least every 10 s",
        found.get("keepalive_missing") or f"{len(links)} links",
    )


@case(
    "10.3",
    level=MUST,
    source="https://developers.deepgram.com/docs/audio-keep-alive",
    mutants=("sends_keep_alive_in_binary",),
)
async def test_commands_are_text(line: Line) -> None:
    """Commands to the recogniser are text messages.

    Do: no media for 11.5 s, so that a KeepAlive is due; then a question; hang up.
    Expect: no command in a binary message.
    Because: in a binary message it is audio: noise, and nothing is kept alive.
    """
    await _hold_and_ask(line)
    await line.attempts()
    found = await line.misconduct("listen")
    line.expect(
        "control_in_binary" not in found,
        "text messages",
        found.get("control_in_binary", ""),
    )


@case(
    "10.4",
    level=SHOULD,
    source="https://github.com/livekit/agents/issues/931",
    mutants=("trusts_a_silent_link",),
)
async def test_dead_recogniser_is_not_met_with_silence(line: Line) -> None:
    """A recogniser that vanished without a close does not silence the call.

    Do: the link to the recogniser goes dead in 2 s, with its socket up; ask.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: a dead machine sends no close; sockets stay up for minutes.
    """
    await line.fault("listen", HalfOpen(after=2.0))
    await line.talk(
        AwaitGreeting(), Say("Please tell me where my parcel is now."), HangUp()
    )
    await line.attempts()
    line.expect_no_silence()


@case(
    "10.5",
    level=SHOULD,
    source="https://github.com/deepgram/deepgram-js-sdk/issues/281",
    mutants=("trusts_a_silent_link",),
)
async def test_mute_recogniser_is_not_met_with_silence(line: Line) -> None:
    """A recogniser that takes audio and says nothing does not silence the call.

    Do: from 2 s on the recogniser sends no message, and its pongs go on; ask.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: pings find dead links only; this one is alive and useless.
    """
    await line.fault("listen", Mute(after=2.0))
    await line.talk(
        AwaitGreeting(), Say("Please tell me where my parcel is now."), HangUp()
    )
    await line.attempts()
    line.expect_no_silence()


@case(
    "10.6",
    level=MUST,
    source="https://github.com/livekit/agents/pull/3686",
    mutants=("waits_for_the_model_for_ever",),
)
async def test_silent_model_is_given_up(line: Line) -> None:
    """A model that takes the request and says nothing is given up.

    Do: let the first two requests to the model stall; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: without a limit the caller waits for as long as the socket lives.
    """
    await line.fault("chat", Stall(), Stall(), Nothing())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


@case(
    "10.7",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/5756",
    mutants=("waits_for_speech_for_ever",),
)
async def test_speech_that_stops_in_mid_sentence_is_given_up(line: Line) -> None:
    """Speech that stops in the middle of a sentence is given up.

    Do: let the third speech request stall after its first piece; ask, and wait.
    Expect: something else is heard within 8 s of the broken sentence, or the call ends.
    Because: the first byte came, so every limit on the first byte is of no use.
    """
    await line.fault("speak_rest", Nothing(), Nothing(), Stall(after_sent=1), Nothing())
    record = await line.talk(
        AwaitGreeting(), Say("Where is my parcel?"), Pause(8.0), HangUp()
    )
    await line.attempts()
    broken = [one for one in record.utterances if one.cut]
    if not broken and record.utterances:
        raise Unsupported("needs a speech request for each sentence")
    after = [
        one for one in record.utterances if broken and one.first_at > broken[0].last_at
    ]
    line.expect(
        bool(after) or record.cause.startswith("agent "),
        "something after the broken sentence, or the end of the call",
        record.cause or "silence",
    )
