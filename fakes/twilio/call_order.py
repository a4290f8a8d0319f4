"""What call a phone is to place; the media engine is sent it as JSON."""

from __future__ import annotations

import msgspec

from fakes.speech import SpeechMode
from fakes.twilio.caller.caller import PATIENCE
from fakes.twilio.caller.script import ConversationStep
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.media.stream_core import Settings

__all__ = ["CallOrder"]


class CallOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What call to place.

    Attributes:
        agent: the voice webhook (``http(s)://``) or the media socket (``ws(s)://``).
        conversation: what the caller does.
        call: the caller's number, at most 24 bits; its speech carries it.
        auth_token: signs webhook and upgrade; never recorded.
        drop_every: leave out every n-th frame of caller speech.
        connect: host -> "IP:PORT" to connect to in its place; Host and signature keep
            the original. Without TLS, unless there is an ``authority``.
        deadline: seconds that the whole call may take.
        intended_at: when the call should have begun (monotonic seconds), to tell a
            late generator from a slow agent.
        patience: seconds to wait for a greeting or a reply.
        holding_time: seconds after which the caller hangs up; None: with the script.
        call_sid: ``CA`` and 32 hex digits; random when None.
        seed: decides stream sid and first timestamp.
        settings: where Twilio's behaviour is worth varying.
        authority: path of a file with certificates of authorities, by which the
            agent's own is checked; the public ones when empty.
        impairment: how bad the path is: a name of
            :data:`fakes.twilio.media.impairments.PROFILES`; empty for a perfect one.
        record_to: path of a WAV file, the caller left, the agent right.
        speech: how the code in the audio is written and read; the fakes must do the
            same (``python -m fakes --speech robust``).
        flow: where the run of documents is worth varying.
        switch: address of the control interface of the fakes whose REST interface is
            to know the call, and may end or redirect it; empty: none.
    """

    agent: str
    conversation: tuple[ConversationStep, ...]
    call: int
    auth_token: str = ""
    drop_every: int | None = None
    connect: dict[str, str] = {}
    deadline: float = 60.0
    intended_at: float | None = None
    patience: float = PATIENCE
    holding_time: float | None = None
    call_sid: str | None = None
    seed: int = 0
    settings: Settings = Settings()
    authority: str = ""
    impairment: str = ""
    record_to: str = ""
    speech: SpeechMode = "exact"
    # Whoever tests an agent wants to know that it failed, not to hear an apology.
    flow: FlowSettings = FlowSettings(apology=False)
    switch: str = ""
