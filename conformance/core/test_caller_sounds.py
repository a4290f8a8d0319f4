"""What a caller's phone picks up beside words, and what a recogniser makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._listening import finals, listening, messages, stream, words_of
from conformance.core._virtual_call import call_the_agent
from fakes.deepgram.ear.hearing import Hearing
from fakes.speech import (
    CodedFrame,
    FrameReader,
    Speaker,
    SpeechMode,
    WordsHeard,
    speak,
)
from fakes.speech.ambience import is_ambience
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.conversation_file import read_conversations
from fakes.twilio.caller.microphone import UNDERSTOOD_FROM
from fakes.twilio.caller.script import (
    Around,
    ConversationStep,
    HangUp,
    Pause,
    Say,
    Sound,
)
from fakes.twilio.caller.sounds import NOISES, SOUNDS, SPEECH_LEVEL, sound
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_SECONDS, SILENCE_FRAME

SAID = "Where is my parcel?"
PLACES = st.builds(
    Around,
    noise=st.sampled_from(("", *NOISES)),
    snr=st.floats(0, 40),
    gain=st.floats(-30, 30),
    echo=st.none() | st.floats(-60, 0),
    delay=st.floats(0, 0.5),
)


def sent(
    *steps: ConversationStep,
    heard: Iterable[bytes] = (),
    mode: SpeechMode = "exact",
) -> list[bytes]:
    """The frames that leave the phone of a caller who hears this meanwhile."""
    caller = Caller((*steps, HangUp()), call=4729, speech=mode)
    sounding = iter(heard)
    frames: list[bytes] = []
    while True:
        step = caller.frame(next(sounding, b""), len(frames) * FRAME_SECONDS)
        if step.hang_up:
            return frames
        frames.append(step.audio or SILENCE_FRAME)


def level(frames: Sequence[bytes]) -> float:
    """Root of the mean square of frames."""
    samples = mulaw.decode(b"".join(frames))
    return math.sqrt(sum(x * x for x in samples) / len(samples))


def codes(frames: Sequence[bytes]) -> list[CodedFrame]:
    """What a reader finds; the frames are found in any place of the stream."""
    found = FrameReader().feed(b"".join(frames))
    return [item for item in found if isinstance(item, CodedFrame)]


def transcripts(frames: Sequence[bytes]) -> list[str]:
    """The finals with words of a live transcription, half a second of quiet at last."""
    audio = b"".join(frames) + SILENCE_FRAME * 50
    results = finals(messages(stream(listening(), audio)))
    return [" ".join(words_of(result)) for result in results if words_of(result)]


@given(PLACES)
@settings(max_examples=40)
def test_words_are_proved_wherever_the_caller_is(place: Around) -> None:
    """Noise, loudness and echo lie under the code: no frame of the words is lost."""
    agent = speak("Hello, how can I help you?", speaker=Speaker.AGENT, call=7).frames
    frames = sent(place, Pause(0.4), Say(SAID, reply=False), Pause(0.4), heard=agent)

    words = [
        item.code
        for item in codes(frames)
        if item.code.word + item.code.turn and item.code.speaker is Speaker.CALLER
    ]
    heard = WordsHeard(words)
    assert heard.complete
    assert heard.text() == SAID


@given(st.sampled_from(NOISES), st.floats(0, 40), st.floats(-12, 6))
@settings(max_examples=15)
def test_robust_words_withstand_noise(kind: str, snr: float, gain: float) -> None:
    """They lie in the noise, not under the code; sound without words is plain."""
    frames = sent(
        Around(kind, snr, gain),
        Sound("cough"),
        Say(SAID, reply=False),
        Pause(0.5),
        mode="robust",
    )
    ear = Hearing("robust")
    moments = [m for frame in frames for m in ear.hear(frame)] + [*ear.finish()]

    assert " ".join(m.word.text for m in moments if m.word) == SAID
    codes = ear.take_codes()
    assert len(codes) == codes[0].frames


@given(st.sampled_from(NOISES), st.floats(0, 30), st.floats(-20, 6))
@settings(max_examples=20)
def test_noise_is_as_loud_as_was_asked(kind: str, snr: float, gain: float) -> None:
    """So many dB below the speech as it is sent, and never taken for speech."""
    frames = sent(Around(kind, snr, gain), Pause(5.0), Say(SAID, reply=False))

    wanted = SPEECH_LEVEL * 10 ** ((gain - snr) / 20)
    # The code's own bits are noise 30 dB below what sounds.
    assert level(frames[:250]) == pytest.approx(wanted, rel=0.15, abs=12)
    assert all(is_ambience(item.code) for item in codes(frames[:250]))
    assert transcripts(frames) == [SAID]


@pytest.mark.parametrize("seconds", [None, 3.0])
@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_no_word(name: str, seconds: float | None) -> None:
    """A cough, and music on hold: loud, and nothing is recognised or even begun."""
    frames = sent(Pause(0.2), Sound(name, seconds), Say(SAID, reply=False))
    made = frames[10 : -len(speak(SAID, speaker=Speaker.CALLER, call=1).frames)]

    assert level(made) > 1000
    assert transcripts(frames) == [SAID]
    ear = Hearing()
    assert not any(m.voiced or m.word for f in frames[: len(made)] for m in ear.hear(f))


def test_a_murmur_is_a_short_final() -> None:
    """It is words to a recogniser, and it is hummed, not spelled."""
    frames = sent(Say("Mm-hmm.", reply=False), Pause(0.5), Say(SAID, reply=False))

    assert transcripts(frames) == ["Mm-hmm.", SAID]
    murmur = speak("Mm-hmm.", speaker=Speaker.CALLER, call=1)
    assert 0.2 < murmur.seconds < 0.5


def test_keys_sound_and_are_not_reported() -> None:
    """Both tones of each key stand out of the audio, in order."""
    tones = {"1": (697, 1209), "6": (770, 1477), "#": (941, 1477)}
    frames = sent(Sound("keys", keys="16#"))

    def power(samples: list[int], pitch: int) -> float:
        angle = 2 * math.pi * pitch / 8000
        real = sum(x * math.cos(angle * at) for at, x in enumerate(samples))
        turned = sum(x * math.sin(angle * at) for at, x in enumerate(samples))
        return (real**2 + turned**2) / len(samples) ** 2

    for number, key in enumerate("16#"):
        samples = mulaw.decode(b"".join(frames[10 * number : 10 * number + 5]))
        powers = {
            pitch: power(samples, pitch) for pair in tones.values() for pitch in pair
        }
        loudest = sorted(powers, key=lambda pitch: -powers[pitch])[:2]
        assert sorted(loudest) == sorted(tones[key])


@pytest.mark.parametrize("loud", [-10.0, UNDERSTOOD_FROM, -35.0])
def test_an_echo_comes_back_late_and_quieter(loud: float) -> None:
    """Loud enough it has the agent's words, else it is sound without words."""
    agent = speak("Hello, how can I help you?", speaker=Speaker.AGENT, call=7).frames
    place = Around(echo=loud, delay=0.2)
    frames = sent(place, Pause(3.0), heard=agent)

    echoed = frames[10 : 10 + len(agent)]
    assert frames[:10] == [SILENCE_FRAME] * 10
    wanted = level(agent) * 10 ** (loud / 20)
    assert level(echoed) == pytest.approx(wanted, rel=0.1, abs=4)
    understood = loud >= UNDERSTOOD_FROM
    assert transcripts(frames) == (["Hello, how can I help you?"] if understood else [])


