"""Whole calls in virtual time: caller and stream against scripted agents.

The agents know exactly when they answer, so the caller's stopwatch can be checked to
the frame.
"""

from __future__ import annotations

import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.call_record import CallRecord, decode_record, encode_record
from fakes.speech import (
    GREETING,
    REPLIES,
    CodedFrame,
    FrameCode,
    FrameReader,
    Speaker,
    number_words,
    sentences,
    speak,
)
from fakes.speech.code import stamp
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    conversation,
    expected_reply,
)
from fakes.twilio.media.stream import CloseSocket, MediaStream, Settings, StreamState
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import SILENCE_FRAME, is_voiced
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

CALL = 4729
FRAME = 0.02
HELLO = f"Hello, this is caller {number_words(CALL)}."
HOURS = "What are your opening hours?"
PARCEL = "Where is my parcel?"
ORDER = "Please cancel my order."


class Agent:
    """Greets at once, and answers a while after each utterance it heard to its end.

    Args:
        delay: seconds from the caller's last voiced frame to the reply.
        coded: whether its speech carries the code.
    """

    greets = True

    def __init__(self, delay: float = 0.5, *, coded: bool = True) -> None:
        self.delay = delay
        self.coded = coded
        self.sid = ""
        self.pending: list[tuple[float, int, str]] = []
        self.closes_at: float | None = None
        self.order = itertools.count()
        self.utterance = itertools.count(100)
        self.reader = FrameReader()
        self.last_voiced = 0.0
        self.heard: list[tuple[int, int]] = []  # (turn, frame)
        self.digits = ""
        self.marks: list[tuple[float, str]] = []
        self.stopped = False

    def receive(self, message: wire.FromTwilio, now: float) -> None:
        match message:
            case wire.Start(stream_sid=sid):
                self.sid = sid
                if self.greets:
                    self.say(GREETING, now)
            case wire.Media(media=body):
                self.listen(body.payload, now)
            case wire.Dtmf(dtmf=key):
                self.digits += key.digit
            case wire.Mark(mark=mark):
                self.marks.append((now, mark.name))
            case wire.Stop():
                self.stopped = True
            case _:
                pass

    def listen(self, audio: bytes, now: float) -> None:
        if is_voiced(audio):
            self.last_voiced = now
        for item in self.reader.feed(audio):
            if isinstance(item, CodedFrame):
                code = item.code
                self.heard.append((code.turn, code.frame))
                if code.frame == 0:
                    self.on_speech(code.turn, now)
                if code.frame == code.frames - 1:
                    self.on_end(code.turn, self.last_voiced)

    def on_speech(self, turn: int, now: float) -> None:
        """The caller began."""

    def on_end(self, turn: int, voiced: float) -> None:
        self.say(self.reply(turn), voiced + self.delay)

    def reply(self, turn: int) -> str:
        return f"You said: thing {number_words(turn)}."

    def say(self, text: str, at: float) -> None:
        """Send each sentence as one message, as a fast speech service allows."""
        for sentence in sentences(text):
            audio = speak(
                sentence, speaker=Speaker.AGENT, call=next(self.utterance)
            ).audio
            if not self.coded:
                audio = bytes(byte | 1 for byte in audio)
            self.send_audio(audio, at)
            self.send(wire.AgentMark(self.sid, wire.MarkBody(sentence)), at)

    def send_audio(self, audio: bytes, at: float) -> None:
        self.send(wire.AgentMedia(self.sid, wire.AgentPayload(audio)), at)

    def send(self, message: wire.FromAgent, at: float) -> None:
        heapq.heappush(self.pending, (at, next(self.order), encode(message)))


