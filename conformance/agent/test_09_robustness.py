"""Nonsense on the media wire, and providers that fail in the middle of a turn."""

from __future__ import annotations

from collections.abc import Sequence

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say

_NONSENSE: tuple[str | bytes, ...] = (
    "{not json",
    '"just a string"',
    "[]",
    "{}",
    '{"event":"surprise","streamSid":"MZ0"}',
    '{"event":"media","streamSid":"MZ0"}',
    (
        '{"event":"media","sequenceNumber":"9","media":{"track":"inbound","chunk":"9",'
        '"timestamp":"9","payload":"***not base64***"},"streamSid":"MZ0"}'
    ),
    (
        '{"event":"media","sequenceNumber":"9","media":{"track":"inbound","chunk":"9",'
        '"timestamp":"9","payload":17},"streamSid":"MZ0"}'
    ),
    '{"event":"mark","sequenceNumber":"9","streamSid":"MZ0","mark":{}}',
    '{"event":"dtmf","streamSid":"MZ0"}',
    b"\x00\xff binary",
)


class _Heckler:
    """Says one piece of nonsense after every fifteenth message, in the open call."""

    def __init__(self) -> None:
        self._seen = 0
        self.said = 0

    def __call__(self, text: str) -> Sequence[str | bytes]:
        self._seen += 1
        if self._seen % 15 or self.said == len(_NONSENSE):
            return [text]
        self.said += 1
        return [text, _NONSENSE[self.said - 1]]


@case(
    "9.1",
    level=MUST,
    source="https://github.com/deepgram-devs/sts-twilio",
    mutants=("ends_on_a_malformed_message",),
)
async def test_nonsense_on_the_media_socket_is_survived(line: Line) -> None:
    """Malformed messages do not end the call.

    Do: in the course of a call send eleven malformed messages: bad JSON, unknown
        events, missing fields, wrong types, bad base64, a binary message; then a
        plain call to the same agent.
    Expect: the caller's question is answered in both calls.
    Because: new kinds of messages appear without notice, and one bad frame is no
        reason to hang up on somebody.
    """
    heckler = _Heckler()
    async with line.tapped(heckler) as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
    line.expect_completed()
    line.expect(
        heckler.said == len(_NONSENSE),
        f"all {len(_NONSENSE)} malformed messages are sent",
        f"the call was over after {heckler.said}",
    )
    await line.check_alive()


@case(
    "9.4",
    level=MUST,
    source="https://github.com/twilio/twilio-agent-connect-python/pull/82",
    mutants=("misspells_payload",),
)
async def test_every_message_fits_the_protocol(line: Line) -> None:
    """Every message to Twilio fits the protocol.

    Do: greeting, a question, an interruption, and the reply.
    Expect: nothing for which Twilio would log 31950 or 31951.
    Because: Twilio ignores what does not fit, and the caller hears silence.
    """
    record = await line.talk(
        AwaitGreeting(),
        Say(f"Hello, this is caller {line.digits}."),
        Say("What time is it?", barge_in_after=0.6),
        HangUp(),
    )
    wrong = [
        f"{finding.code} {finding.text} {finding.evidence}"
        for finding in record.findings
        if finding.code in ("31950", "31951")
    ]
    line.expect(not wrong, "no message that Twilio would ignore", "; ".join(wrong))
    line.expect_completed()


def _with_more_fields(text: str) -> Sequence[str | bytes]:
    if text.endswith("}"):
        return [text[:-1] + ',"futureField":{"of":["some",{"kind":1}]}}']
    return [text]


@case(
    "9.10",
    level=MUST,
    source="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    mutants=("rejects_unknown_fields",),
)
async def test_new_fields_are_no_reason_to_fail(line: Line) -> None:
    """Messages with fields that are new are read all the same.

    Do: every message to the agent has one more field; ask a question.
    Expect: it is answered.
    Because: fields are added without notice, on a day of the provider's choice.
    """
    async with line.tapped(_with_more_fields) as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
    line.expect_completed()


class _Unordered:
    """Loses every 40th media message and sends every 23rd twice."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, text: str) -> Sequence[str | bytes]:
        if '"event":"media"' not in text:
            return [text]
        self._seen += 1
        if self._seen % 40 == 0:
            return []
        return [text, text] if self._seen % 23 == 0 else [text]


@case(
    "9.11",
    level=SHOULD,
    source="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    mutants=("ends_at_a_gap_in_the_numbers",),
)
async def test_gaps_in_the_numbers_are_survived(line: Line) -> None:
    """Media messages that are missing or come twice do not end the call.

    Do: lose every 40th media message, repeat every 23rd; ask a question.
    Expect: it is answered.
    Because: under congestion Twilio discards audio; 20 ms are not worth a call.
    """
    async with line.tapped(_Unordered()) as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
    line.expect_completed()


def _twice_at_the_ends(text: str) -> Sequence[str | bytes]:
    ends = '"event":"start"' in text or '"event":"stop"' in text
    return [text, text] if ends else [text]


@case(
    "9.12",
    level=SHOULD,
    source="https://github.com/pipecat-ai/pipecat/pull/4774",
    mutants=("begins_again_at_every_start",),
)
async def test_doubled_start_and_stop_are_harmless(line: Line) -> None:
    """A ``start`` or a ``stop`` that comes twice does no harm.

    Do: send start and stop twice; ask a question; then a plain call.
    Expect: one greeting, the question answered; the plain call is answered, too.
    Because: proxies repeat themselves; one caller must not become two calls.
    """
    async with line.tapped(_twice_at_the_ends) as tap:
        await line.talk(
            AwaitGreeting(), Say("What time is it?"), HangUp(), address=tap.address
        )
    line.expect_completed()
    links = await line.attempts("listen")
    line.expect(len(links) == 1, "one link to the recogniser", f"{len(links)}")
    await line.check_alive()