@pytest.mark.parametrize(("gain", "clipped"), [(-20, 0.0), (0, 0.0), (24, 0.05)])
def test_a_loud_caller_clips(gain: float, clipped: float) -> None:
    """A quiet one is quiet, and both are understood."""
    frames = sent(Around(gain=gain), Say(SAID, reply=False))
    samples = mulaw.decode(b"".join(frames))
    share = sum(abs(x) > 31_000 for x in samples) / len(samples)

    assert (share > clipped) if clipped else (share < 0.001)
    assert transcripts(frames) == [SAID]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("coughs", 0),
        ("puts_us_on_hold", 0),
        ("hears_itself", 0),
        ("speaks_softly", 0),
        ("calls_from_the_street", 1),
    ],
)
def test_conversations_interrupt_or_do_not(name: str, cut: int) -> None:
    """The library's own, had with the reference agent in virtual time."""
    (written,) = read_conversations(name)
    record = call_the_agent(written.script(4729))

    assert record.outcome == "completed", record.cause
    assert sum(utterance.cut for utterance in record.utterances) == cut
    assert sum(turn.barge_in for turn in record.turns) == cut
    assert all(turn.reply_at for turn in record.turns)


def test_a_murmur_is_no_barge_in_to_the_tester() -> None:
    """What the agent makes of it is shown, and not held against its budget."""
    (written,) = read_conversations("murmurs")
    record = call_the_agent(written.script(4729))

    assert record.outcome == "completed", record.cause
    murmur = record.turns[1]
    assert murmur.said in {"Mm-hmm.", "Uh-huh."}
    assert not murmur.barge_in
    assert not murmur.awaited
    assert murmur.stopped_after is None


def test_the_place_can_change_in_mid_call() -> None:
    """Out of the noise and into the quiet, without a step that takes time."""
    noisy = Around("street", 5.0)
    frames = sent(noisy, Pause(1.0), Around(), Pause(1.0))

    assert len(frames) == 100
    assert all(frame != SILENCE_FRAME for frame in frames[:50])
    assert frames[50:] == [SILENCE_FRAME] * 50


def test_the_same_caller_makes_the_same_sounds() -> None:
    """And another one coughs otherwise."""
    steps = (Around("babble", 10.0), Sound("cough"), Say(SAID, reply=False))

    assert sent(*steps) == sent(*steps)
    assert sound("cough", None, 1) != sound("cough", None, 2)