def talk(
    agent: Agent,
    *steps: ConversationStep,
    patience: float = 8.0,
    drop_every: int | None = None,
    limit: float = 200.0,
) -> CallRecord:
    """Run a call to its end in virtual time and return the caller's record."""
    caller = Caller(steps, call=CALL, patience=patience, drop_every=drop_every)
    stream = MediaStream(CallLeg.of(CALL), caller, settings=Settings())
    stream.open(0.0)
    now = 0.0
    while now < limit:
        for out in stream.take():
            if isinstance(out, CloseSocket):
                continue
            message = wire.decode_from_twilio(out)
            assert not hasattr(message, "raw")
            agent.receive(message, now)
        due = stream.next_timer()
        if due is None:
            break
        if agent.pending and agent.pending[0][0] <= due:
            now, _, text = heapq.heappop(agent.pending)
            stream.receive(text, now)
        elif agent.closes_at is not None and agent.closes_at <= due:
            now = agent.closes_at
            stream.agent_closed(1000, now)
        else:
            now = due
            stream.on_timer(now)
    else:
        pytest.fail(f"the call did not end within {limit} s")
    record = CallRecord(
        call=CALL,
        call_sid=stream.leg.call_sid,
        agent="",
        outcome="completed" if caller.completed else "failed",
        cause=caller.cause,
        placed_at=0.0,
        duration=now,
    )
    if stream.state is StreamState.ENDED_BY_AGENT:
        record.cause = f"{stream.end} {caller.where}"
    caller.fill(record, 0.0)
    record.findings = stream.findings
    record.frames_sent = stream.frames_sent
    assert decode_record(encode_record(record)) == record
    return record


SHORT = (AwaitGreeting(), Say(HOURS), Say(PARCEL), HangUp())


@pytest.mark.parametrize("coded", [True, False])
@settings(max_examples=5)
@given(delay=st.floats(0.3, 7.9))
def test_the_gap_is_right_within_a_frame(coded: bool, delay: float) -> None:
    """From the last voiced frame sent to the first voiced frame heard."""
    record = talk(Agent(delay, coded=coded), *SHORT)
    assert (record.outcome, record.cause) == ("completed", "")
    first_voiced = next(
        n
        for n, f in enumerate(speak("You", speaker=Speaker.AGENT, call=1).frames)
        if is_voiced(f)
    )
    for turn in record.turns:
        assert turn.gap is not None
        assert -1e-6 <= turn.gap - first_voiced * FRAME - delay <= FRAME + 1e-6
        assert turn.stopped_after is None
    assert record.findings == []


@pytest.mark.parametrize("delay", [0.5, 5.0])
def test_an_agent_that_answers_is_heard_to_the_last_frame(delay: float) -> None:
    """Every frame of every utterance, once, and no dry spell."""
    record = talk(Agent(delay), *SHORT)
    assert [turn.heard for turn in record.turns] == [
        f"You said: thing {number_words(n)}." for n in (1, 2)
    ]
    assert [u.text for u in record.utterances[:2]] == sentences(GREETING)
    for utterance in record.utterances:
        assert (utterance.lost, utterance.repeated, utterance.cut) == ([], [], False)
        assert utterance.heard == utterance.frames
    assert record.underruns == 0
    assert record.foreign == []


def test_the_agent_hears_every_frame_the_caller_spoke() -> None:
    """In order, once; keys too."""
    agent = Agent()
    talk(agent, AwaitGreeting(), Say(HOURS), Press("12#"), Say(ORDER), HangUp())
    frames = [
        (turn, n)
        for turn, text in ((1, HOURS), (2, ORDER))
        for n in range(len(speak(text, speaker=Speaker.CALLER, call=CALL).frames))
    ]
    assert agent.heard == frames
    assert agent.digits == "12#"
    assert agent.stopped


def test_silence_after_the_caller_spoke_names_the_turn() -> None:
    """No reply within the patience; the caller then hangs up."""

    class Mute(Agent):
        def on_end(self, turn: int, voiced: float) -> None:
            if turn == 1:
                super().on_end(turn, voiced)

    agent = Mute()
    record = talk(agent, *SHORT, patience=3.0)
    assert record.outcome == "failed"
    assert record.cause == "no reply in turn 2 within 3 s"
    last = record.turns[1].spoke_until
    assert last is not None
    assert record.duration - last == pytest.approx(3.0, abs=FRAME + 1e-6)
    assert agent.stopped


