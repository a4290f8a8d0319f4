"""Calls, their streams and their notifications."""

from __future__ import annotations

from fakes.twilio.exchange.call_state import Call, CallPlan
from fakes.twilio.flow.orders import Noted
from fakes.twilio.rest import call_parameters as parameters
from fakes.twilio.rest.errors import RestError, not_found, too_many
from fakes.twilio.rest.form import Form
from fakes.twilio.rest.visit import RestAnswer, Visit

__all__ = [
    "change_call",
    "create_call",
    "create_stream",
    "delete_call",
    "list_calls",
    "list_events",
    "list_notifications",
    "show_call",
    "show_notification",
    "stop_stream",
]

_NOT_IN_PROGRESS = "Call is not in-progress. Cannot redirect."


def create_call(visit: Visit) -> RestAnswer:
    """Accept a call, even if it has to wait; refuse what can never be one."""
    exchange, settings = visit.exchange, visit.exchange.settings
    plan = parameters.call_plan(visit.form, exchange.numbers, settings)
    most = settings.concurrent_calls
    if most is not None and exchange.live >= most:
        raise RestError(429, 10004, "Call concurrency limit exceeded")
    if exchange.waiting >= settings.queue_bound:
        raise too_many()
    call = exchange.create(plan, visit.now)
    _warn(visit, call, plan)
    return RestAnswer(201, visit.shown.call(call))


def _warn(visit: Visit, call: Call, plan: CallPlan) -> None:
    """Note what was ordered and cannot be."""
    if "StatusCallbackEvent" in visit.form:
        for event in visit.form.all("StatusCallbackEvent"):
            if event not in ("initiated", "ringing", "answered", "completed"):
                text = f"StatusCallbackEvent {event[:60]!r} does not exist"
                text += "; give the parameter once for each event"
                visit.exchange.note(call, Noted("21626", text, "warning"), visit.now)
    detection = plan.detection
    if detection and detection.asynchronous and not detection.callback:
        text = "No AMD status callback URL provided"
        visit.exchange.note(call, Noted("21262", text, "warning"), visit.now)


def list_calls(visit: Visit) -> RestAnswer:
    """List the calls that pass the filters, newest first."""
    for name in ("StartTime", "EndTime"):
        visit.query.between(name, None)  # refuses what is no date
    calls = [
        call
        for call in reversed(visit.exchange.calls.values())
        if _passes(call, visit.query, visit.exchange.epoch)
    ]
    return visit.page(calls, "calls", visit.shown.call)


def _passes(call: Call, query: Form, epoch: float) -> bool:
    leg = call.leg
    for name, value in (
        ("To", leg.to_number),
        ("From", leg.from_number),
        ("ParentCallSid", leg.parent_call_sid),
        ("Status", call.status),
    ):
        if name in query and query.text(name) != value:
            return False
    started = None if call.dialled_at is None else epoch + call.dialled_at
    ended = None if call.ended_at is None else epoch + call.ended_at
    return query.between("StartTime", started) and query.between("EndTime", ended)


def show_call(visit: Visit, sid: str) -> RestAnswer:
    """Show a call."""
    return RestAnswer(200, visit.shown.call(visit.call(sid)))


def delete_call(visit: Visit, sid: str) -> RestAnswer:
    """Forget a call that is over."""
    call = visit.call(sid)
    if not call.over:
        text = "Cannot delete this resource before it is complete"
        raise RestError(409, 20009, text)
    visit.exchange.forget(call)
    return RestAnswer(204)


def change_call(visit: Visit, sid: str) -> RestAnswer:
    """Hang up, cancel or redirect a call."""
    call, form, exchange = visit.call(sid), visit.form, visit.exchange
    status = form.text("Status")
    voice = parameters.voice_of(form)
    if status not in ("", "canceled", "completed"):
        raise RestError(400, 20422, f"Status {status[:40]!r} is not a change")
    if "Url" in form and "Twiml" in form:
        raise RestError(400, 21205, "Url and Twiml are mutually exclusive")
    if call.over and (status or voice):
        raise _too_late(visit, redirect=voice is not None)
    if status == "canceled" and call.answered_at is not None:
        text = "Call is in-progress. Cannot cancel; set Status to completed instead."
        raise RestError(400, 21220, text)
    if voice is not None and not status:
        if call.status != "in-progress" or not call.running:
            raise RestError(400, 21220, _NOT_IN_PROGRESS)
        exchange.redirect(call, voice, visit.now)
    if "StatusCallback" in form:
        plan = parameters.callback_plan(form)
        call.callback = plan._replace(events=call.callback.events)
    if "TimeLimit" in form:
        seconds = form.whole("TimeLimit", 1, 1, 86_400, 20422)
        exchange.limit(call, seconds, visit.now)
    if status:
        exchange.hang_up(call, visit.now)
    return RestAnswer(200, visit.shown.call(call))


def _too_late(visit: Visit, *, redirect: bool) -> RestError:
    """Return the refusal of a change to a call that is over."""
    if redirect:
        return RestError(400, 21220, _NOT_IN_PROGRESS)
    if visit.exchange.settings.ended_call_code == 21220:
        return RestError(400, 21220, "Call is not in-progress. Cannot hang up.")
    return not_found(visit.path)


def create_stream(visit: Visit, sid: str) -> RestAnswer:
    """Start a stream; those of the REST interface are unidirectional."""
    order = parameters.stream_parameters(visit.form)
    call = visit.live_call(sid, "Call is not in-progress. Cannot start a stream.")
    names = {one.name for one in call.streams.values() if one.status == "in-progress"}
    if order.name and order.name in names:
        raise RestError(
            400, 20422, f"There is a stream with the name {order.name[:60]}"
        )
    stream = visit.lines.start_stream(call, order)
    status = visit.exchange.settings.streams_status
    return RestAnswer(status, visit.shown.stream(call, stream))


def stop_stream(visit: Visit, sid: str, stream_sid: str) -> RestAnswer:
    """Stop a stream, which may be given by its name."""
    call = visit.call(sid)
    for stream in reversed(call.streams.values()):
        if stream_sid in (stream.sid, stream.name):
            break
    else:
        raise not_found(visit.path)
    if visit.form.text("Status") != "stopped":
        raise RestError(400, 20422, "Status must be stopped")
    if stream.status == "in-progress":
        visit.lines.stop_stream(call, stream)
        stream.status, stream.updated_at = "stopped", visit.now
    return RestAnswer(200, visit.shown.stream(call, stream))


def list_notifications(visit: Visit, sid: str) -> RestAnswer:
    """List what the debugger has of a call, newest first."""
    call, query, shown = visit.call(sid), visit.query, visit.shown
    levels = {"0": "error", "1": "warning"}
    wanted = levels.get(query.text("Log"))
    lines = [
        line
        for line in reversed(call.notifications)
        if wanted in (None, line.level)
        and query.between("MessageDate", visit.exchange.epoch + line.at)
    ]
    return visit.page(
        lines, "notifications", lambda line: shown.notification(call, line)
    )


def show_notification(visit: Visit, sid: str, notification: str) -> RestAnswer:
    """Show one line of the debugger."""
    call = visit.call(sid)
    for line in call.notifications:
        if line.sid == notification:
            return RestAnswer(200, visit.shown.notification_alone(call, line))
    raise not_found(visit.path)


def list_events(visit: Visit, sid: str) -> RestAnswer:
    """List no events: the fake keeps no record of its webhooks."""
    return visit.page([visit.call(sid)][:0], "events", visit.shown.call)
