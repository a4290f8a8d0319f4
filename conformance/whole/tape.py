"""A tape: what a caller does and what providers do to him, as a value and as a file.

::

    {
      "tape": {
        "caller": [{"do": "say", "text": "Where is my parcel?"}],
        "chat": [{"type": "Refuse", "status": 503}]
      },
      "verdict": ["dead_air"]
    }

The steps are those of :mod:`fakes.twilio.caller.script`, the faults those of
:mod:`fakes.faults`: the n-th connection or request of the call meets the n-th fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fakes.fault_rules import Rule, check_rule
from fakes.faults import Fault, Nothing
from fakes.twilio.caller.script import ConversationStep
from voiceutils.errors import SettingError

__all__ = ["Recording", "Tape", "read_recording", "write_recording"]

CALLER = 4729  # the caller's number, where nobody gives another


class Tape(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One call, whoever answers it.

    Attributes:
        caller: what the caller does; he hangs up politely at the end.
        listen: what the call's links to the recogniser meet, in order.
        chat: what its requests to the model meet.
        speak: what its requests for speech meet.
        seed: of the agent's jitter, in virtual time.
    """

    caller: tuple[ConversationStep, ...] = ()
    listen: tuple[Fault, ...] = ()
    chat: tuple[Fault, ...] = ()
    speak: tuple[Fault, ...] = ()
    seed: int = 0

    @property
    def faults(self) -> Iterator[tuple[str, tuple[Fault, ...]]]:
        """The surfaces on which anything goes wrong, with what does."""
        for surface, faults in (
            ("listen", self.listen),
            ("chat", self.chat),
            ("speak_rest", self.speak),
        ):
            if any(not isinstance(fault, Nothing) for fault in faults):
                yield surface, faults

    def rules(self, call_sid: str) -> list[Rule]:
        """Return the faults as rules for one call.

        Raises:
            SettingError: a fault does not exist on its surface, or cannot be.
        """
        return [
            check_rule(Rule(surface=surface, group=call_sid, faults=faults))
            for surface, faults in self.faults
        ]


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tape with the oracles that it failed; none if it passed.

    Attributes:
        agent: who answered: ``reference``, a mutant's name, or an address.
    """

    tape: Tape
    verdict: tuple[str, ...] = ()
    agent: str = "reference"


def read_recording(path: Path) -> Recording:
    """Read a file; raises SettingError with the place of a mistake."""
    try:
        recording = msgspec.json.decode(path.read_bytes(), type=Recording)
    except OSError as error:
        raise SettingError(f"tape {path}: {error.strerror or error}") from None
    except msgspec.DecodeError as error:
        raise SettingError(f"tape {path}: {error}") from None
    recording.tape.rules("CA")
    return recording


def write_recording(path: Path, recording: Recording) -> None:
    """Write a file that a person can read and change."""
    text = msgspec.json.format(msgspec.json.encode(recording), indent=2)
    path.write_bytes(text + b"\n")
