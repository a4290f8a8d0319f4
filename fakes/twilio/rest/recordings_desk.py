"""Recordings: of a call, of the account, and as a file."""

from __future__ import annotations

from fakes.twilio.exchange.call_state import Call, RecordingState
from fakes.twilio.rest.call_parameters import recording_plan
from fakes.twilio.rest.errors import RestError, not_found
from fakes.twilio.rest.visit import RestAnswer, Visit

__all__ = [
    "change_recording",
    "create_recording",
    "delete_recording",
    "list_account_recordings",
    "list_recordings",
    "recording_file",
    "show_account_recording",
    "show_recording",
]

_LIVE = ("in-progress", "paused")


def create_recording(visit: Visit, sid: str) -> RestAnswer:
    """Record a call from now on."""
    plan = recording_plan(visit.form, source="StartCallRecordingAPI")
    refusal = "Requested resource is not eligible for recording"
    call = visit.live_call(sid, refusal)
    if any(recording.status in _LIVE for recording in call.recordings.values()):
        raise RestError(400, 21220, refusal)
    recording = visit.lines.start_recording(call, plan)
    return RestAnswer(201, visit.shown.recording(call, recording))


def list_recordings(visit: Visit, sid: str) -> RestAnswer:
    """List the recordings of a call, newest first."""
    call, shown = visit.call(sid), visit.shown
    recordings = [*reversed(call.recordings.values())]
    return visit.page(recordings, "recordings", lambda one: shown.recording(call, one))


def show_recording(visit: Visit, sid: str, recording_sid: str) -> RestAnswer:
    """Show a recording of a call."""
    call = visit.call(sid)
    recording = _of_call(visit, call, recording_sid)
    return RestAnswer(200, visit.shown.recording(call, recording))


def change_recording(visit: Visit, sid: str, recording_sid: str) -> RestAnswer:
    """Pause, go on or stop; the recording may be named ``Twilio.CURRENT``."""
    call = visit.call(sid)
    recording = _of_call(visit, call, recording_sid)
    status = visit.form.text("Status")
    if status not in ("in-progress", "paused", "stopped"):
        raise RestError(400, 20422, f"Status {status[:40]!r} is not a change")
    if recording.status not in _LIVE:
        raise RestError(400, 21220, "Recording is not in-progress. Cannot change it.")
    visit.lines.change_recording(call, recording, status)
    return RestAnswer(200, visit.shown.recording(call, recording))


def delete_recording(visit: Visit, *sids: str) -> RestAnswer:
    """Delete a recording, of a call or of the account."""
    call, recording = _found(visit, sids[-1])
    if len(sids) > 1 and call.sid != sids[0]:
        raise not_found(visit.path)
    if recording.status in _LIVE:
        text = "Cannot delete this resource before it is complete"
        raise RestError(409, 20009, text)
    visit.lines.forget_recording(recording.sid)
    del call.recordings[recording.sid]
    return RestAnswer(204)


def list_account_recordings(visit: Visit) -> RestAnswer:
    """List all recordings of the account, newest first."""
    owners: dict[str, Call] = {}
    recordings: list[RecordingState] = []
    wanted = visit.query.text("CallSid")
    for call in visit.exchange.calls.values():
        for one in call.recordings.values():
            if wanted in ("", call.sid):
                owners[one.sid] = call
                recordings.append(one)
    recordings.sort(key=lambda one: one.started_at, reverse=True)
    shown = visit.shown
    return visit.page(
        recordings,
        "recordings",
        lambda one: shown.account_recording(owners[one.sid], one),
    )


def show_account_recording(visit: Visit, recording_sid: str) -> RestAnswer:
    """Show a recording."""
    call, recording = _found(visit, recording_sid)
    return RestAnswer(200, visit.shown.account_recording(call, recording))


def recording_file(visit: Visit, recording_sid: str, ending: str) -> RestAnswer:
    """Return the WAV file; the fake makes no MP3."""
    _found(visit, recording_sid)
    if ending not in ("", ".wav"):
        text = f"this fake makes WAV files only: ask for {recording_sid}.wav"
        raise RestError(406, 20404, text)
    pieces = visit.lines.wav(recording_sid)
    if pieces is None:
        raise not_found(visit.path)
    return RestAnswer(200, None, pieces, "audio/x-wav")


def _of_call(visit: Visit, call: Call, sid: str) -> RecordingState:
    if sid == "Twilio.CURRENT":
        for recording in reversed(call.recordings.values()):
            if recording.status in _LIVE:
                return recording
    if sid not in call.recordings:
        raise not_found(visit.path)
    return call.recordings[sid]


def _found(visit: Visit, sid: str) -> tuple[Call, RecordingState]:
    for call in visit.exchange.calls.values():
        if sid in call.recordings:
            return call, call.recordings[sid]
    raise not_found(visit.path)
