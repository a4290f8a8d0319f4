"""The REST interface without a socket: refusals, pages, filters, changes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.exchange.call_state import (
    Call,
    RecordingPlan,
    RecordingState,
    StreamState,
)
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.numbers import OWN_NUMBER
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.flow.orders import Noted, Over, StreamOrder
from fakes.twilio.rest.desk import Desk, RestRequest
from fakes.twilio.rest.resources import formatted
from fakes.twilio.rest.visit import RestAnswer
from fakes.twilio.web.credentials import Credentials

CREDENTIALS = Credentials(keys={f"SK{'1' * 32}": "key-secret"})
ACCOUNT = CREDENTIALS.account_sid
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
URL = "http://127.0.0.1:8080/voice"
USUAL = {"To": "+14155550123", "From": OWN_NUMBER, "Url": URL}


class Lines:
    """Live legs that do as they are told."""

    def start_stream(self, call: Call, order: StreamOrder) -> StreamState:
        stream = StreamState(f"MZ{len(call.streams):032x}", order.name, 0.0)
        return call.streams.setdefault(stream.sid, stream)

    def stop_stream(self, call: Call, stream: StreamState) -> None:
        pass

    def start_recording(self, call: Call, plan: RecordingPlan) -> RecordingState:
        recording = RecordingState(f"RE{len(call.recordings):032x}", plan, 0.0)
        return call.recordings.setdefault(recording.sid, recording)

    def change_recording(
        self, call: Call, recording: RecordingState, status: str
    ) -> None:
        recording.status = status

    def wav(self, sid: str) -> Iterator[bytes] | None:
        return iter([b"RIFF"])

    def forget_recording(self, sid: str) -> None:
        pass


def basic(user: str = ACCOUNT, secret: str = CREDENTIALS.auth_token) -> str:
    """Return an Authorization header."""
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


class Client:
    """Asks a desk, and lets the exchange's time pass."""

    def __init__(self, **settings: Any) -> None:
        usual = {"calls_per_second": 1000.0}
        self.exchange = Exchange(
            TwilioSettings(**(usual | settings)), CREDENTIALS, epoch=1e9, seed=1
        )
        self.desk = Desk(self.exchange, Lines())
        self.now = 0.0

    def ask(
        self,
        method: str,
        path: str,
        form: dict[str, str] | tuple[tuple[str, str], ...] = (),
        *,
        authorization: str | None = None,
    ) -> RestAnswer:
        """Return the answer; a path without "/2010" is one below the account."""
        parts = urlsplit(path if path.startswith("/2010") else f"{ROOT}{path}")
        request = RestRequest(
            method,
            parts.path,
            (*parse_qsl(parts.query, keep_blank_values=True),),
            (*form.items(),) if isinstance(form, dict) else form,
            basic() if authorization is None else authorization,
        )
        return self.desk.answer(request, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass; whoever is told to run a document runs it."""
        end = self.now + seconds
        while (due := self.exchange.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.exchange.on_timer(self.now)
        self.now = end

    def live_call(self) -> str:
        """Return the sid of a call that is in progress."""
        content = self.ask("POST", "/Calls.json", USUAL).content
        assert content is not None
        self.wait(2.0)
        return str(content["sid"])


def refused(answer: RestAnswer) -> tuple[int, int]:
    """Return status and code of a refusal."""
    assert answer.content is not None
    assert answer.content["status"] == answer.status
    code = answer.content["code"]
    assert answer.content["more_info"].endswith(f"/errors/{code}")
    assert answer.content["message"]
    return answer.status, code


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "Authentication Error - No credentials provided"),
        (basic(user=f"AC{'0' * 32}"), "Authentication Error - invalid username"),
        (basic(secret="wrong"), "Authenticate"),
        (basic(user=f"SK{'1' * 32}"), "Authenticate"),
        ("Bearer x", "Authenticate"),
        ("Basic !!!", "Authenticate"),
    ],
)
def test_who_is_not_known_is_refused(authorization: str, message: str) -> None:
    """401, 20003, with a detail; and the token is not in the answer."""
    answer = Client().ask("GET", "/Calls.json", authorization=authorization)
    assert refused(answer) == (401, 20003)
    assert answer.content is not None
    assert answer.content["message"] == message
    assert answer.content["detail"] == "Your AccountSid or AuthToken was incorrect."
    assert CREDENTIALS.auth_token not in str(answer)


def test_an_api_key_opens_the_account() -> None:
    """With its own secret, for this account alone."""
    key = basic(f"SK{'1' * 32}", "key-secret")
    client = Client()
    assert client.ask("GET", "/Calls.json", authorization=key).status == 200
    other = f"/2010-04-01/Accounts/AC{'9' * 32}/Calls.json"
    assert refused(client.ask("GET", other, authorization=key)) == (401, 20003)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "nobody"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550002"}, 21214),
        ({"To": "+15005550003"}, 21215),
        ({"To": "+15005550004"}, 21216),
        ({"From": ""}, 21213),
        ({"From": "12"}, 21212),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+14155550199"}, 21210),
        ({"Url": ""}, 21205),
        ({"Url": "ftp://127.0.0.1/x"}, 21205),
        ({"Url": "", "Twiml": "x" * 4001}, 21205),
        ({"SendDigits": "12x"}, 21206),
        ({"Timeout": "601"}, 21208),
        ({"Method": "PUT"}, 21209),
        ({"MachineDetection": "Perhaps"}, 21234),
        ({"MachineDetection": "Enable", "MachineDetectionTimeout": "2"}, 21263),
        ({"StatusCallback": "http://my_host/x"}, 21609),
        ({"ApplicationSid": f"AP{'0' * 32}"}, 21218),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_its_number(
    changes: dict[str, str], code: int
) -> None:
    """And no call comes of it."""
    client = Client()
    answer = client.ask("POST", "/Calls.json", USUAL | changes)
    assert refused(answer) == (400, code)
    assert not client.exchange.calls


def test_trial_accounts_and_countries_have_their_limits() -> None:
    """21219 and 21215 are settings."""
    trial = Client(trial=True, verified=frozenset({"+14155550111"}))
    assert refused(trial.ask("POST", "/Calls.json", USUAL)) == (400, 21219)
    known = USUAL | {"To": "+14155550111"}
    assert trial.ask("POST", "/Calls.json", known).status == 201
    home = Client(permitted=("+1",))
    abroad = USUAL | {"To": "+442071838750"}
    assert refused(home.ask("POST", "/Calls.json", abroad)) == (400, 21215)


def test_a_call_over_the_rate_is_accepted_and_one_over_the_bound_is_not() -> None:
    """201 and queued with its wait as text; then 20429; and 10004 by setting."""
    client = Client(calls_per_second=1.0, queue_bound=2)
    answers = [client.ask("POST", "/Calls.json", USUAL) for _ in range(4)]
    assert [one.status for one in answers] == [201, 201, 201, 429]
    assert answers[2].content is not None
    assert answers[2].content["queue_time"] == "2000"
    assert answers[2].content["status"] == "queued"
    few = Client(concurrent_calls=1)
    few.ask("POST", "/Calls.json", USUAL)
    assert refused(few.ask("POST", "/Calls.json", USUAL)) == (429, 10004)


def test_joined_events_are_no_events() -> None:
    """One text with spaces subscribes to nothing, and is noted; repeated keys do."""
    client = Client()
    told = (*USUAL.items(), ("StatusCallback", URL))
    joined = (*told, ("StatusCallbackEvent", "initiated ringing"))
    client.ask("POST", "/Calls.json", joined)
    first = next(iter(client.exchange.calls.values()))
    assert first.callback.events == frozenset()
    assert [line.code for line in first.notifications] == ["21626"]
    repeated = (*told, ("StatusCallbackEvent", "initiated"))
    client.ask("POST", "/Calls.json", (*repeated, ("StatusCallbackEvent", "answered")))
    second = [*client.exchange.calls.values()][1]
    assert second.callback.events == {"initiated", "answered"}


@pytest.mark.parametrize("code", [20404, 21220])
def test_a_call_that_is_over_cannot_be_changed(code: int) -> None:
    """The hang-up says so by setting; a redirect always with 21220."""
    client = Client(ended_call_code=code)
    sid = client.live_call()
    path = f"/Calls/{sid}.json"
    answer = client.ask("POST", path, {"Status": "completed"})
    assert answer.content is not None
    assert answer.content["status"] == "completed"
    again = refused(client.ask("POST", path, {"Status": "completed"}))
    assert again == ((404, 20404) if code == 20404 else (400, 21220))
    assert refused(client.ask("POST", path, {"Url": URL})) == (400, 21220)


def test_only_a_call_that_is_not_answered_can_be_canceled() -> None:
    """21220 tells an agent that it came too late."""
    client = Client()
    answered = client.live_call()
    path = f"/Calls/{answered}.json"
    assert refused(client.ask("POST", path, {"Status": "canceled"})) == (400, 21220)
    ringing = client.ask("POST", "/Calls.json", USUAL).content
    assert ringing is not None
    answer = client.ask("POST", f"/Calls/{ringing['sid']}.json", {"Status": "canceled"})
    assert answer.content is not None
    assert answer.content["status"] == "canceled"


def test_a_redirect_needs_a_call_in_progress_and_one_document() -> None:
    """Neither a ringing call nor two documents will do."""
    client = Client()
    content = client.ask("POST", "/Calls.json", USUAL).content
    assert content is not None
    path = f"/Calls/{content['sid']}.json"
    assert refused(client.ask("POST", path, {"Url": URL})) == (400, 21220)
    client.wait(2.0)
    both = {"Url": URL, "Twiml": "<Response/>"}
    assert refused(client.ask("POST", path, both)) == (400, 21205)
    assert client.ask("POST", path, {"Twiml": "<Response/>"}).status == 200
    assert refused(client.ask("POST", path, {"Status": "busy"})) == (400, 20422)


def test_what_is_not_known_of_a_call_is_null() -> None:
    """Every key is there; numbers are texts; the price comes later."""
    client = Client()
    content = client.ask("POST", "/Calls.json", USUAL).content
    assert content is not None
    waiting = Client(calls_per_second=0.1)
    waiting.ask("POST", "/Calls.json", USUAL)
    queued = waiting.ask("POST", "/Calls.json", USUAL).content
    assert queued is not None
    for name in ("date_created", "duration", "price", "start_time", "end_time"):
        assert queued[name] is None
    client.wait(2.0)
    call = client.exchange.calls[content["sid"]]
    client.exchange.leg_ended(call, Over("completed"), client.now + 61.0)
    client.wait(70.0)
    ended = client.ask("GET", f"/Calls/{call.sid}.json").content
    assert ended is not None
    assert ended["duration"] == "62"
    assert ended["price"] is None
    client.wait(60.0)
    priced = client.ask("GET", f"/Calls/{call.sid}.json").content
    assert priced is not None
    assert priced["price"] == "-0.02800"
    assert ended["date_created"] == "Sun, 09 Sep 2001 01:46:40 +0000"
    assert ended["from_formatted"] == "(500) 555-0006"


@given(total=st.integers(0, 25), size=st.integers(1, 9), token=st.booleans())
def test_leafing_through_shows_every_call_once(
    total: int, size: int, token: bool
) -> None:
    """Newest first, by the tokens given out or by page numbers; and back again."""
    client = Client()
    for _ in range(total):
        client.ask("POST", "/Calls.json", USUAL)
    uri: str | None = f"{ROOT}/Calls.json?PageSize={size}"
    seen: list[str] = []
    number = 0
    before = None
    while uri:
        content = client.ask("GET", uri).content
        assert content is not None
        assert (content["page"], content["page_size"]) == (number, size)
        assert content["start"] == number * size
        assert bool(content["previous_page_uri"]) == (number > 0)
        if number:
            back = client.ask("GET", content["previous_page_uri"]).content
            assert back is not None
            assert back["calls"] == before
        before = content["calls"]
        seen += [call["sid"] for call in content["calls"]]
        uri, number = content["next_page_uri"], number + 1
        if uri and not token:
            uri = f"{ROOT}/Calls.json?PageSize={size}&Page={number}"
    assert seen == [*reversed(client.exchange.calls)]


def test_calls_that_come_about_do_not_shift_the_pages() -> None:
    """The token names the last element that was shown."""
    client = Client()
    for _ in range(4):
        client.ask("POST", "/Calls.json", USUAL)
    first = client.ask("GET", "/Calls.json?PageSize=2").content
    client.ask("POST", "/Calls.json", USUAL)
    assert first is not None
    second = client.ask("GET", first["next_page_uri"]).content
    assert second is not None
    shown = [call["sid"] for call in first["calls"] + second["calls"]]
    assert shown == [*reversed(client.exchange.calls)][1:]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("To=%2B14155550123", 1),
        ("To=%2B14155550999", 0),
        ("Status=in-progress", 1),
        ("Status=completed", 0),
        ("StartTime=2001-09-09", 1),
        ("StartTime%3E=2001-09-10", 0),
        ("StartTime%3C=2001-09-09", 1),
        ("EndTime%3E=2001-09-09", 0),
        (f"ParentCallSid=CA{'0' * 32}", 0),
    ],
)
def test_filters_narrow_a_list_and_stay_in_its_uris(query: str, found: int) -> None:
    """Dates are days, UTC; what has no end has no end date."""
    client = Client()
    client.live_call()
    content = client.ask("GET", f"/Calls.json?{query}").content
    assert content is not None
    assert len(content["calls"]) == found
    assert query.partition("=")[0] in content["first_page_uri"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/Calls.json?PageSize=1001", (400, 20007)),
        ("GET", "/Calls.json?PageSize=x", (400, 20422)),
        ("GET", "/Calls.json?StartTime=yesterday", (400, 20422)),
        ("GET", f"/Calls/CA{'0' * 32}.json", (404, 20404)),
        ("GET", "/Calls/CA123.json", (404, 20404)),
        ("GET", "/Faxes.json", (404, 20404)),
        ("PUT", "/Calls.json", (405, 20004)),
        ("GET", "/Calls", (406, 20406)),
        ("GET", "/2010-04-01/Nothing.json", (404, 20404)),
    ],
)
def test_what_is_not_there_is_refused(
    method: str, path: str, expected: tuple[int, int]
) -> None:
    """With the status and the number of Twilio's dictionary."""
    assert refused(Client().ask(method, path)) == expected


def test_a_call_is_deleted_when_it_is_over() -> None:
    """Not before (20009)."""
    client = Client()
    sid = client.live_call()
    path = f"/Calls/{sid}.json"
    assert refused(client.ask("DELETE", path)) == (409, 20009)
    client.ask("POST", path, {"Status": "completed"})
    assert client.ask("DELETE", path).status == 204
    assert refused(client.ask("GET", path)) == (404, 20404)


def running(client: Client) -> Call:
    """Return a call whose leg runs."""
    call = client.exchange.calls[client.live_call()]
    client.exchange.take()
    return call


@pytest.mark.parametrize("status", [200, 201])
def test_streams_are_started_and_stopped_by_sid_or_name(status: int) -> None:
    """The published status of a creation is 200; a setting has it 201."""
    client = Client(streams_status=status)
    call = running(client)
    path = f"/Calls/{call.sid}/Streams"
    form = {"Url": "wss://agent.example/x?y=1", "Name": "one"}
    answer = client.ask("POST", f"{path}.json", form)
    assert answer.status == status
    assert refused(client.ask("POST", f"{path}.json", form)) == (400, 20422)
    plain = {"Url": "ws://agent.example/x"}
    assert refused(client.ask("POST", f"{path}.json", plain)) == (400, 21205)
    stopped = client.ask("POST", f"{path}/one.json", {"Status": "stopped"})
    assert stopped.content is not None
    assert (stopped.content["status"], stopped.content["name"]) == ("stopped", "one")
    unknown = client.ask("POST", f"{path}/two.json", {"Status": "stopped"})
    assert refused(unknown) == (404, 20404)


def test_recordings_are_made_paused_shown_and_deleted() -> None:
    """``Twilio.CURRENT`` names the one that runs; one at a time."""
    client = Client()
    call = running(client)
    path = f"/Calls/{call.sid}/Recordings"
    made = client.ask("POST", f"{path}.json", {"RecordingChannels": "dual"})
    assert made.status == 201
    assert made.content is not None
    assert made.content["channels"] == 2
    assert refused(client.ask("POST", f"{path}.json")) == (400, 21220)
    current = f"{path}/Twilio.CURRENT.json"
    paused = client.ask("POST", current, {"Status": "paused"})
    assert paused.content is not None
    assert paused.content["status"] == "paused"
    sid = made.content["sid"]
    assert refused(client.ask("DELETE", f"{path}/{sid}.json")) == (409, 20009)
    client.ask("POST", current, {"Status": "stopped"})
    assert refused(client.ask("POST", f"{path}/{sid}.json", {"Status": "paused"})) == (
        400,
        21220,
    )
    file = client.ask("GET", f"/Recordings/{sid}.wav", authorization="")
    assert b"".join(file.pieces or ()) == b"RIFF"
    assert client.ask("GET", f"/Recordings/{sid}.mp3").status == 406
    assert client.ask("DELETE", f"/Recordings/{sid}.json").status == 204
    assert refused(client.ask("GET", f"{path}/{sid}.json")) == (404, 20404)


def test_notifications_are_coded_as_twilio_does() -> None:
    """Level and number are texts, the message is url-encoded pairs."""
    client = Client()
    call = running(client)
    client.exchange.note(call, Noted("15003", "Got HTTP 404", "warning"), 1.0)
    client.exchange.note(call, Noted("11200", "HTTP retrieval failure"), 2.0)
    path = f"/Calls/{call.sid}/Notifications.json"
    content = client.ask("GET", path).content
    assert content is not None
    newest, oldest = content["notifications"]
    assert (newest["error_code"], newest["log"]) == ("11200", "0")
    assert oldest["message_text"] == ("ErrorCode=15003&LogLevel=WARN&Msg=Got+HTTP+404")
    warnings = client.ask("GET", f"{path}?Log=1").content
    assert warnings is not None
    assert [line["error_code"] for line in warnings["notifications"]] == ["15003"]


def test_the_accounts_numbers_can_be_bought_and_changed() -> None:
    """An empty value takes an address away."""
    client = Client()
    form = {"PhoneNumber": "+14155550177", "VoiceUrl": URL}
    made = client.ask("POST", "/IncomingPhoneNumbers.json", form).content
    assert made is not None
    path = f"/IncomingPhoneNumbers/{made['sid']}.json"
    assert made["voice_url"] == URL
    changed = client.ask("POST", path, {"VoiceUrl": "", "FriendlyName": "Desk"}).content
    assert changed is not None
    assert (changed["voice_url"], changed["friendly_name"]) == ("", "Desk")
    assert refused(client.ask("POST", "/IncomingPhoneNumbers.json", form)) == (
        400,
        21422,
    )
    listed = client.ask("GET", "/IncomingPhoneNumbers.json").content
    assert listed is not None
    assert len(listed["incoming_phone_numbers"]) == 2


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.sampled_from(["/Calls.json", "/Recordings.json", "/Calls/{}.json"]),
    form=st.dictionaries(
        st.sampled_from(
            [
                "To",
                "From",
                "Url",
                "Twiml",
                "Status",
                "PageSize",
                "Page",
                "Timeout",
                "StartTime",
                "PageToken",
                "StatusCallback",
                "TimeLimit",
            ]
        ),
        st.text(max_size=20)
        | st.sampled_from(["+14155550123", "http://[::1", "9" * 9]),
    ),
)
def test_whatever_is_sent_the_answer_is_json_or_a_refusal(
    method: str, path: str, form: dict[str, str]
) -> None:
    """Never an exception."""
    client = Client()
    sid = client.live_call()
    pairs = (*form.items(),)
    request = RestRequest(method, f"{ROOT}{path.format(sid)}", pairs, pairs, basic())
    answer = client.desk.answer(request, client.now)
    assert answer.status in (200, 201, 204, 400, 404, 405, 409)


def test_numbers_are_displayed_as_in_their_country() -> None:
    """Only North American ones have brackets."""
    assert formatted("+14155550123") == "(415) 555-0123"
    assert formatted("+442071838750") == "+442071838750"
    assert formatted("client:jane") == "client:jane"
