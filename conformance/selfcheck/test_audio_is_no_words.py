"""Audio is audio, whatever its letters spell on the wire."""

from __future__ import annotations

import base64
import json

from hypothesis import example, given
from hypothesis import strategies as st

from fakes.twilio.caller.party import Step
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.media.stream_core import Settings
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS

# Base64 letters that spell what other testers search for to know that a reply is over.
SPELLED = b"".join(map(base64.b64decode, (b"stop", b"clear+++", b"mark", b"endofend")))


class _Ear:
    def __init__(self) -> None:
        self.heard = b""

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard += heard
        return Step()


@given(st.binary(min_size=1, max_size=5 * FRAME_BYTES), st.text(max_size=20))
@example(SPELLED, "media")
def test_whatever_audio_spells_it_is_heard_and_ends_nothing(
    audio: bytes, mark: str
) -> None:
    """Every byte is heard, the mark comes back once, and no message is noted."""
    ear = _Ear()
    stream = MediaStream(
        CallLeg.of(7, "CA" + "0" * 32), ear, settings=Settings(startup_backlog=0.0)
    )
    stream.open(0.0)
    sid = stream.stream_sid
    audio += b"\xff" * (-len(audio) % FRAME_BYTES)
    payload = base64.b64encode(audio).decode()
    media = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
    asked = {"event": "mark", "streamSid": sid, "mark": {"name": mark}}
    stream.receive(json.dumps(media), 0.0)
    stream.receive(json.dumps(asked), 0.0)
    frames = len(audio) // FRAME_BYTES
    for number in range(1, frames + 3):
        stream.on_timer(number * FRAME_SECONDS + 1e-9)

    assert ear.heard == audio
    sent = [json.loads(out) for out in stream.take() if isinstance(out, str)]
    marks = [one["mark"]["name"] for one in sent if one["event"] == "mark"]
    assert marks == [mark]
    assert not any(one["event"] == "stop" for one in sent)
