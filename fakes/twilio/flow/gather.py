"""``<Gather>``: keys or speech of the caller, sent to its ``action``.

https://www.twilio.com/docs/voice/twiml/gather
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fakes.twilio.flow.attributes import after, choice, flag, method, whole
from fakes.twilio.flow.orders import Fields, Method, Send
from fakes.twilio.flow.recogniser import Recogniser
from fakes.twilio.flow.stage import Event, NextVerb, Stage, Verb
from fakes.twilio.twiml import Element

__all__ = ["Gather"]

_KEYS = frozenset("0123456789*#")
_LONGEST_SPEECH = 60
_MOST_DIGITS = 1000
_INPUTS = ("dtmf", "speech", "dtmf speech", "speech dtmf")


class _Terms(NamedTuple):
    """What the attributes ask for."""

    keys: bool
    speech: bool
    timeout: int
    silence: float
    num_digits: int
    finish_on: str
    barge_in: bool
    on_empty: bool
    longest: int
    partial_url: str | None
    partial_method: Method


def _terms(stage: Stage, element: Element) -> _Terms:
    given = element.attributes
    words = choice(stage, element, "input", "dtmf", among=_INPUTS, code="13326").split()
    timeout = 5
    if given.get("timeout", "").strip() != "auto":
        timeout = whole(stage, element, "timeout", 5, code="13313", most=600)
    silence = float(timeout)
    if given.get("speechTimeout", "").strip() == "auto":
        silence = stage.settings.gather_auto_silence
    elif "speechTimeout" in given:
        name = "speechTimeout"
        silence = whole(stage, element, name, timeout, code="13327", least=1, most=600)
    callback = given.get("partialResultCallback", "").strip()
    name = "partialResultCallbackMethod"
    return _Terms(
        keys="dtmf" in words,
        speech="speech" in words,
        timeout=timeout,
        silence=silence,
        num_digits=whole(
            stage,
            element,
            "numDigits",
            _MOST_DIGITS,
            code="13314",
            least=1,
            most=_MOST_DIGITS,
        ),
        finish_on=_finish_on(stage, element),
        barge_in=flag(stage, element, "bargeIn", True, code="13332"),
        on_empty=flag(stage, element, "actionOnEmptyResult", False, code="13338"),
        longest=whole(
            stage,
            element,
            "maxSpeechTime",
            _LONGEST_SPEECH,
            code="13328",
            least=1,
            most=_LONGEST_SPEECH,
        ),
        partial_url=stage.page(callback) if callback else None,
        partial_method=method(stage, element, name, code="13329"),
    )


def _finish_on(stage: Stage, element: Element) -> str:
    """Return the keys that end the input; none for an empty attribute."""
    keys = element.attributes.get("finishOnKey", "#").strip()
    if _KEYS.issuperset(keys):
        return keys
    stage.warn("13310", f"<Gather finishOnKey={keys[:40]!r}> taken for '#'")
    return "#"


def _check_hints(stage: Stage, element: Element) -> None:
    """Note hints that are too many or too long; others change nothing here."""
    hints = element.attributes.get("hints", "").split(",")
    if len(hints) > 500 or any(len(hint) > 100 for hint in hints):
        text = "<Gather hints>: at most 500 phrases of 100 characters count"
        stage.warn("13330", text)


class Gather(Verb):
    """Plays what is nested in it, and takes keys or speech meanwhile and after it.

    A key always ends the nested verbs, speech only with ``bargeIn``. Without input the
    next verb comes.
    """

    def __init__(
        self,
        stage: Stage,
        element: Element,
        perform: Callable[[Stage, Element], Verb],
    ) -> None:
        super().__init__(stage)
        self._element = element
        self._perform = perform
        self._prompts = deque(element.children)
        self._prompt: Verb | None = None
        self._digits = ""
        self._deadline: float | None = None  # of the first input, or of the next key
        self._recogniser = Recogniser()
        self._partials = 0

    def begin(self, now: float) -> None:
        """Start the first nested verb; listen from now on."""
        stage, element = self.stage, self._element
        _check_hints(stage, element)
        self._terms = _terms(stage, element)
        here = stage.url or None
        self._after = after(stage, element, code="13312", default=here)
        self._go_on(now)

    # --- prompts -----------------------------------------------------------------

    def _go_on(self, now: float) -> None:
        """Go from nested verb to nested verb until one takes its time."""
        while self._deadline is None:
            if self._prompt is not None:
                if self._prompt.outcome is None:
                    return
                self._prompt = None
            if not self._prompts:
                self._deadline = now + self._terms.timeout
                return
            self._prompt = self._perform(self.stage, self._prompts.popleft())
            self._prompt.begin(now)

    def _stop_prompts(self, now: float) -> None:
        self._prompts.clear()
        if self._prompt is not None:
            self._prompt.abandon(now, hung_up=False)
            self._prompt = None
        if self._deadline is None:
            self._deadline = now + self._terms.timeout

    def frame(self, now: float) -> bytes:
        """Return what the nested verb plays."""
        while self._prompt is not None:
            prompt = self._prompt
            audio = prompt.frame(now)
            self._go_on(now)
            if audio or self._prompt is prompt:
                return audio
        return b""

    def told(self, event: Event, now: float) -> None:
        """Pass on a sound to the nested verb that waits for it."""
        if self._prompt is not None:
            self._prompt.told(event, now)
            self._go_on(now)

    # --- input -------------------------------------------------------------------

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Take keys and speech."""
        if self._terms.keys:
            for digit in digits:
                if self.outcome is None:
                    self._press(digit, now)
        if self._terms.speech and self.outcome is None and not self._digits:
            self._listen(audio, now)

    def _press(self, digit: str, now: float) -> None:
        self._stop_prompts(now)
        if digit in self._terms.finish_on:
            self._end_of_keys(digit)
            return
        self._digits += digit
        self._deadline = now + self._terms.timeout
        if len(self._digits) >= self._terms.num_digits:
            self._end_of_keys("")

    def _listen(self, audio: bytes | None, now: float) -> None:
        if self._prompt is not None and not self._terms.barge_in:
            return
        recogniser = self._recogniser
        recogniser.hear(audio, now)
        if recogniser.began is not None and self._prompt is not None:
            self._stop_prompts(now)
        if recogniser.grew and self._terms.partial_url:
            self._send_partial(self._terms.partial_url)

    def _send_partial(self, url: str) -> None:
        fields = (
            ("SequenceNumber", str(self._partials)),
            ("UnstableSpeechResult", self._recogniser.text),
            ("StableSpeechResult", ""),
            ("Stability", "0.9"),
        )
        self._partials += 1
        self.stage.order(Send(url, self._terms.partial_method, fields))

    # --- the end -----------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Return when a nested verb, the wait for input or a speech is over."""
        if self._prompt is not None:
            return self._prompt.next_timer()
        began = self._recogniser.began
        if began is None or self._digits:
            return self._deadline
        terms = self._terms
        quiet = self._recogniser.voiced_at + terms.silence
        return min(quiet, began + terms.longest)

    def on_timer(self, now: float) -> None:
        """Act on what is over."""
        if self._prompt is not None:
            self._prompt.on_timer(now)
            self._go_on(now)
        elif self._digits:
            self._end_of_keys("")
        elif self._recogniser.began is not None:
            text = self._recogniser.take()
            if text:
                confidence = f"{self.stage.settings.confidence:g}"
                self._post((("SpeechResult", text), ("Confidence", confidence)))
            else:
                self._deadline = now + self._terms.timeout
        else:
            self._end_without_input()

    def _end_of_keys(self, key: str) -> None:
        if self._digits:
            self._post((("Digits", self._digits), ("FinishedOnKey", key)))
        else:
            self._end_without_input(key)

    def _end_without_input(self, key: str = "") -> None:
        if not self._terms.on_empty:
            self.outcome = NextVerb()
            return
        fields: Fields = ()
        if self._terms.keys:
            fields += (("Digits", ""), ("FinishedOnKey", key))
        if self._terms.speech:
            fields += (("SpeechResult", ""), ("Confidence", "0.0"))
        self._post(fields)

    def _post(self, fields: Fields) -> None:
        self.outcome = self._after(fields)
        if isinstance(self.outcome, NextVerb):
            self.stage.fail("11100", "<Gather> has input but nowhere to send it")

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Stop what is nested."""
        self._stop_prompts(now)
