"""The small verbs: say, play, wait, go elsewhere, hang up."""

from __future__ import annotations

from collections.abc import Iterator

from fakes.twilio.flow.attributes import method, whole
from fakes.twilio.flow.orders import FetchSound, Over
from fakes.twilio.flow.sounds import SoundError, read_sound, tones
from fakes.twilio.flow.stage import (
    Event,
    FetchFailed,
    GoTo,
    NextVerb,
    SoundCame,
    Stage,
    Verb,
)
from fakes.twilio.flow.talk import Player, in_frames, say
from fakes.twilio.twiml import Element

__all__ = ["Hangup", "Pause", "Play", "PlaySound", "Redirect", "Reject", "Say"]

_SAY_LIMIT = 4096  # characters
_LOOPS = 1000  # what for ever means in other places of Twilio's documentation
_LONGEST_BREAK = 10.0  # seconds


class Sounding(Verb):
    """A verb that plays something and is over when it has been played."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._player: Player | None = None

    def play(self, frames: list[bytes], times: int = 1) -> None:
        """Play from the next frame on."""
        self._player = Player(frames, times)
        if self._player.is_over:
            self.outcome = NextVerb()

    def frame(self, now: float) -> bytes:
        """Return what plays now."""
        if self._player is None:
            return b""
        frame = self._player.frame()
        if not frame:
            self.outcome = NextVerb()
        return frame


class Say(Sounding):
    """Reads a text out."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element

    def begin(self, now: float) -> None:
        """Start to speak."""
        stage = self.stage
        times = whole(stage, self._element, "loop", 1, code="13510", most=_LOOPS)
        parts = list(_spoken(self._element))
        length = sum(len(part) for part in parts if isinstance(part, str))
        if length > _SAY_LIMIT:
            text = f"<Say> of {length} characters is not said, {_SAY_LIMIT} is the most"
            stage.warn("13521", text)
            parts = []
        frames = say(parts, stage.new_number)
        if not frames and length <= _SAY_LIMIT:
            stage.warn("13520", "<Say> has nothing to say")
        self.play(frames, times)


def _spoken(element: Element) -> Iterator[str | float]:
    """Yield the text of an element with the pauses that SSML asks for."""
    text = ""
    for part in element.content:
        if isinstance(part, str):
            text += part
        elif part.name == "break":
            yield text
            text = ""
            yield _break_seconds(part)
        elif part.name == "sub":
            text += part.attributes.get("alias", part.text)
        else:
            for inner in _spoken(part):
                if isinstance(inner, str):
                    text += inner
                else:
                    yield text
                    text = ""
                    yield inner
    yield text


def _break_seconds(element: Element) -> float:
    time = element.attributes.get("time", "").strip()
    number, scale = (time[:-2], 0.001) if time.endswith("ms") else (time[:-1], 1.0)
    if number.isascii() and number.isdecimal() and len(number) < 9:
        return min(int(number) * scale, _LONGEST_BREAK)
    return 0.5


class Play(Sounding):
    """Plays a sound, or the tones of keys."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element
        self._url: str | None = None
        self._deadline: float | None = None
        self._times = 1

    def begin(self, now: float) -> None:
        """Ask for the sound."""
        stage, element = self.stage, self._element
        self._times = whole(stage, element, "loop", 1, code="13410", most=_LOOPS)
        digits = element.attributes.get("digits")
        if digits is not None:
            self._play_digits(digits)
            return
        self._url = stage.page(element.text) if element.text else None
        if self._url is None:
            if not element.text:
                stage.fail("11100", "<Play> names no sound")
            self.outcome = NextVerb()
            return
        self._deadline = now + stage.settings.fetch_patience
        stage.order(FetchSound(self._url))

    def _play_digits(self, digits: str) -> None:
        audio = tones(digits)
        if audio is None:
            self.stage.warn("13430", f"<Play digits={digits[:40]!r}> is not played")
        self.play(in_frames(audio or b""), self._times)

    def told(self, event: Event, now: float) -> None:
        """Play the sound that came."""
        if self._deadline is None:
            return
        match event:
            case SoundCame(url, body, content_type) if url == self._url:
                self._deadline = None
                self.play(sound_frames(self.stage, body, content_type), self._times)
            case FetchFailed(_, code, text):
                self._deadline = None
                self.stage.fail(code, text)
                self.outcome = NextVerb()

    def next_timer(self) -> float | None:
        """Return until when the sound is waited for."""
        return self._deadline

    def on_timer(self, now: float) -> None:
        """Give up on the sound."""
        self._deadline = None
        self.stage.fail("11205", f"no answer from {self._url} to <Play>")
        self.outcome = NextVerb()


def sound_frames(stage: Stage, body: bytes, content_type: str) -> list[bytes]:
    """Return a fetched sound as frames; none, with a note, if it is unplayable."""
    try:
        sound = read_sound(body, content_type, stage.settings.longest_sound)
    except SoundError as error:
        stage.fail("13420", str(error))
        return []
    if sound.note:
        stage.warn("sound", sound.note)
    return in_frames(sound.audio)


class PlaySound(Sounding):
    """Plays a sound that a webhook answered with."""

    def __init__(self, stage: Stage, body: bytes, content_type: str) -> None:
        super().__init__(stage)
        self._sound = body, content_type

    def begin(self, now: float) -> None:
        """Start to play."""
        self.play(sound_frames(self.stage, *self._sound))


class Pause(Verb):
    """Says nothing for a while."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self.answers = stage.settings.pause_answers
        self._element = element
        self._until = 0.0

    def begin(self, now: float) -> None:
        """Start to wait."""
        seconds = whole(self.stage, self._element, "length", 1, code="13910")
        self._until = now + seconds
        if not seconds:
            self.outcome = NextVerb()

    def next_timer(self) -> float | None:
        """Return when the pause is over."""
        return self._until

    def on_timer(self, now: float) -> None:
        """Go on."""
        self.outcome = NextVerb()


class Redirect(Verb):
    """Goes to another document and never comes back."""

    answers = False

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._element = element

    def begin(self, now: float) -> None:
        """Go."""
        stage, element = self.stage, self._element
        chosen = method(stage, element, code="13710")
        url = stage.page(element.text or stage.url)
        if url is None:
            self.outcome = Over("completed", f"<Redirect> to {element.text[:200]!r}")
        else:
            self.outcome = GoTo(url, chosen)


class Hangup(Verb):
    """Ends the call; as first verb it still answers."""

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)

    def begin(self, now: float) -> None:
        """Hang up."""
        self.outcome = Over("completed")


class Reject(Verb):
    """Ends a call that was not answered; an answered one it hangs up."""

    answers = False

    def __init__(self, stage: Stage, element: Element) -> None:
        super().__init__(stage)
        self._reason = element.attributes.get("reason", "rejected").strip()

    def begin(self, now: float) -> None:
        """Refuse the call."""
        reason = self._reason
        if reason not in ("busy", "rejected"):
            text = f"<Reject reason={reason[:40]!r}> taken for 'rejected'"
            self.stage.warn("13810", text)
            reason = "rejected"
        if self.stage.answered:
            self.outcome = Over("completed", "<Reject> after the call was answered")
            return
        cause = "the agent answered with <Reject>"
        if reason == "busy":
            self.outcome = Over("busy", cause, reject=reason)
        else:
            self.outcome = Over("no-answer", cause, reject=reason)
