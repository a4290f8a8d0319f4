"""The account's own numbers, and how the people behind all others behave."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    Say,
    conversation,
)
from fakes.twilio.caller.script import Pause as Wait
from voiceutils.errors import SettingError

__all__ = [
    "OWN_NUMBER",
    "Behaviour",
    "Number",
    "Numbers",
    "Person",
    "check_person",
    "decode_person",
    "is_number",
    "script_of",
]

OWN_NUMBER = "+15005550006"

Behaviour: TypeAlias = Literal[
    "answers", "machine", "busy", "no-answer", "rejects", "failed"
]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MOST = 10_000  # own numbers, and people


def is_number(text: str) -> bool:
    """Tell whether a text is a telephone number in E.164."""
    return _E164.fullmatch(text) is not None


class Number(msgspec.Struct, kw_only=True):
    """A number of the account, and what is asked when it is called.

    Attributes:
        created_at: seconds since 1970.
        updated_at: likewise.
    """

    sid: str
    phone_number: str
    friendly_name: str
    created_at: float
    updated_at: float
    voice_url: str = ""
    voice_method: Literal["GET", "POST"] = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: Literal["GET", "POST"] = "POST"
    status_callback: str = ""
    status_callback_method: Literal["GET", "POST"] = "POST"


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever is behind a number that is not the account's.

    Attributes:
        behaviour: what he does when called; ``machine`` is an answering machine.
        after: seconds of ringing until he does it.
        conversation: what he then says; None: the usual small talk.
        call: the caller's number that his speech carries; None: any.
        greeting: seconds that an answering machine speaks.
        callbacks_lost: whether nobody is told how calls to him go; makers of agents saw
            that of calls whose TwiML stood in the request.
    """

    number: str
    behaviour: Behaviour = "answers"
    after: float = 1.0
    conversation: tuple[ConversationStep, ...] | None = None
    call: int | None = None
    greeting: float = 4.0
    callbacks_lost: bool = False


_person = msgspec.json.Decoder(Person)


def decode_person(text: str | bytes) -> Person:
    """Return the person of a JSON object.

    Raises:
        SettingError: not JSON, or a person that cannot be; the message is one line.
    """
    try:
        person = _person.decode(text)
    except msgspec.DecodeError as error:
        raise SettingError(f"bad person: {error}") from error
    return check_person(person)


def check_person(person: Person) -> Person:
    """Return the person; raises SettingError if there can be none like him."""
    if not is_number(person.number):
        raise SettingError(
            f"number {person.number[:40]!r} is not E.164, as +14155550100"
        )
    for name, seconds in (("after", person.after), ("greeting", person.greeting)):
        if not 0 <= seconds <= 3600:
            raise SettingError(f"{name} {seconds} is not between 0 and 3600 seconds")
    if person.call is not None and not 0 <= person.call < 2**24:
        raise SettingError(f"call {person.call} is not between 0 and {2**24 - 1}")
    return person


def script_of(person: Person, call: int) -> tuple[ConversationStep, ...]:
    """Return what a person does once he has answered.

    Args:
        person: who.
        call: the caller's number, where the person has none of his own.
    """
    if person.conversation is not None:
        return person.conversation
    if person.behaviour == "machine":
        text = "You have reached an answering machine. Please leave a message."
        return (Say(text, reply=False), Wait(60.0))
    if person.call is not None:
        call = person.call
    return conversation(call, 3) or (AwaitGreeting(),)


class Numbers:
    """Who has which number.

    Attributes:
        own: the account's numbers, by number.
        people: those who were told how to behave, by number.
    """

    def __init__(self, own: Iterable[str] = (OWN_NUMBER,), *, epoch: float) -> None:
        self.own: dict[str, Number] = {}
        self.people: dict[str, Person] = {}
        for number in own:
            self.add(number, epoch=epoch)

    def add(self, phone_number: str, *, epoch: float) -> Number:
        """Give the account a number; it then calls nobody yet.

        Raises:
            SettingError: not a number, or too many of them.
        """
        if not is_number(phone_number):
            raise SettingError(f"number {phone_number[:40]!r} is not E.164")
        if phone_number in self.own:
            return self.own[phone_number]
        if len(self.own) >= _MOST:
            raise SettingError(f"the account has {_MOST} numbers already")
        digest = hashlib.blake2b(phone_number.encode(), digest_size=16).hexdigest()
        number = Number(
            sid=f"PN{digest}",
            phone_number=phone_number,
            friendly_name=phone_number,
            created_at=epoch,
            updated_at=epoch,
        )
        self.own[phone_number] = number
        return number

    def by_sid(self, sid: str) -> Number | None:
        """Return the account's number with this sid."""
        return next((one for one in self.own.values() if one.sid == sid), None)

    def settle(self, person: Person) -> None:
        """Let a person live behind his number.

        Raises:
            SettingError: it is the account's own, or there are too many people.
        """
        if person.number in self.own:
            raise SettingError(
                f"{person.number} is the account's own; give it a voice URL"
            )
        if len(self.people) >= _MOST and person.number not in self.people:
            raise SettingError(f"there are {_MOST} people already")
        self.people[person.number] = person

    def person(self, number: str) -> Person:
        """Return who is behind a number: whoever was settled there, or a polite one."""
        return self.people.get(number) or Person(number=number)
