"""How a connection of the fake Voice Agent is warned, ends, and goes wrong."""

from __future__ import annotations

import pytest

from conformance.core._agent_talk import Sent, Talk, settings_of
from fakes.deepgram.agent.settings import AgentSettings, decode_agent_settings
from fakes.deepgram.outbox import AudioPiece, Ended
from fakes.delays import Uniform
from fakes.faults import EmptyAudio, LateFinal, NoFinal, Trickle
from voiceutils.errors import SettingError

ASKED = "What are your opening hours?"
FIRST, SECOND = (
    "We are open from nine to five on weekdays.",
    "On Saturday we close at noon.",
)
ONE_SENTENCE = ["ConversationText", "History", "audio", "AgentAudioDone"]


def end_of(talk: Talk) -> tuple[str, Ended]:
    """Return the code of the Error and the close frame that followed it."""
    *_, error, end = talk.take()
    assert error.kind == "Error"
    assert isinstance(end.item, Ended)
    return str(error.body["code"]), end.item


def test_silence_of_the_client_ends_the_connection() -> None:
    """Ten seconds without any message; KeepAlive puts it off and is not answered."""
    talk = Talk(settings=settings_of())
    talk.take()
    for _ in range(3):
        talk.wait(8)
        talk.command("KeepAlive")
    assert talk.take() == []
    talk.wait(9.9)
    assert talk.take() == []
    talk.wait(0.2)

    assert end_of(talk) == ("CLIENT_MESSAGE_TIMEOUT", Ended(1005, ""))


def test_a_long_session_is_warned_and_ended() -> None:
    """A warning at 1 h 55 and an error at 2 h."""
    talk = Talk(settings=settings_of())
    while talk.now < 7190:
        talk.wait(9)
        talk.command("KeepAlive")
    warning = talk.take()[-1]
    assert warning.body["code"] == "MAXIMUM_SESSION_LENGTH_APPROACHING"
    assert warning.at == pytest.approx(6900, abs=9)
    talk.command("KeepAlive")
    talk.wait(9.5)

    assert end_of(talk)[0] == "MAXIMUM_SESSION_LENGTH_REACHED"
    assert talk.now == pytest.approx(7200, abs=10)


@pytest.mark.parametrize(
    ("ways", "speech_delay", "code"),
    [
        (AgentSettings(think_delay=6.0), 0.1, "SLOW_THINK_REQUEST"),
        (AgentSettings(), 6.0, "SLOW_SPEAK_REQUEST"),
    ],
)
def test_slow_providers_are_warned_of(
    ways: AgentSettings, speech_delay: float, code: str
) -> None:
    """Once, before the reply."""
    talk = Talk(ways, settings=settings_of(), speech_delay=speech_delay)
    talk.command("InjectUserMessage", content="Hello.")
    talk.wait(9)
    bodies = talk.bodies()
    codes = [body["code"] for body in bodies if body["type"] == "Warning"]

    assert codes == [code]
    assert bodies[-1]["type"] == "AgentAudioDone"


def test_errors_can_have_their_older_form() -> None:
    """``message`` and no code, as recorded in 2025; the close code is a setting."""
    talk = Talk(AgentSettings(error_key="message", close_code=1011))
    talk.command("KeepAlive")
    *_, error, end = talk.take()

    assert set(error.body) == {"type", "description", "message"}
    assert end.item == Ended(1011, "")


def test_an_error_cuts_what_is_being_said() -> None:
    """No utterance is left half sent when the connection ends."""
    talk = Talk(settings=settings_of(greeting=ASKED), speech_pace=1.0)
    talk.wait(0.5)
    talk.take()
    talk.send("junk")
    assert talk.kinds() == ["cut", "Error", "end"]
    talk.send("more")
    talk.wait(100)

    assert talk.take() == []
    assert talk.core.next_timer() is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "bad settings of the Voice Agent"),
        ('{"think":1}', "unknown field `think`"),
        ('{"think_delay":-1}', "not between 0"),
        ('{"done_delay":-1}', "done_delay -1: not between"),
        ('{"close_code":7}', "close_code 7"),
    ],
)
def test_settings_that_cannot_work_are_told(text: str, complaint: str) -> None:
    """In one line, with the name of the setting."""
    with pytest.raises(SettingError, match=complaint):
        decode_agent_settings(text)


def test_settings_come_as_json() -> None:
    """Delays may be distributions; what is left out has its default."""
    given = decode_agent_settings('{"think_delay":{"type":"uniform","low":0,"high":1}}')

    assert given == AgentSettings(think_delay=Uniform(0.0, 1.0))


# --- faults ------------------------------------------------------------------------


def test_without_finals_the_turn_never_ends() -> None:
    """NoFinal: the user is noticed, and that is all."""
    talk = Talk(fault=NoFinal(), settings=settings_of())
    talk.take()
    talk.say(ASKED)
    talk.hush(9)

    assert talk.kinds() == ["UserStartedSpeaking"]


def test_late_finals_delay_the_turn() -> None:
    """LateFinal: the user's text comes later by so much."""
    times = []
    for fault in (None, LateFinal(2.0)):
        talk = Talk(fault=fault, settings=settings_of())
        talk.say(ASKED)
        talk.hush(5)
        times.append(next(x.at for x in talk.sent if x.kind == "ConversationText"))

    assert times[1] - times[0] == pytest.approx(2.0)


def test_a_voice_without_audio_is_warned_of() -> None:
    """EmptyAudio: SPEAK_REQUEST_FAILED, the text, AgentAudioDone and no byte."""
    talk = Talk(fault=EmptyAudio(), settings=settings_of())
    talk.take()
    talk.command("InjectAgentMessage", message="Hello.")
    talk.wait(3)
    kinds = talk.kinds()

    assert kinds == ["Warning", "ConversationText", "History", "AgentAudioDone"]


def test_trickling_audio_takes_its_time() -> None:
    """Trickle: so many seconds for each second of audio."""
    talk = Talk(fault=Trickle(2.0), settings=settings_of())
    talk.command("InjectAgentMessage", message=FIRST)
    talk.wait(9)
    pieces = [x for x in talk.sent if isinstance(x.item, AudioPiece)]
    seconds = sum(_seconds(piece) for piece in pieces[:-1])

    assert pieces[-1].at - pieces[0].at == pytest.approx(2 * seconds)


def _seconds(piece: Sent) -> float:
    assert isinstance(piece.item, AudioPiece)
    return len(piece.item.audio) / 8000
