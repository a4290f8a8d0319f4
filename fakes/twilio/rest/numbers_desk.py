"""The account and its numbers."""

from __future__ import annotations

from fakes.twilio.exchange.numbers import Number
from fakes.twilio.rest.errors import RestError, not_found
from fakes.twilio.rest.visit import RestAnswer, Visit
from voiceutils.errors import SettingError

__all__ = [
    "change_number",
    "create_number",
    "list_numbers",
    "show_account",
    "show_number",
]


def show_account(visit: Visit) -> RestAnswer:
    """Show the account."""
    return RestAnswer(200, visit.shown.account(visit.exchange.credentials))


def list_numbers(visit: Visit) -> RestAnswer:
    """List the account's numbers."""
    number, name = visit.query.text("PhoneNumber"), visit.query.text("FriendlyName")
    numbers = [
        one
        for one in visit.exchange.numbers.own.values()
        if (not number or number.replace("*", "") in one.phone_number)
        and name in ("", one.friendly_name)
    ]
    return visit.page(numbers, "incoming_phone_numbers", visit.shown.number)


def create_number(visit: Visit) -> RestAnswer:
    """Buy a number: whatever is wished for is free."""
    wished = visit.form.text("PhoneNumber")
    area = visit.form.text("AreaCode")
    numbers = visit.exchange.numbers
    if not wished and area.isdecimal() and len(area) == 3:
        wished = f"+1{area}5550{100 + len(numbers.own) % 100}"
    if not wished:
        raise RestError(400, 21452, "PhoneNumber or AreaCode is required")
    if wished in numbers.own:
        raise RestError(400, 21422, f"PhoneNumber {wished} is not available")
    epoch = visit.exchange.epoch + visit.now
    try:
        number = numbers.add(wished, epoch=epoch)
    except SettingError as error:
        raise RestError(400, 21421, f"PhoneNumber is invalid: {error}") from error
    _apply(visit, number)
    return RestAnswer(201, visit.shown.number(number))


def show_number(visit: Visit, sid: str) -> RestAnswer:
    """Show a number."""
    return RestAnswer(200, visit.shown.number(_found(visit, sid)))


def change_number(visit: Visit, sid: str) -> RestAnswer:
    """Change what is asked when a number is called."""
    number = _found(visit, sid)
    _apply(visit, number)
    return RestAnswer(200, visit.shown.number(number))


def _found(visit: Visit, sid: str) -> Number:
    number = visit.exchange.numbers.by_sid(sid)
    if number is None:
        raise not_found(visit.path)
    return number


def _apply(visit: Visit, number: Number) -> None:
    """Set what the form has; an empty value takes it away."""
    form = visit.form
    given = {name for name, _ in form.pairs}
    addresses = [
        (field, form.address(name, 21502))
        for name, field in (
            ("VoiceUrl", "voice_url"),
            ("VoiceFallbackUrl", "voice_fallback_url"),
            ("StatusCallback", "status_callback"),
        )
        if name in given
    ]
    methods = [
        (field, form.method(name))
        for name, field in (
            ("VoiceMethod", "voice_method"),
            ("VoiceFallbackMethod", "voice_fallback_method"),
            ("StatusCallbackMethod", "status_callback_method"),
        )
        if name in given
    ]
    for field, value in (*addresses, *methods):
        setattr(number, field, value)
    if "FriendlyName" in given:
        number.friendly_name = form.text("FriendlyName")[:64]
    number.updated_at = visit.exchange.epoch + visit.now