def test_an_agent_that_does_not_greet_is_given_up() -> None:
    """The script that awaits a greeting says so."""

    class Shy(Agent):
        greets = False

    record = talk(Shy(), *SHORT, patience=2.0)
    assert record.cause == "no greeting within 2 s"
    assert record.turns == []


def test_an_agent_that_talks_over_the_caller_has_a_negative_gap() -> None:
    """The reply began before the caller had finished."""

    class Early(Agent):
        def on_speech(self, turn: int, now: float) -> None:
            self.say(self.reply(turn), now + 0.3)

        def on_end(self, turn: int, voiced: float) -> None:
            pass

    record = talk(Early(), AwaitGreeting(), Say(HOURS), HangUp())
    (turn,) = record.turns
    assert turn.gap is not None
    assert turn.gap < 0
    assert turn.reply_at is not None
    assert turn.spoke_from is not None
    assert 0.2 < turn.reply_at - turn.spoke_from < 0.5
    assert not turn.barge_in


class Interrupted(Agent):
    """Clears a while after the caller begins to speak over it.

    Args:
        reaction: seconds from the caller's first frame to ``clear``.
        stale: seconds of old audio that it streams all the same, after that.
    """

    def __init__(self, reaction: float, stale: float = 0.0) -> None:
        super().__init__(0.6)
        self.reaction = reaction
        self.stale = stale

    def reply(self, turn: int) -> str:
        return REPLIES[HOURS] if turn == 1 else "All right then."

    def on_speech(self, turn: int, now: float) -> None:
        if turn != 2:
            return
        self.send(wire.Clear(self.sid), now + self.reaction)
        old = speak(
            sentences(self.reply(1))[0], speaker=Speaker.AGENT, call=102, turn=0
        ).frames
        for n in range(round(self.stale / FRAME)):
            self.send_audio(old[n], now + self.reaction + n * FRAME)


BARGE = (AwaitGreeting(), Say(HOURS), Say(ORDER, barge_in_after=0.6), HangUp())


@settings(max_examples=8)
@given(reaction=st.floats(0.05, 0.8))
def test_a_barge_in_is_timed_to_the_last_old_audio(reaction: float) -> None:
    """The caller begins 0.6 s into the reply; old audio ends with the clear."""
    agent = Interrupted(reaction)
    record = talk(agent, *BARGE)
    assert record.cause == ""
    first, second = record.turns
    assert second.barge_in
    assert first.reply_at is not None
    assert second.spoke_from is not None
    assert second.spoke_from - first.reply_at == pytest.approx(0.6, abs=0.25)
    assert second.stopped_after is not None
    # Old audio may pause where the clear falls, hence the wider bound below.
    assert reaction - 0.35 <= second.stopped_after <= reaction + FRAME
    assert second.heard == "All right then."
    assert second.gap == pytest.approx(0.6, abs=0.1)
    cut = [u for u in record.utterances if u.cut]
    assert [u.lost for u in cut] == [[]]


def test_old_audio_after_the_clear_counts_as_not_stopped() -> None:
    """An agent that clears but goes on streaming the old reply has not stopped."""
    record = talk(Interrupted(0.2, stale=1.0), *BARGE)
    stopped = record.turns[1].stopped_after
    assert stopped is not None
    assert 0.9 <= stopped <= 1.3
    assert record.turns[1].gap == pytest.approx(0.6, abs=0.1)
    assert record.turns[1].heard == "All right then."


def test_an_agent_that_ignores_the_caller_is_heard_to_its_end() -> None:
    """Its other sentences are old audio too, although each is a new utterance."""

    class Deaf(Interrupted):
        def on_speech(self, turn: int, now: float) -> None:
            pass

    record = talk(Deaf(0.0), *BARGE)
    turn = record.turns[1]
    assert turn.stopped_after is not None
    assert turn.stopped_after > 1.5
    assert turn.heard == "All right then."
    assert turn.reply_at is not None
    assert turn.spoke_from is not None
    assert turn.reply_at > turn.spoke_from + turn.stopped_after


