"""What reaches the caller's ear: played audio told apart into utterances.

Coded speech says itself which utterance and frame it is, so lost, repeated and foreign
frames are known exactly; other audio counts by its energy. Pure: fed one played frame
at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fakes.call_record import UtteranceHeard
from fakes.speech import CodedFrame, FrameCode, PlainAudio, Reader, WordsHeard
from voiceutils.mulaw import (
    FRAME_BYTES,
    FRAME_SECONDS,
    SILENCE_FRAME,
    is_voiced,
)

__all__ = ["Ear", "Sound", "Utterance", "Voice"]

_new: Final = tuple.__new__  # half the cost of calling the class of a named tuple
_FLUSH_AFTER: Final = 5  # dry frames until bytes held back for a code are let go
_KEPT_TICKS: Final = 64  # how far back a held byte can lie
# Plain audio has pauses of its own; a dry spell up to here, between voiced frames,
# is still inside an utterance.
_PLAIN_UNDERRUN: Final = round(0.24 / FRAME_SECONDS)


class Voice(NamedTuple):
    """Which utterance: speaker, call (utterance number), turn, length in frames."""

    speaker: int
    call: int
    turn: int
    frames: int


class Sound(NamedTuple):
    """Up to a frame of audio that was heard.

    Attributes:
        at: when it began to sound.
        voice: whose code it carries; None for audio without code.
        voiced: whether it is louder than line noise.
    """

    at: float
    voice: Voice | None
    voiced: bool


_SILENCE: Final = Sound(0.0, None, voiced=False)


class Utterance:
    """What was heard of one coded utterance."""

    __slots__ = (
        *("_run", "_run_end", "_words", "first_at", "last_at", "voice", "voiced_at"),
    )

    def __init__(self, voice: Voice, at: float) -> None:
        self.voice = voice
        self.first_at = at
        self.last_at = at
        self.voiced_at: float | None = None  # first frame louder than line noise
        self._words = WordsHeard()
        # The frames of a word come one after the other, and are counted as one run.
        self._run: FrameCode | None = None
        self._run_end = 0

    def add(self, code: FrameCode, at: float, *, voiced: bool) -> None:
        """Note one frame."""
        self._count_run()
        self._run = code
        self.go_on(code, at, voiced=voiced)

    def go_on(self, code: FrameCode, at: float, *, voiced: bool) -> None:
        """Note a frame that follows the one before, in the same word and letters."""
        if self._run is None:
            self._run = code
        self._run_end = code.frame + 1
        self.last_at = at
        if voiced and self.voiced_at is None:
            self.voiced_at = at

    @property
    def is_running(self) -> bool:
        """Whether the next frame of the word may be noted by :meth:`extend`."""
        return self._run is not None and self.voiced_at is not None

    def extend(self, at: float) -> None:
        """Note, without its code, what :meth:`go_on` would."""
        self._run_end += 1
        self.last_at = at

    @property
    def whole(self) -> bool:
        """Whether every frame was heard."""
        return self._counted().complete

    @property
    def cut(self) -> bool:
        """Whether the last frame was not heard."""
        return self._counted().reached != self.voice.frames - 1

    @property
    def text(self) -> str:
        """The words heard."""
        return self._counted().text()

    def _counted(self) -> WordsHeard:
        self._count_run()
        return self._words

    def _count_run(self) -> None:
        run = self._run
        if run is not None:
            self._words.add_run(run, self._run_end)
            # What follows directly is a run of its own then.
            self._run = None

    def record(self) -> UtteranceHeard:
        """Return what a call record says of it."""
        heard = self._counted()
        return UtteranceHeard(
            utterance=self.voice.call,
            text=self.text,
            frames=self.voice.frames,
            heard=heard.arrived,
            lost=[n for n in heard.missing() if n < heard.reached],
            repeated=heard.repeated(),
            first_at=self.first_at,
            last_at=self.last_at,
            cut=self.cut,
        )


class Ear:
    """Hears played frames in order.

    Args:
        reader: finds the code in the audio.

    Attributes:
        utterances: coded utterances in the order in which they were first heard.
        underruns: dry spells inside an utterance.
    """

    __slots__ = (
        *("_dry", "_fed", "_gap", "_last", "_moments", "_reader", "_recent"),
        *("_speaking", "_stale", "_starts", "underruns", "utterances"),
    )

    def __init__(self, reader: Reader) -> None:
        self.utterances: dict[Voice, Utterance] = {}
        self.underruns = 0
        self._reader = reader
        self._recent = bytearray()  # the last bytes fed
        self._fed = 0
        self._starts: list[int] = []  # offsets and moments of the last ticks
        self._moments: list[float] = []
        self._dry = 0  # frames without audio since the last one with audio
        self._gap = 0  # dry frames before the audio that comes next, 0: none
        self._last: Sound | None = None  # or one like it, of another moment
        self._speaking: Utterance | None = None  # whose frame came last, by itself
        self._stale = False  # nothing is held back that came before the last frame

    def hear(self, audio: bytes, now: float) -> Sequence[Sound]:
        """Take what began to play ``now``; return what is now understood of it.

        A frame whose code begins inside a tick is understood one tick later; ``at``
        is right all the same.
        """
        if not audio:
            self._dry += 1
            return (
                self._sounds(self._reader.flush()) if self._dry == _FLUSH_AFTER else []
            )
        if self._dry:
            self._gap, self._dry = self._dry, 0
        if audio == SILENCE_FRAME and self._reader.skip_silence() is not None:
            self._fed += FRAME_BYTES
            self._stale = True
            if self._gap:
                self._heard(_SILENCE)
            self._last = _SILENCE
            return ()  # nothing to understand
        alone = self._reader.next_frame(audio)
        if alone is not None:
            # A frame that came as it was sent; most do.
            self._fed += FRAME_BYTES
            self._stale = True
            voiced = is_voiced(audio)
            utterance = self._speaking
            if self._reader.continued and utterance is not None:
                utterance.go_on(alone.code, now, voiced=voiced)
            else:
                utterance = self._begin(alone.code, now, voiced=voiced)
            sound = _new(Sound, (now, utterance.voice, voiced))
            if self._gap:
                self._heard(sound)
            self._last = sound
            return (sound,)
        self._remember(audio, now)
        sounds = self._sounds(self._reader.feed(audio))
        if len(audio) < FRAME_BYTES:  # padded with silence: the next audio is late
            self._gap = max(self._gap, 1)
        return sounds

    def hear_known(self, audio: bytes, now: float, known: Voice | None) -> bool | None:
        """Take a frame, as :meth:`hear` does, if it brings nothing new.

        Args:
            audio: what begins to play; empty when nothing does.
            now: when it does.
            known: the utterance of which nothing is to be learnt; None: there is none.

        Returns:
            Whether it was of that utterance; None when it brings something else, and
            was not taken.
        """
        reader, utterance = self._reader, self._speaking
        if reader.holds_back:
            return None
        if not audio or audio == SILENCE_FRAME:
            self.hear(audio, now)
            return False
        if known is None or utterance is None or utterance.voice is not known:
            return None
        if self._dry or self._gap or not utterance.is_running:
            return None
        if reader.go_on(audio):
            utterance.extend(now)
        else:
            code = reader.go_elsewhere(audio)
            if code is None:
                return None
            utterance.add(code, now, voiced=True)  # when it was first is known
        self._fed += FRAME_BYTES
        self._stale = True
        last = self._last
        if last is None or last.voice is not known or not last.voiced:
            self._last = _new(Sound, (now, known, True))
        return True

    @property
    def holds_back(self) -> bool:
        """Whether something was heard that is not understood yet."""
        return self._reader.holds_back

    def finish(self) -> None:
        """Let go of bytes that were held back for a code."""
        self._sounds(self._reader.flush())

    def _begin(self, code: FrameCode, now: float, *, voiced: bool) -> Utterance:
        voice = Voice(code.speaker, code.call, code.turn, code.frames)
        utterance = self._speaking = self._utterance(voice, now)
        utterance.add(code, now, voiced=voiced)
        return utterance

    def _utterance(self, voice: Voice, at: float) -> Utterance:
        utterance = self.utterances.get(voice)
        if utterance is None:
            utterance = self.utterances[voice] = Utterance(voice, at)
        return utterance

    def _remember(self, audio: bytes, now: float) -> None:
        if self._stale:
            self._stale = False
            self._starts.clear()
            self._moments.clear()
            self._recent.clear()
        self._starts.append(self._fed)
        self._moments.append(now)
        self._recent += audio
        self._fed += len(audio)
        if len(self._starts) > 2 * _KEPT_TICKS:
            del self._starts[:_KEPT_TICKS]
            del self._moments[:_KEPT_TICKS]
            del self._recent[: len(self._recent) - 2 * _KEPT_TICKS * FRAME_BYTES]

    def _sounds(self, heard: Iterable[CodedFrame | PlainAudio]) -> list[Sound]:
        sounds: list[Sound] = []
        for item in heard:
            if isinstance(item, CodedFrame):
                sounds.append(self._coded(item.offset, item.code))
            else:
                sounds.extend(self._plain(item.offset, item.audio))
        return sounds

    def _coded(self, offset: int, code: FrameCode) -> Sound:
        start = offset - (self._fed - len(self._recent))
        audio = bytes(self._recent[start : start + FRAME_BYTES])
        at = self._moments[self._tick_of(offset)]
        voice = Voice(code.speaker, code.call, code.turn, code.frames)
        utterance = self._utterance(voice, at)
        voiced = is_voiced(audio)
        utterance.add(code, at, voiced=voiced)
        return self._heard(Sound(at, voice, voiced))

    def _plain(self, offset: int, audio: bytes) -> list[Sound]:
        """Cut uncoded audio where the ticks cut it."""
        sounds: list[Sound] = []
        end = offset + len(audio)
        tick = self._tick_of(offset)
        position = offset
        while position < end:
            tick_end = self._starts[tick + 1] if tick + 1 < len(self._starts) else end
            until = min(end, tick_end)
            voiced = is_voiced(audio[position - offset : until - offset])
            sounds.append(self._heard(Sound(self._moments[tick], None, voiced)))
            position = until
            tick += 1
        return sounds

    def _heard(self, sound: Sound) -> Sound:
        last = self._last
        if self._gap and last is not None and sound.voice == last.voice:
            between_voiced = last.voiced and sound.voiced
            short = self._gap <= _PLAIN_UNDERRUN
            if sound.voice is not None or (between_voiced and short):
                self.underruns += 1
        self._gap = 0
        self._last = sound
        return sound

    def _tick_of(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)
