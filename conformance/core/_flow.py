"""A driver for flows in virtual time: it ticks, answers orders and keeps the trace."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TypeVar

from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard, speak
from fakes.twilio.flow.flow import Flow
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    FetchDocument,
    FetchSound,
    Noted,
    OpenStream,
    Order,
    Over,
    Voice,
)
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["PAGE", "Driven", "response"]

PAGE = "https://agent.example/calls/voice"
LEG = CallLeg.of(7, f"CA{7:032x}")
T = TypeVar("T")


def response(inside: str) -> bytes:
    """A document with these verbs."""
    return f"<Response>{inside}</Response>".encode()


class Driven:
    """A flow with a driver that answers what it knows how to answer.

    Attributes:
        trace: (moment, order) of every order.
        heard: frames that sounded.
        pages: documents by their address; those asked for that are not here fail.
        party: frames that the party says, one a tick.
        keys: moment -> keys pressed then.
    """

    def __init__(
        self,
        inside: str | bytes = b"",
        *,
        answered: bool = False,
        settings: FlowSettings | None = None,
        pages: Mapping[str, bytes] | None = None,
        voice: Voice | None = None,
    ) -> None:
        first = response(inside) if isinstance(inside, str) else inside
        self.pages = {PAGE: first, **(pages or {})}
        self.sounds: dict[str, tuple[bytes, str]] = {}
        self.kinds: dict[str, str] = {}
        self.trace: list[tuple[float, Order]] = []
        self.heard: list[tuple[float, bytes]] = []
        self.party: list[bytes] = []
        self.keys: dict[int, str] = {}
        self.now = 0.0
        self._ticks = 0
        self.streaming = False
        numbers = itertools.count(1)
        self.flow = Flow(
            LEG,
            voice or Voice(PAGE),
            answered=answered,
            new_number=lambda: next(numbers),
            settings=settings,
        )
        self.flow.begin(self.now)
        self.carry_out()

    def carry_out(self) -> None:
        """Answer the orders given so far, and those that the answers lead to."""
        while orders := self.flow.take():
            for order in orders:
                self.trace.append((self.now, order))
                self._answer(order)

    def _answer(self, order: Order) -> None:
        flow, now = self.flow, self.now
        match order:
            case FetchDocument(url=url):
                if url in self.pages:
                    kind = self.kinds.get(url, "text/xml")
                    flow.document(self.pages[url], kind, url, now)
                else:
                    flow.fetch_failed(url, "11200", f"no {url}", now)
            case FetchSound(url=url):
                if url in self.sounds:
                    flow.sound(url, *self.sounds[url], now)
                else:
                    flow.fetch_failed(url, "11200", f"no {url}", now)
            case OpenStream(order=stream) if stream.bidirectional:
                self.streaming = True
                flow.stream_opened(now)
            case _:
                pass

    def end_stream(self, code: str = "", text: str = "") -> None:
        """The agent ends the bidirectional stream."""
        self.streaming = False
        self.flow.stream_ended(code, text, self.now)
        self.carry_out()

    def tick(self) -> None:
        """Let 20 ms pass."""
        self._ticks += 1
        self.now = self._ticks * FRAME_SECONDS
        if self.streaming:
            self.flow.on_timer(self.now)
        else:
            frame = self.flow.frame(self.now)
            if frame:
                self.heard.append((self.now, frame))
            audio = self.party.pop(0) if self.party else None
            self.flow.hear(audio, self.keys.pop(self._ticks, ""), self.now)
        self.carry_out()

    def run(self, seconds: float = 60.0) -> Driven:
        """Let time pass until the flow is over."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            if self.flow.is_over:
                break
            self.tick()
        return self

    def run_until(self, met: Callable[[], object], seconds: float = 60.0) -> Driven:
        """Let time pass until something is so."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            if met():
                return self
            self.tick()
        raise AssertionError(f"not so within {seconds:g} s")

    def says(self, text: str) -> None:
        """The party begins to say this, after what it is saying."""
        self.party += speak(text, speaker=Speaker.CALLER, call=7).frames

    def presses(self, keys: str, after: float = 0.0) -> None:
        """The party presses keys, so many seconds from now."""
        self.keys[self._ticks + 1 + round(after / FRAME_SECONDS)] = keys

    # --- what came of it ---------------------------------------------------------

    @property
    def orders(self) -> list[Order]:
        """Every order but notes."""
        return [order for _, order in self.trace if not isinstance(order, Noted)]

    def all(self, kind: type[T]) -> list[T]:
        """The orders of a kind."""
        return [order for _, order in self.trace if isinstance(order, kind)]

    def last(self, kind: type[T]) -> T:
        """The last order of a kind."""
        return self.all(kind)[-1]

    @property
    def over(self) -> Over:
        """How it ended."""
        (over,) = self.all(Over)
        assert self.trace[-1][1] is over
        return over

    @property
    def ended_at(self) -> float:
        """When it ended."""
        return self.trace[-1][0]

    @property
    def notes(self) -> list[str]:
        """The codes of what was noted."""
        return [noted.code for noted in self.all(Noted)]

    @property
    def said(self) -> str:
        """The words that were heard."""
        reader = FrameReader()
        utterances: dict[int, WordsHeard] = {}
        for _, frame in self.heard:
            for found in reader.feed(frame):
                if isinstance(found, CodedFrame):
                    assert found.code.speaker is Speaker.AGENT
                    number = found.code.call
                    utterances.setdefault(number, WordsHeard()).add(found.code)
        return " ".join(utterance.text() for utterance in utterances.values())
