"""The caller's microphone: what it picks up beside the voice, and how loud that is.

Noise, loudness and echo lie *under* the code: the sound is mixed first, and then gets
the lowest bits of what was said, so that a word in noise is proved like any other. In
a frame without a word of the caller's the bits say so, or they are those of the agent's
speech whose echo it is, if one could understand it. The code of the robust mode lies
in the mixture and withstands noise down to 17 dB, so no word is said in louder noise
there; between words it is as loud as was asked.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Final

from fakes.speech import SpeechMode
from fakes.speech.ambience import Ambience, coded_as
from fakes.twilio.caller.script import Around
from fakes.twilio.caller.sounds import SPEECH_LEVEL, noise
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_SECONDS, SILENCE_FRAME

__all__ = ["UNDERSTOOD_FROM", "Microphone"]

# Of an echo, in dB. Line echo after cancellation lies below -40; a loudspeaker beside
# the telephone above -30, which recognisers do transcribe.
UNDERSTOOD_FROM: Final = -30.0
_ROBUST_SNR: Final = 17.0  # dB


class Microphone:
    """What leaves the caller's phone, frame by frame.

    Args:
        call: the caller's number; also decides where in the noise the call begins.
        mode: how speech is coded.
    """

    __slots__ = (
        *("_ambience", "_around", "_at", "_chance", "_exact", "_late", "_noise"),
        *("_noise_in_words", "_quiet_noise"),
    )

    def __init__(self, call: int, mode: SpeechMode = "exact") -> None:
        self._exact = mode == "exact"
        self._ambience = Ambience(call)
        self._chance = random.Random(f"noise:{call}")
        self._around: Around | None = None
        self._noise: tuple[tuple[int, ...], ...] = ()
        self._noise_in_words: tuple[tuple[int, ...], ...] = ()
        self._quiet_noise: tuple[bytes, ...] = ()  # the same, encoded
        self._at = 0
        self._late: deque[bytes] = deque()

    def place(self, around: Around) -> None:
        """Have these surroundings from now on."""
        self._around = around
        self._noise = self._noise_in_words = self._quiet_noise = ()
        if around.noise:
            snr = around.snr if self._exact else max(around.snr, _ROBUST_SNR)
            usual = SPEECH_LEVEL * _factor(around.gain)
            self._noise = noise(around.noise, usual * _factor(-around.snr))
            self._noise_in_words = noise(around.noise, usual * _factor(-snr))
            self._quiet_noise = tuple(
                mulaw.encode(list(frame)) for frame in self._noise
            )
            self._at = self._chance.randrange(len(self._noise))
        delay = 0 if around.echo is None else round(around.delay / FRAME_SECONDS)
        self._late = deque([b""] * delay)

    def wordless(self, sound: bytes) -> bytes:
        """Return a frame of sound that is marked as being no speech."""
        return self._ambience.stamp(sound) if self._exact else sound

    def frame(self, said: bytes | None, heard: bytes) -> bytes | None:
        """Return what is sent; None is silence.

        Args:
            said: coded, by mouth or by :meth:`wordless`; None when nothing is.
            heard: what plays in this frame; empty when nothing does.
        """
        around = self._around
        if around is None:
            return said
        echoed = self._echoed(heard) if around.echo is not None else b""
        noise_at = self._at
        if self._noise:
            self._at = (noise_at + 1) % len(self._noise)
        if said is None and not echoed:
            return self.wordless(self._quiet_noise[noise_at]) if self._noise else None
        mixed = self._mixed(said, echoed, noise_at)
        if not self._exact:
            return mixed
        if said is not None:
            return coded_as(mixed, said)
        if around.echo is not None and around.echo >= UNDERSTOOD_FROM:
            return coded_as(mixed, echoed)
        return self._ambience.stamp(mixed)

    def _echoed(self, heard: bytes) -> bytes:
        self._late.append(mulaw.whole_frame(heard) if heard else b"")
        late = self._late.popleft()
        return b"" if late == SILENCE_FRAME else late

    def _mixed(self, said: bytes | None, echoed: bytes, noise_at: int) -> bytes:
        around = self._around
        assert around is not None
        parts = []
        if said is not None:
            parts.append(_scaled(said, around.gain))
        if echoed:
            parts.append(_scaled(echoed, around.echo or 0.0))
        if self._noise:
            under = self._noise if said is None else self._noise_in_words
            parts.append(list(under[noise_at]))
        sums = map(sum, zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
        codes = mulaw.codes()
        return bytes([codes[min(max(x, -32768), 32767) + 32768] for x in sums])


def _factor(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _scaled(audio: bytes, decibels: float) -> list[int]:
    if not decibels:
        return mulaw.decode(audio)
    factor = _factor(decibels)
    return [round(factor * sample) for sample in mulaw.decode(audio)]