def test_a_repeated_reply_behind_the_old_one_is_still_a_reply() -> None:
    """The same words again are no longer the rest of what was being said."""

    class Parrot(Agent):
        def reply(self, turn: int) -> str:
            return REPLIES[HOURS]

    record = talk(Parrot(), *BARGE)
    assert record.cause == ""
    assert record.turns[1].heard == REPLIES[HOURS]


class Damaging(Agent):
    """Loses frame 5 and repeats frame 8 of each reply, and pauses after frame 20."""

    def say(self, text: str, at: float) -> None:
        number = next(self.utterance)
        frames = speak(text, speaker=Speaker.AGENT, call=number).frames
        kept = [*frames[:5], *frames[6:9], frames[8], *frames[9:]]
        self.send_audio(b"".join(kept[:21]), at)
        self.send_audio(b"".join(kept[21:]), at + 21 * FRAME + 0.1)


def test_lost_and_repeated_frames_and_dry_spells_are_found() -> None:
    """Each at its number; the dry spell once an utterance."""
    record = talk(Damaging(), *SHORT)
    assert len(record.utterances) == 3
    for utterance in record.utterances:
        assert (utterance.lost, utterance.repeated) == ([5], [8])
    assert record.underruns == 3


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_speech_is_understood_however_it_was_cut(sizes: list[int]) -> None:
    """Chunks that are no multiple of a frame change nothing, sent at once."""

    class Chopper(Agent):
        def send_audio(self, audio: bytes, at: float) -> None:
            cuts = itertools.cycle(sizes)
            while audio:
                size = next(cuts)
                super().send_audio(audio[:size], at)
                audio = audio[size:]

    record = talk(Chopper(), AwaitGreeting(), Say(HOURS), HangUp())
    assert record.cause == ""
    assert all(u.heard == u.frames for u in record.utterances)
    assert record.underruns == 0


def test_speech_that_begins_off_the_frame_is_timed_all_the_same() -> None:
    """A header of 58 bytes, played as noise, shifts every code."""

    class Header(Agent):
        def say(self, text: str, at: float) -> None:
            self.send_audio(b"\xff" * 58, at)
            super().say(text, at)

    record = talk(Header(1.0), *SHORT)
    for turn in record.turns:
        assert turn.gap is not None
        assert 1.0 <= turn.gap <= 1.1
    assert all(u.heard == u.frames for u in record.utterances)


def test_a_reply_counts_from_its_first_voiced_frame() -> None:
    """Coded silence at the head of a reply is not yet heard as one."""

    class Slow(Agent):
        def on_end(self, turn: int, voiced: float) -> None:
            number = next(self.utterance)
            for n in range(40):
                sound = SILENCE_FRAME if n < 10 else b"\x20" * 160
                code = FrameCode(Speaker.AGENT, number, 0, n, 40)
                self.send_audio(stamp(sound, code), voiced + 0.5)

    for turn in talk(Slow(), *SHORT).turns:
        assert turn.gap == pytest.approx(0.7, abs=FRAME + 1e-6)


def test_words_for_another_caller_are_foreign() -> None:
    """A number that is not the caller's, a reply to what was not said here."""

    class Crossed(Agent):
        def reply(self, turn: int) -> str:
            if turn == 1:
                return f"Thank you, caller {number_words(1111)}. How can I help?"
            return REPLIES[ORDER]

    record = talk(Crossed(), AwaitGreeting(), Say(HELLO), Say(PARCEL), HangUp())
    assert len(record.foreign) == 3
    assert "one one one one" in record.foreign[0]
    assert "Your order is cancelled" in record.foreign[1]


