"""Whatever documents say and drivers answer, a flow keeps its word to its driver."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial

from hypothesis import event, given, settings
from hypothesis import strategies as st

from conformance.core._flow import PAGE, Driven, response
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    Answer,
    CloseRelay,
    DialOut,
    FetchDocument,
    FetchSound,
    HangUpDial,
    OpenRelay,
    OpenStream,
    Order,
    Over,
    SendRelay,
    StopRecording,
    StopStream,
    Voice,
)

LIMIT = 40.0  # seconds of a whole call
OTHER = "https://agent.example/calls/other"
SETTINGS = FlowSettings(time_limit=LIMIT, documents=30, fetch_patience=3)

WORDS = ["Hello.", "Yes, please.", "Thank you for calling. Goodbye.", "&amp;", ""]
VALUES = ["0", "1", "3", "-1", "x", "", "auto", "true", "none", "GET", "other", "5 6"]
NAMES = re.findall(
    r"\w+",
    "length loop timeout numDigits finishOnKey speechTimeout bargeIn action method"
    " input actionOnEmptyResult hangupOnStar timeLimit track name digits reason"
    " maxLength partialPrompts interruptible welcomeGreeting dtmfDetection"
    " answerOnBridge partialResultCallback statusCallback bogus",
)
SAFE = {
    "Stream": 'url="wss://h/m"',
    "ConversationRelay": 'url="wss://h/r"',
    "Parameter": 'value="1"',
}


# What may stand in what.
INSIDE = {
    "Say": [],
    "Play": [],
    "Pause": [],
    "Gather": ["Say", "Play", "Pause"],
    "Connect": ["Stream", "ConversationRelay", "ConversationRelay"],
    "Start": ["Stream", "Recording", "Siprec"],
    "Stop": ["Stream"],
    "Dial": ["Number", "Client", "Sip"],
    "Record": [],
    "Redirect": [],
    "Hangup": [],
    "Reject": [],
    "Enqueue": [],
    "say": [],
}
TEXTS = {
    "Redirect": [PAGE, OTHER, "other", "", "nowhere"],
    "Number": ["+14155550123"],
    "Client": ["alice"],
    "Sip": ["sip:bob@example.com"],
}
BROKEN = [b"", b"<Response>", b"<A/>", b"hello", response("")]


def _element(chance: random.Random, name: str) -> str:
    count = chance.choice([0, 0, 1, 3])
    attributes = "".join(
        f' {key}="{chance.choice(VALUES)}"' for key in chance.sample(NAMES, count)
    )
    nouns = INSIDE.get(name, [])
    inside = "".join(
        _element(chance, chance.choice(nouns))
        for _ in range(chance.choice([0, 1, 1, 2]) if nouns else 0)
    )
    text = "" if nouns else chance.choice(TEXTS.get(name, WORDS))
    return f"<{name} {SAFE.get(name, '')}{attributes}>{inside}{text}</{name}>"


def _document(chance: random.Random) -> bytes:
    if chance.random() < 0.05:
        return chance.choice(BROKEN)
    names = chance.choices([*INSIDE, *["Connect"] * 6, "Say"], k=chance.randint(2, 6))
    return response("".join(_element(chance, name) for name in names))


DOCUMENTS = st.randoms(use_true_random=True).map(_document)
RELAYED = [
    '{"type":"text","token":"Yes, please. ","last":true}',
    '{"type":"text","token":"Thank you ","preemptible":true}',
    '{"type":"play","source":"https://h/x.wav","loop":0}',
    '{"type":"sendDigits","digits":"1w"}',
    '{"type":"language","ttsLanguage":"sv-SE"}',
    '{"type":"end","handoffData":"x"}',
    '{"foo":1}',
]


class Erratic(Driven):
    """A driver that answers in its own time, sometimes wrongly, sometimes never.

    It checks what a driver may rely on: what is open, what was answered.
    """

    def __init__(self, pages: list[bytes], seed: int) -> None:
        self.chance = random.Random(seed)
        self.pending: list[tuple[float, Callable[[float], None]]] = []
        self.party_frame = b"\x10\x90" * 80
        self.open = dict.fromkeys(("stream", "relay", "dial"), 0)  # number, 0: none
        self.opened = 0
        self.was_answered = outgoing = self.chance.random() < 0.3
        voice = Voice(PAGE, fallback_url=self.chance.choice(["", OTHER]))
        super().__init__(
            pages[0],
            pages={OTHER: pages[1]},
            voice=voice,
            settings=SETTINGS,
            answered=outgoing,
        )

    def _answer(self, order: Order) -> None:
        self._check(order)
        for late, answer in self._answers(order):
            if self.chance.random() < 0.93:
                after = self.chance.choice([0.0, 0.0, 0.3, 2.0]) + late
                self.pending.append((self.now + after, answer))

    def _check(self, order: Order) -> None:
        match order:
            case Answer():
                assert not self.was_answered
                self.was_answered = True
            case OpenStream(order=stream):
                assert self.was_answered
                if stream.bidirectional:
                    self._opens("stream")
            case StopStream(bidirectional=True):
                self._closes("stream")
                self.streaming = False
            case OpenRelay():
                assert self.was_answered
                self._opens("relay")
            case SendRelay():
                assert self.open["relay"]
            case CloseRelay():
                self._closes("relay")
            case DialOut():
                self._opens("dial")
            case HangUpDial():
                assert self.opened
            case Over(reject=reject):
                assert not (reject and self.was_answered)
            case _:
                pass

    def _opens(self, what: str) -> None:
        """Only one thing that carries the call may be open at a time."""
        assert what == "dial" or not (self.open["stream"] or self.open["relay"])
        self.opened += 1
        self.open[what] = self.opened

    def _closes(self, what: str) -> None:
        assert self.open[what]
        self.open[what] = 0

    def _if_open(
        self, what: str, answer: Callable[[float], None], *, closes: bool = False
    ) -> Callable[[float], None]:
        """Answer for what is open now, if it still is by then."""
        number = self.open[what]

        def later(now: float) -> None:
            if self.open[what] == number:
                if closes:
                    self.open[what] = 0
                answer(now)

        return later

    def _answers(self, order: Order) -> list[tuple[float, Callable[[float], None]]]:
        flow, chance = self.flow, self.chance
        match order:
            case FetchDocument(url=url):
                body = self.pages.get(url)
                if body is None or chance.random() < 0.05:
                    return [(0, partial(flow.fetch_failed, url, "11200", "no"))]
                kind = chance.choice(["text/xml"] * 20 + ["text/plain", "audio/basic"])
                return [(0, partial(flow.document, body, kind, url))]
            case FetchSound(url=url):
                if chance.random() < 0.5:
                    return [(0, partial(flow.fetch_failed, url, "11200", "no"))]
                return [(0, partial(flow.sound, url, b"\x01" * 900, "audio/basic"))]
            case OpenStream(order=stream) if stream.bidirectional:
                return self._stream_answers()
            case OpenRelay():
                return self._relay_answers()
            case DialOut():
                ends = partial(flow.dial_ended, "completed", "CA1", 1.0)
                return [
                    (1.0, self._if_open("dial", flow.dial_answered)),
                    (2.0, self._if_open("dial", ends, closes=True)),
                ]
            case StopRecording():
                return [(0, partial(flow.recorded, "RE1", "https://r", 1.0))]
        return []

    def _stream_answers(self) -> list[tuple[float, Callable[[float], None]]]:
        code = self.chance.choice(["", "31921"])

        def opens(now: float) -> None:
            self.streaming = True
            self.flow.stream_opened(now)

        def ends(now: float) -> None:
            self.streaming = False
            self.flow.stream_ended(code, "broke" if code else "", now)

        after = self.chance.uniform(0, 9)
        return [
            (0, self._if_open("stream", opens)),
            (after, self._if_open("stream", ends, closes=True)),
        ]

    def _relay_answers(self) -> list[tuple[float, Callable[[float], None]]]:
        flow, chance = self.flow, self.chance
        texts = [
            (
                chance.uniform(0, 6),
                self._if_open("relay", partial(flow.relay_received, text)),
            )
            for text in chance.choices(RELAYED, k=5)
        ]
        code = chance.choice([1000, 1006])
        closes = self._if_open("relay", partial(flow.relay_closed, code), closes=True)
        return [
            (0, self._if_open("relay", flow.relay_opened)),
            *texts,
            (7.0, closes),
        ]

    def tick(self) -> None:
        """Answer what is due, now and then do something unasked, and let time pass."""
        due = [answer for at, answer in self.pending if at <= self.now]
        self.pending = [item for item in self.pending if item[0] > self.now]
        for answer in due:
            answer(self.now)
            self.carry_out()
        if self.chance.random() < 0.2:
            self.party.append(self.party_frame)
        if self.chance.random() < 0.01:
            self.presses(self.chance.choice("0123456789*#"))
        if self.chance.random() < 0.0005:
            self.flow.redirect(Voice(OTHER), self.now)
            self.carry_out()
        super().tick()


@settings(max_examples=150)
@given(pages=st.tuples(DOCUMENTS, DOCUMENTS), seed=st.integers(0, 2**32))
def test_every_flow_ends_once_in_bounded_time_and_obeys_its_protocol(
    pages: tuple[bytes, bytes], seed: int
) -> None:
    """Any documents, any driver."""
    driven = Erratic(list(pages), seed)
    driven.run(LIMIT + 1)
    assert driven.flow.is_over, driven.trace[-5:]
    assert driven.over
    for order in driven.orders:
        event(type(order).__name__)
    assert all(len(frame) == 160 for _, frame in driven.heard)
    before = len(driven.trace)
    for late in driven.pending:
        late[1](driven.now)
    driven.flow.hear(None, "1", driven.now)
    driven.flow.frame(driven.now)
    driven.carry_out()
    assert len(driven.trace) == before


@settings(max_examples=100)
@given(pages=st.tuples(DOCUMENTS, DOCUMENTS), seed=st.integers(0, 2**32))
def test_timers_alone_end_a_flow_whose_driver_is_silent(
    pages: tuple[bytes, bytes], seed: int
) -> None:
    """No frame is ever asked for; there is always a next timer, and it moves on."""
    driven = Driven(pages[0], pages={OTHER: pages[1]}, settings=SETTINGS)
    flow, now = driven.flow, 0.0
    for _ in range(1000):
        if flow.is_over:
            break
        due = flow.next_timer()
        assert due is not None
        assert due >= now
        now = driven.now = due
        flow.on_timer(now)
        driven.carry_out()
    assert flow.is_over
    assert now <= LIMIT


@given(pages=st.tuples(DOCUMENTS, DOCUMENTS), seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_call(
    pages: tuple[bytes, bytes], seed: int
) -> None:
    """Order by order, to the moment."""
    first = Erratic(list(pages), seed).run(10)
    second = Erratic(list(pages), seed).run(10)
    assert first.trace == second.trace
    assert first.heard == second.heard
