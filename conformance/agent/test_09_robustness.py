"""Nonsense on the media wire, and providers that fail in the middle of a turn."""

from __future__ import annotations

from collections.abc import Sequence

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Nothing, Refuse, Stall
from fakes.twilio.script import AwaitGreeting, HangUp, Say

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
    "9.2",
    level=MUST,
    source="https://github.com/livekit/agents/issues/6009",
    mutants=("silent_when_the_model_fails",),
)
async def test_failing_model_is_not_met_with_silence(line: Line) -> None:
    """When the model fails, the caller hears something, or the call ends.

    Do: answer every request to the model with 500; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: dead air tells the caller nothing, and he stays on the line and pays.
    """
    await line.fault("chat", *(Refuse(500),) * 12)
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()
    await line.check_alive()


@case(
    "9.3",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/5756",
    mutants=("waits_for_speech_for_ever",),
)
async def test_silent_speech_service_is_given_up(line: Line) -> None:
    """When the speech service takes a request and says nothing, the call goes on.

    Do: let the second and third speech request of the call stall; ask a question.
    Expect: something is heard within 8 s of the last word, or the agent hangs up.
    Because: a healthy socket without data is the failure that no error reports.
    """
    await line.fault("speak_rest", Nothing(), Stall(), Stall(), Nothing())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_no_silence()


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