def test_the_callers_own_number_replies_and_an_apology_are_not_foreign() -> None:
    """Also when the number was cut short."""

    class Good(Agent):
        said = (HELLO, PARCEL)

        def reply(self, turn: int) -> str:
            text = expected_reply(self.said[turn - 1])
            return f"I am sorry, something went wrong. {text}"

    record = talk(Good(), AwaitGreeting(), Say(HELLO), Say(PARCEL), HangUp())
    assert record.foreign == []
    steps = (Say(HELLO), Say(PARCEL, barge_in_after=1.9), HangUp())
    assert talk(Good(), AwaitGreeting(), *steps).foreign == []


def test_another_callers_audio_is_foreign_and_ones_own_echo_is_not() -> None:
    """The code says whose voice it is."""

    class Echo(Agent):
        whose = CALL

        def on_end(self, turn: int, voiced: float) -> None:
            echo = speak(HOURS, speaker=Speaker.CALLER, call=self.whose, turn=turn)
            self.send_audio(echo.audio, voiced + 0.5)

    assert talk(Echo(), *SHORT).foreign == []
    crossed = Echo()
    crossed.whose = 9
    found = talk(crossed, *SHORT).foreign
    assert found == ["audio of caller 9, turn 1", "audio of caller 9, turn 2"]


@given(every=st.integers(2, 40))
@settings(max_examples=5)
def test_dropped_frames_are_just_those_recorded(every: int) -> None:
    """What the agent did not hear is what the record says was left out."""
    agent = Agent()
    steps = (AwaitGreeting(), Say(HOURS, reply=False), Pause(0.5), HangUp())
    record = talk(agent, *steps, drop_every=every)
    frames = [
        (1, n)
        for n in range(len(speak(HOURS, speaker=Speaker.CALLER, call=CALL).frames))
    ]
    assert record.frames_dropped == frames[every - 1 :: every]
    assert agent.heard == [f for f in frames if f not in record.frames_dropped]


def test_a_call_that_the_agent_ends_fails_unless_that_was_awaited() -> None:
    """The cause says where in the conversation it was."""

    class Leaving(Agent):
        def on_end(self, turn: int, voiced: float) -> None:
            self.closes_at = voiced + 1.0

    record = talk(Leaving(), *SHORT)
    assert record.outcome == "failed"
    assert record.cause == "agent closed the media socket (1000) in turn 1"
    steps = (AwaitGreeting(), Say(HOURS, reply=False), AwaitHangUp(2.0))
    assert "agent closed" in talk(Leaving(), *steps).cause
    assert talk(Agent(), AwaitGreeting(), AwaitHangUp(2.0)).cause == (
        "the agent did not hang up within 2 s"
    )


def test_the_usual_script_says_the_number_first_and_barges_in_once() -> None:
    """The same for the same call and seed."""
    steps = conversation(CALL, 5, seed=3)
    assert steps == conversation(CALL, 5, seed=3)
    said = [step for step in steps if isinstance(step, Say)]
    assert said[0].text == HELLO
    assert len(said) == 5
    assert sum(step.barge_in_after is not None for step in said) == 1
    assert isinstance(steps[0], AwaitGreeting)
    assert isinstance(steps[-1], HangUp)


@pytest.mark.parametrize("seed", range(3))
def test_the_usual_script_completes_with_a_sound_agent(seed: int) -> None:
    """Greeting, number, small talk, a barge-in: five turns, five replies."""
    steps = conversation(CALL, 5, seed)
    said = [step.text for step in steps if isinstance(step, Say)]

    class Sound(Agent):
        def on_speech(self, turn: int, now: float) -> None:
            self.pending = [p for p in self.pending if p[0] <= now]
            self.send(wire.Clear(self.sid), now + 0.2)

        def reply(self, turn: int) -> str:
            return expected_reply(said[turn - 1]) or ""

    record = talk(Sound(), *steps)
    assert (record.outcome, record.cause) == ("completed", "")
    assert record.foreign == []
    assert sum(turn.barge_in for turn in record.turns) == 1
    assert all(turn.heard for turn in record.turns)
