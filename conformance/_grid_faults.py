"""The ways in which a provider fails, as the grid of faults x phases uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from conformance._case import MUST, SHOULD, Level
from fakes.fault_scripts import REFUSALS
from fakes.faults import (
    CallTool,
    Close,
    Drop,
    Duplicate,
    EmptyAudio,
    Fault,
    HalfOpen,
    LateFinal,
    Mute,
    NoFinal,
    Nothing,
    Recite,
    Refuse,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
    Trickle,
)

__all__ = ["BREAKS_OFF", "KINDS", "LATER", "Kind"]

LATER = ("greeting", "listening", "thinking", "speaking", "interrupted", "hanging-up")
"""The phases in which a link is open."""

_EVERY = 20  # attempts: more than anybody makes in one call
_SOME = 4  # requests: more than anybody makes for one sentence
_LISTENER = ("recogniser",)
_OF_A_REPLY = ("thinking", "interrupted", "hanging-up")
_LIVEKIT = "https://github.com/livekit/agents"
_DROPPED = "https://github.com/pipecat-ai/pipecat/pull/4311"


class Kind(NamedTuple):
    """One way to fail.

    Attributes:
        words: what the provider does.
        faults: what its attempts meet, given the moment in seconds after the opening of
            a link; None stands for a request.
        source: where an agent has suffered from it.
        providers: who can fail so.
        phases: in which phases it makes a difference; empty: in all of a provider.
        level: SHOULD where no error tells the agent that anything is wrong.
    """

    words: str
    faults: Callable[[float | None], Sequence[Fault]]
    source: str
    providers: tuple[str, ...] = ("recogniser", "voice", "model")
    phases: tuple[str, ...] = ()
    level: Level = MUST


def _refused(status: int) -> Callable[[float | None], Sequence[Fault]]:
    def faults(moment: float | None) -> Sequence[Fault]:
        if moment is None:
            return (Refuse(status),) * _SOME
        return _lost(moment, *(Refuse(status),) * _EVERY)

    return faults


def _lost(moment: float, *then: Fault) -> Sequence[Fault]:
    """Return faults that a link meets when it is lost, or at once when it never was."""
    return then if moment == 0.0 else (Close(1011, after=moment), *then)


def _then(*then: Fault) -> Callable[[float | None], Sequence[Fault]]:
    return lambda moment: then if moment is None else _lost(moment, *then)


def _struck(
    fault: type[Close] | type[Reset] | type[Stall],
) -> Callable[[float | None], Sequence[Fault]]:
    """Return a fault in the middle of a link, or of the body of an answer."""

    def faults(moment: float | None) -> Sequence[Fault]:
        struck = fault(after_sent=2) if moment is None else fault(after=moment)
        return struck, Nothing()

    return faults


def _on_link(
    make: Callable[[float], Fault],
) -> Callable[[float | None], Sequence[Fault]]:
    return lambda moment: (make(moment or 0.0), Nothing())


def _always(*faults: Fault) -> Callable[[float | None], Sequence[Fault]]:
    return lambda _: faults


KINDS = {
    **{
        f"refuse-{status}": Kind(
            f"refuses with {status}",
            _refused(status),
            "https://github.com/BasedHardware/omi/issues/6052",
        )
        for status in REFUSALS
    },
    "asks-to-wait": Kind(
        "refuses once with 429 and Retry-After 1.5",
        _then(Refuse(429, 1.5), Nothing()),
        "https://www.rfc-editor.org/rfc/rfc9110#field.retry-after",
    ),
    "cap-reached": Kind(
        "has no free place for a link until the third attempt",
        _then(Refuse(429), Refuse(429), Nothing()),
        "https://developers.deepgram.com/reference/api-rate-limits",
        _LISTENER,
    ),
    "no-answer": Kind(
        "takes the request and never answers",
        _then(Stall(when="knock"), Nothing()),
        f"{_LIVEKIT}/pull/3686",
        level=SHOULD,
    ),
    "cut-handshake": Kind(
        "resets the connection in place of an answer",
        _then(Reset(when="knock"), Nothing()),
        _DROPPED,
    ),
    "closes-at-once": Kind(
        "accepts every link and closes it after 20 ms",
        _then(*(Close(1011, after=0.02),) * _EVERY),
        "https://github.com/pipecat-ai/pipecat/pull/4201",
        _LISTENER,
    ),
    "close": Kind("breaks off", _struck(Close), _DROPPED, phases=LATER),
    "close-in-order": Kind(
        "closes with 1000",
        _on_link(lambda moment: Close(1000, after=moment)),
        "https://github.com/pipecat-ai/pipecat/pull/4201",
        _LISTENER,
        LATER,
    ),
    "reset": Kind("resets the connection", _struck(Reset), _DROPPED, phases=LATER),
    "stall": Kind(
        "falls silent in mid-sentence",
        _struck(Stall),
        f"{_LIVEKIT}/pull/5756",
        phases=LATER,
        level=SHOULD,
    ),
    "half-open": Kind(
        "vanishes without a close",
        _on_link(lambda moment: HalfOpen(after=moment)),
        f"{_LIVEKIT}/issues/931",
        _LISTENER,
        level=SHOULD,
    ),
    "mute": Kind(
        "goes on taking audio and says nothing",
        _on_link(lambda moment: Mute(after=moment)),
        "https://github.com/deepgram/deepgram-js-sdk/issues/281",
        _LISTENER,
        level=SHOULD,
    ),
    "zero-window": Kind(
        "reads nothing any more",
        _on_link(lambda moment: SlowReader(after=moment)),
        "https://github.com/pipecat-ai/pipecat/pull/4964",
        _LISTENER,
        level=SHOULD,
    ),
    "slow-reader": Kind(
        "reads at three quarters of the pace",
        _on_link(lambda moment: SlowReader(6000.0, after=moment)),
        "https://github.com/pipecat-ai/pipecat/pull/4964",
        _LISTENER,
        level=SHOULD,
    ),
    "slow-writer": Kind(
        "writes 2000 bytes a second",
        _on_link(lambda moment: Throttle(2000.0, after=moment)),
        "https://github.com/asterisk/asterisk/issues/2115",
        _LISTENER,
        level=SHOULD,
    ),
    "sliced": Kind(
        "writes byte by byte",
        _on_link(lambda moment: Slice(after=moment)),
        "https://github.com/asterisk/asterisk/issues/2115",
        _LISTENER,
    ),
    "no-final": Kind(
        "sends interims only",
        _always(NoFinal()),
        "https://github.com/deepgram/deepgram-js-sdk/issues/281",
        _LISTENER,
        ("listening",),
        SHOULD,
    ),
    "late-final": Kind(
        "sends finals 2.5 s late",
        _always(LateFinal(2.5)),
        "https://developers.deepgram.com/docs/measuring-streaming-latency",
        _LISTENER,
        ("listening",),
    ),
    "lost-results": Kind(
        "loses every other result",
        _always(Drop(2, kind="Results")),
        "https://github.com/deepgram/deepgram-js-sdk/issues/281",
        _LISTENER,
        ("listening",),
    ),
    "doubled-results": Kind(
        "sends every message twice",
        _always(Duplicate(count=1_000_000)),
        "https://github.com/deepgram/deepgram-js-sdk/issues/281",
        _LISTENER,
        ("listening",),
    ),
    "empty-audio": Kind(
        "succeeds without a byte of audio",
        _always(*(EmptyAudio(),) * _SOME),
        "https://github.com/pipecat-ai/pipecat/pull/4973",
        ("voice",),
    ),
    "trickle": Kind(
        "is slower than it is heard",
        _always(Trickle(1.3), Nothing()),
        "https://github.com/openclaw/openclaw/issues/119070",
        ("voice",),
        level=SHOULD,
    ),
    "slow-tokens": Kind(
        "takes a quarter of a second a word",
        _always(Trickle(0.25), Nothing()),
        "https://github.com/twilio-labs/call-gpt/issues/14",
        ("model",),
        _OF_A_REPLY,
        SHOULD,
    ),
    "empty-reply": Kind(
        "answers nothing",
        _always(Recite(" "), Recite(" "), Nothing()),
        "https://github.com/huggingface/speech-to-speech/issues/461",
        ("model",),
        _OF_A_REPLY,
    ),
    "calls-a-tool": Kind(
        "calls a tool that nobody offered",
        _always(CallTool(), CallTool(), Nothing()),
        "https://github.com/livekit/agents-js/issues/1454",
        ("model",),
        _OF_A_REPLY,
    ),
}
"""Every way to fail, by its name in the cells."""

BREAKS_OFF = ("close", "reset", "stall")
"""What happens in the middle of an answer."""
