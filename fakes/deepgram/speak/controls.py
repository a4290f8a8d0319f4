r"""What stands in a text besides the words: controls and markup.

Controls are escaped: ``\{"word": "x", "pronounce": "..."\}`` and ``\{pause:500ms\}``,
the latter for requests only
(https://developers.deepgram.com/docs/tts-voice-controls). Markup of other services is
taken out (https://developers.deepgram.com/docs/flux-tts/client-messages).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

__all__ = ["ControlledText", "read_controls", "strip_markup"]

_CONTROL = re.compile(r"\\\{(.*?)\\\}", re.DOTALL)
_PAUSE = re.compile(r"\s*pause\s*:\s*[0-9.]+\s*(ms|s)?\s*")
_TAG = re.compile(
    r"</?(speak|voice|prosody|break|emphasis|say-as|phoneme|sub|audio|mark|lexicon"
    r"|p|s|lang|token|w|spell|speed|volume|emotion)(\s[^<>]*)?/?>"
    r"|\[(laughs|laughter|whispers|sighs|sarcastic|excited|curious|crying)\]",
    re.IGNORECASE,
)


class ControlledText(NamedTuple):
    """A text without its controls.

    Attributes:
        text: what is to be said.
        pronunciations: how many words have their own.
        pauses: how many pauses were asked for.
        problem: why the text cannot be said, or "".
    """

    text: str
    pronunciations: int = 0
    pauses: int = 0
    problem: str = ""


class _Pronunciation(msgspec.Struct, forbid_unknown_fields=True):
    word: str
    pronounce: str


def read_controls(text: str) -> ControlledText:
    """Return the text with every control replaced by what is said."""
    pronunciations = pauses = 0
    problem = ""
    parts: list[str] = []
    at = 0
    for control in _CONTROL.finditer(text):
        parts.append(text[at : control.start()])
        at = control.end()
        if _PAUSE.fullmatch(control[1]):
            pauses += 1
            continue
        try:
            found = msgspec.json.decode("{" + control[1] + "}", type=_Pronunciation)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            problem = problem or "The text has a malformed inline control."
        else:
            pronunciations += 1
            parts.append(found.word)
    parts.append(text[at:])
    return ControlledText("".join(parts), pronunciations, pauses, problem)


def strip_markup(text: str) -> str:
    """Return the text without known tags."""
    return _TAG.sub("", text)
