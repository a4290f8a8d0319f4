"""Finding robust blocks in a stream of mu-law audio, however it was cut.

Takes the place of :class:`fakes.speech.FrameReader`: what it finds are the same coded
frames, eight at a time, since a block proves all of its frames or none.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from fakes.speech.code import FrameCode
from fakes.speech.reader import CodedFrame, PlainAudio
from fakes.speech.robust.block_code import BLOCK_FRAMES, BlockCode, unpack
from fakes.speech.robust.modulation import BLOCK_SAMPLES, chords, demodulate
from fakes.speech.robust.samples import to_linear
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["BlockReader"]

Floats = npt.NDArray[np.float64]

# Of the energy in the band under a chord, how much is the chord's: 1 where nothing
# else sounds, 0.05 in noise.
_LIKE_A_CHORD = 0.5
# How sure a block must be. Noise is 0.61 on average and 0.67 at the most in 500.
_SURE = 0.72
_NEAR = 8  # samples: a peak is no wider, and blocks in a row lie no further apart
_REACH = 24  # samples that the filter of the band looks before and after each
_BAND = (1650.0, 2975.0)  # Hz
_FAINT = 20.0  # root of the mean square of a band in which nothing is sought


class BlockReader:
    """Finds coded frames in a stream that may have been resampled on its way.

    Holds back 25 ms of other audio, and a block until it is whole. Silence within an
    utterance is given out as plain audio, and once more, as frames of the utterance
    with their offsets, when the block behind it proves that it was in place.

    Attributes:
        continued: always False; blocks are not read one frame at a time.
    """

    continued = False

    def __init__(self) -> None:
        self._offset = 0  # of the first byte held in the stream
        self._in_a_row = False  # a block ended there
        self._last: tuple[BlockCode, int] | None = None  # and where it ended
        self._begin()

    def _begin(self) -> None:
        self._audio = bytearray()  # held
        self._linear: Floats = np.zeros(_REACH)  # the same, and what came before it
        self._band: Floats = np.zeros(0)
        self._likeness: Floats = np.zeros(0)  # to a chord that begins there

    @property
    def holds_back(self) -> bool:
        """Whether bytes wait that may still be part of a block."""
        return bool(self._audio)

    def go_on(self, audio: bytes) -> bool:
        """Read nothing: no frame is a block; see :meth:`feed`."""
        return False

    def go_elsewhere(self, audio: bytes) -> FrameCode | None:
        """Read nothing: no frame is a block; see :meth:`feed`."""
        return None

    def next_frame(self, audio: bytes) -> CodedFrame | None:
        """Read nothing: no frame is a block; see :meth:`feed`."""
        return None

    def skip_silence(self) -> int | None:
        """Pass over nothing; see :meth:`feed`."""
        return None

    def feed(self, audio: bytes) -> list[CodedFrame | PlainAudio]:
        """Return what the stream holds up to here, in order and without gaps."""
        self._hold(audio)
        found: list[CodedFrame | PlainAudio] = []
        while self._seek(found):
            pass
        return found

    def flush(self) -> list[CodedFrame | PlainAudio]:
        """Return what is held back: the stream has ended, or pauses here."""
        size = len(self._audio)
        self._hold(mulaw.SILENCE_FRAME[:_REACH])
        del self._audio[size:]
        found: list[CodedFrame | PlainAudio] = []
        while self._seek(found):
            pass
        self._give(len(self._audio), found)
        self._begin()
        return found

    def _hold(self, audio: bytes) -> None:
        self._audio += audio
        self._linear = np.concatenate([self._linear, to_linear(audio)])
        ahead = self._linear[len(self._band) :]
        if len(ahead) > 2 * _REACH:
            fresh = np.convolve(ahead, _band_filter(), "valid")
            self._band = np.concatenate([self._band, fresh])
        ahead = self._band[len(self._likeness) :]
        if len(ahead) >= FRAME_BYTES:
            fresh = _likeness(ahead)
            self._likeness = np.concatenate([self._likeness, fresh])

    def _seek(self, found: list[CodedFrame | PlainAudio]) -> bool:
        """Give out what is decided; tell whether there may be more."""
        likely = np.flatnonzero(self._likeness >= _LIKE_A_CHORD)
        if not len(likely):
            self._give(len(self._likeness), found)
            return False
        first = int(likely[0])
        around = self._likeness[first : first + 2 * _NEAR]
        begin = first + int(np.argmax(around))
        if len(self._band) < begin + BLOCK_SAMPLES:
            if not self._in_a_row or first > _NEAR:
                self._give(first, found)
            return False
        block = _read(self._band[begin : begin + BLOCK_SAMPLES])
        if block is None:
            around[:] = 0
            return True
        if not self._in_a_row or begin > _NEAR:
            self._give(begin, found)
            begin = 0
        self._give_block(block, begin + BLOCK_SAMPLES, found)
        return True

    def _give_block(
        self, block: BlockCode, size: int, found: list[CodedFrame | PlainAudio]
    ) -> None:
        begin = self._offset
        found += self._pause_before(block, begin)
        found += [
            CodedFrame(begin + number * FRAME_BYTES, block.frame(number))
            for number in range(BLOCK_FRAMES)
        ]
        self._drop(size)
        self._last = (block, self._offset)
        self._in_a_row = True

    def _pause_before(self, block: BlockCode, begin: int) -> list[CodedFrame]:
        if self._last is None:
            return []
        before, end = self._last
        expected = before._replace(block=before.block + before.pause + 1)
        silent = before.pause * BLOCK_SAMPLES
        in_place = abs(begin - end - silent) <= _NEAR
        if not silent or not in_place or block[:5] != expected[:5]:
            return []
        return [
            CodedFrame(end + number * FRAME_BYTES, before.silence(number))
            for number in range(before.pause * BLOCK_FRAMES)
        ]

    def _give(self, size: int, found: list[CodedFrame | PlainAudio]) -> None:
        if size:
            found.append(PlainAudio(self._offset, bytes(self._audio[:size])))
            self._drop(size)
            self._in_a_row = False

    def _drop(self, size: int) -> None:
        self._offset += size
        del self._audio[:size]
        self._linear = self._linear[size:]
        self._band = self._band[size:]
        self._likeness = self._likeness[size:]


def _read(band: Floats) -> BlockCode | None:
    value, sure = demodulate(band)
    return unpack(value) if sure >= _SURE else None


def _likeness(band: Floats) -> Floats:
    """How much of the band's energy is a chord's that begins there, from 0 to 1."""
    energy: Floats = np.concatenate([[0.0], np.cumsum(band * band)])
    energy = energy[FRAME_BYTES:] - energy[:-FRAME_BYTES]
    if not energy.any():
        return energy
    # Both, as a delay by a part of a sample turns the one into the other.
    sine, cosine = (np.correlate(band, wave, "valid") for wave in chords())
    floor = _FAINT * _FAINT * FRAME_BYTES
    likeness: Floats = (sine * sine + cosine * cosine) / np.maximum(energy, floor)
    return likeness


@cache
def _band_filter() -> Floats:
    at = np.arange(-_REACH, _REACH + 1)
    low, high = (2 * edge / mulaw.SAMPLE_RATE for edge in _BAND)
    taps: Floats = high * np.sinc(high * at) - low * np.sinc(low * at)
    shaped: Floats = taps * np.hamming(len(at))
    return shaped
