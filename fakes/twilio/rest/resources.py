"""What the REST interface shows: every key is there, whatever is known.

Numbers are texts where Twilio writes them so; prices come later than the call's end.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from fakes.twilio.exchange.call_state import (
    Call,
    Notification,
    RecordingState,
    StreamState,
)
from fakes.twilio.exchange.callbacks import billed_minutes
from fakes.twilio.exchange.dates import plain_date
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.numbers import Number
from fakes.twilio.web.credentials import Credentials
from fakes.twilio.web.webhook import API_VERSION

__all__ = ["Shown", "account_path", "formatted"]

_PRICE_OF_A_MINUTE = 0.014  # USD; made up
_PARTS_OF_A_CALL = (
    "notifications",
    "recordings",
    "payments",
    "events",
    "siprec",
    "streams",
    "transcriptions",
    "user_defined_message_subscriptions",
    "user_defined_messages",
)
_CAMEL = {
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}


def account_path(account_sid: str) -> str:
    """Return the path below which everything of an account is."""
    return f"/{API_VERSION}/Accounts/{account_sid}"


def formatted(number: str) -> str:
    """Return a number as it is displayed: a North American one has brackets."""
    if len(number) == 12 and number.startswith("+1") and number[1:].isdecimal():
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


class Shown:
    """Makes resources; ``now`` is monotonic seconds.

    Args:
        exchange: whose clock and account it is.
    """

    def __init__(self, exchange: Exchange, now: float) -> None:
        self._exchange = exchange
        self._account = account_path(exchange.credentials.account_sid)
        self._sid = exchange.credentials.account_sid
        self._now = now

    def call(self, call: Call) -> dict[str, Any]:
        """Return a Call."""
        leg, path = call.leg, f"{self._account}/Calls/{call.sid}"
        dated = self._exchange.settings.dates_at_creation
        created = call.created_at if dated else call.dialled_at
        completed = call.status == "completed"
        return {
            "account_sid": leg.account_sid,
            "answered_by": call.answered_by or None,
            "api_version": API_VERSION,
            "caller_name": leg.caller_name or None,
            "date_created": self._date(created),
            "date_updated": self._date(created and call.updated_at),
            "direction": leg.direction,
            "duration": str(call.seconds) if completed else None,
            "end_time": self._date(call.ended_at if completed else None),
            "forwarded_from": leg.forwarded_from or None,
            "from": leg.from_number,
            "from_formatted": formatted(leg.from_number),
            "group_sid": None,
            "parent_call_sid": leg.parent_call_sid or None,
            "phone_number_sid": call.phone_number_sid or None,
            "price": self._price(call),
            "price_unit": "USD",
            "queue_time": str(round(call.queue_time * 1000)),
            "sid": call.sid,
            "start_time": self._date(call.dialled_at),
            "status": call.status,
            "subresource_uris": {
                part: f"{path}/{_CAMEL.get(part, part.capitalize())}.json"
                for part in _PARTS_OF_A_CALL
            },
            "to": leg.to_number,
            "to_formatted": formatted(leg.to_number),
            "trunk_sid": None,
            "uri": f"{path}.json",
        }

    def stream(self, call: Call, stream: StreamState) -> dict[str, Any]:
        """Return a Stream."""
        path = f"{self._account}/Calls/{call.sid}/Streams/{stream.sid}.json"
        return {
            "account_sid": self._sid,
            "call_sid": call.sid,
            "date_updated": self._date(stream.updated_at),
            "name": stream.name or None,
            "sid": stream.sid,
            "status": stream.status,
            "uri": path,
        }

    def recording(self, call: Call, recording: RecordingState) -> dict[str, Any]:
        """Return a Recording of a call."""
        seconds = recording.duration
        path = f"{self._account}/Calls/{call.sid}/Recordings/{recording.sid}.json"
        return {
            "account_sid": self._sid,
            "api_version": API_VERSION,
            "call_sid": call.sid,
            "channels": recording.plan.channels,
            "conference_sid": None,
            "date_created": self._date(recording.started_at),
            "date_updated": self._date(recording.updated_at),
            "duration": None if seconds is None else str(round(seconds)),
            "encryption_details": None,
            "error_code": None,
            "price": None,
            "price_unit": None,
            "sid": recording.sid,
            "source": recording.plan.source,
            "start_time": self._date(recording.started_at),
            "status": recording.status,
            "track": recording.plan.track,
            "uri": path,
        }

    def account_recording(
        self, call: Call, recording: RecordingState
    ) -> dict[str, Any]:
        """Return a Recording as the account lists it."""
        shown = self.recording(call, recording)
        path = f"{self._account}/Recordings/{recording.sid}"
        del shown["track"]
        shown["uri"] = f"{path}.json"
        shown["media_url"] = f"{self._exchange.base or 'https://api.twilio.com'}{path}"
        shown["subresource_uris"] = {
            part: f"{path}/{name}.json"
            for part, name in (
                ("add_on_results", "AddOnResults"),
                ("transcriptions", "Transcriptions"),
            )
        }
        return shown

    def notification(self, call: Call, line: Notification) -> dict[str, Any]:
        """Return a Notification as a list has it."""
        level = "ERROR" if line.level == "error" else "WARN"
        said = {"ErrorCode": line.code, "LogLevel": level, "Msg": line.text}
        if line.url:
            said["url"] = line.url
        path = f"{self._account}/Calls/{call.sid}/Notifications/{line.sid}.json"
        return {
            "account_sid": self._sid,
            "api_version": API_VERSION,
            "call_sid": call.sid,
            "date_created": self._date(line.at),
            "date_updated": self._date(line.at),
            "error_code": line.code,
            "log": "0" if line.level == "error" else "1",
            "message_date": self._date(line.at),
            "message_text": urlencode(said),
            "more_info": f"https://www.twilio.com/docs/errors/{quote(line.code)}",
            "request_method": line.method or None,
            "request_url": line.url,
            "sid": line.sid,
            "uri": path,
        }

    def notification_alone(self, call: Call, line: Notification) -> dict[str, Any]:
        """Return a Notification that was asked for by its sid."""
        unknown = ("request_variables", "response_body", "response_headers")
        return self.notification(call, line) | dict.fromkeys(unknown, "")

    def number(self, number: Number) -> dict[str, Any]:
        """Return an IncomingPhoneNumber."""
        path = f"{self._account}/IncomingPhoneNumbers/{number.sid}"
        unused = ("bundle_sid", "emergency_address_sid", "identity_sid", "trunk_sid")
        return {
            "account_sid": self._sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": API_VERSION,
            "beta": False,
            "capabilities": {"fax": False, "mms": False, "sms": False, "voice": True},
            "date_created": plain_date(number.created_at),
            "date_updated": plain_date(number.updated_at),
            "emergency_address_status": "unregistered",
            "emergency_status": "Active",
            "friendly_name": number.friendly_name,
            "origin": "twilio",
            "phone_number": number.phone_number,
            "sid": number.sid,
            "sms_application_sid": "",
            "sms_fallback_method": "POST",
            "sms_fallback_url": "",
            "sms_method": "POST",
            "sms_url": "",
            "status": "in-use",
            "status_callback": number.status_callback,
            "status_callback_method": number.status_callback_method,
            "subresource_uris": {
                "assigned_add_ons": f"{path}/AssignedAddOns.json",
            },
            "type": "local",
            "uri": f"{path}.json",
            "voice_application_sid": "",
            "voice_caller_id_lookup": False,
            "voice_fallback_method": number.voice_fallback_method,
            "voice_fallback_url": number.voice_fallback_url,
            "voice_method": number.voice_method,
            "voice_receive_mode": "voice",
            "voice_url": number.voice_url,
            **dict.fromkeys(unused),
        }

    def account(self, credentials: Credentials) -> dict[str, Any]:
        """Return the Account; its token is not shown."""
        return {
            "auth_token": "",
            "date_created": plain_date(self._exchange.epoch),
            "date_updated": plain_date(self._exchange.epoch),
            "friendly_name": "busyhour",
            "owner_account_sid": credentials.account_sid,
            "sid": credentials.account_sid,
            "status": "active",
            "subresource_uris": {
                "calls": f"{self._account}/Calls.json",
                "incoming_phone_numbers": f"{self._account}/IncomingPhoneNumbers.json",
                "recordings": f"{self._account}/Recordings.json",
            },
            "type": "Full",
            "uri": f"{self._account}.json",
        }

    def _price(self, call: Call) -> str | None:
        if call.seconds is None or call.ended_at is None:
            return None
        if self._now < call.ended_at + self._exchange.settings.price_delay:
            return None
        return f"{-_PRICE_OF_A_MINUTE * billed_minutes(call.seconds):.5f}"

    def _date(self, at: float | None) -> str | None:
        return None if at is None else plain_date(self._exchange.epoch + at)
