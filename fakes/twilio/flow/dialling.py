"""``<Dial>``: another leg is called and joined with this one.

https://www.twilio.com/docs/voice/twiml/dial
"""

from __future__ import annotations

import re

from fakes.twilio.flow.attributes import after, flag, method, whole
from fakes.twilio.flow.orders import DialOut, Fields, HangUpDial
from fakes.twilio.flow.stage import DialAnswered, DialEnded, Event, Stage, Verb
from fakes.twilio.flow.streams import not_performed
from fakes.twilio.twiml import Element

__all__ = ["Dial"]

_EVENTS = ("initiated", "ringing", "answered", "completed")
_LONGEST = 14_400  # seconds; a call's own default limit
_SLACK = 15.0  # seconds that setting up and reporting may take
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_DIGITS = re.compile(r"[0-9A-D#*wW]{1,32}")


class Dial(Verb):
    """Calls the first party that it names, and is over when that leg is."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element
        self._deadline: float | None = None
        self._star = False
        name = "answerOnBridge"
        self.answers = not flag(stage, element, name, False, code="13219")

    def begin(self, now: float) -> None:
        """Order the call."""
        stage, element = self.stage, self._element
        self._after = after(stage, element, code="13210")
        self._star = flag(stage, element, "hangupOnStar", False, code="13213")
        order = self._order()
        if order is None:
            self._end(DialEnded("failed", "", 0.0))
            return
        limit = order.time_limit or _LONGEST
        self._deadline = now + order.timeout + limit + _SLACK
        stage.order(order)

    def told(self, event: Event, now: float) -> None:
        """Go on when the other leg is over."""
        match event:
            case DialAnswered():
                self.stage.answer()
            case DialEnded():
                self._end(event)

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Hang the other leg up on a star, if the document wants that."""
        if self._star and "*" in digits and self._deadline is not None:
            self.stage.order(HangUpDial())
            self._deadline = min(self._deadline, now + _SLACK)

    def next_timer(self) -> float | None:
        """Return until when the other leg may last."""
        return self._deadline

    def on_timer(self, now: float) -> None:
        """Give the other leg up."""
        self.stage.order(HangUpDial())
        self.stage.fail("dial", "the dialled leg did not end in time")
        self._end(DialEnded("failed", "", 0.0))

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Hang the other leg up."""
        if self._deadline is not None:
            self.stage.order(HangUpDial())

    def _end(self, ended: DialEnded) -> None:
        self._deadline = None
        fields: Fields = (("DialCallStatus", ended.status),)
        if ended.call_sid:
            fields += (("DialCallSid", ended.call_sid),)
        if ended.status in ("completed", "answered"):
            fields += (("DialCallDuration", str(int(ended.seconds))),)
        self.outcome = self._after(fields)

    # --- whom --------------------------------------------------------------------

    def _order(self) -> DialOut | None:
        stage, element = self.stage, self._element
        noun = self._noun()
        number = _number(stage, noun) if noun is not None else ""
        if noun is None or not number:
            return None
        limit: int | None = None
        if "timeLimit" in element.attributes:
            limit = whole(stage, element, "timeLimit", _LONGEST, code="13216", least=1)
        callback = noun.attributes.get("statusCallback", "").strip()
        url = noun.attributes.get("url", "").strip()
        events = noun.attributes.get("statusCallbackEvent", "completed").split()
        return DialOut(
            number,
            element.attributes.get("callerId", "").strip(),
            whole(stage, element, "timeout", 30, code="13212", least=1, most=600),
            limit,
            (stage.page(callback) or "") if callback else "",
            method(stage, noun, "statusCallbackMethod", code="13221"),
            tuple(event for event in events if event in _EVENTS),
            (stage.page(url) or "") if url else "",
            method(stage, noun, code="13221"),
            _send_digits(stage, noun),
        )

    def _noun(self) -> Element | None:
        stage, nouns = self.stage, []
        for noun in self._element.children:
            if noun.name in ("Number", "Client", "Sip"):
                nouns.append(noun)
            else:
                not_performed(stage, noun, "Dial")
        if not nouns and self._element.text:
            nouns.append(Element("Number", {}, (self._element.text,)))
        if len(nouns) > 1:
            text = f"<Dial> of {len(nouns)} parties: only the first one is called"
            stage.warn("not_performed", text)
        if not nouns:
            stage.fail("13223", "<Dial> names nobody that can be called")
        return nouns[0] if nouns else None


def _number(stage: Stage, noun: Element) -> str:
    """Return whom to call; empty, with a note, when that is nobody."""
    text = noun.text
    if noun.name == "Client":
        identity = noun.child("Identity")
        name = identity.text if identity is not None else text
        if name:
            return f"client:{name[:256]}"
    elif noun.name == "Sip":
        uri = noun.child("Uri")
        address = uri.text if uri is not None else text
        if re.fullmatch(r"sips?:[^\s@]+@[^\s@]+", address) and len(address) <= 255:
            return address
        stage.warn("13243", f"<Sip> {address[:60]!r} is no SIP address")
        return ""
    else:
        number = re.sub(r"[\s().-]", "", text)
        if _NUMBER.fullmatch(number):
            return number
    stage.warn("13223", f"<Dial>: {text[:60]!r} cannot be called")
    return ""


def _send_digits(stage: Stage, noun: Element) -> str:
    digits = noun.attributes.get("sendDigits", "").strip()
    if digits and not _DIGITS.fullmatch(digits):
        stage.warn("13222", f"<Number sendDigits={digits[:40]!r}> is not sent")
        return ""
    return digits
