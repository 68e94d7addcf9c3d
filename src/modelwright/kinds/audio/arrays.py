"""Sounds as log-mel frames."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.units import Unit
from modelwright.kinds.audio import _decoding, _mel
from modelwright.kinds.audio._resampling import resampled
from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import Array, ArraySpec, Cut, Dumped, Form
from modelwright.kinds.shared.files.file_bytes import present
from modelwright.kinds.shared.sealed_state import SealedState

# The length is chosen so that this share of the training sounds is kept whole, as with texts.
KEPT_WHOLE: Final = 0.99
LENGTH_STEP: Final = 8  # frames: lengths are rounded up to 80 ms
MOST_FRAMES: Final = 3_000  # 30 s, the longest that Whisper hears
SAMPLE: Final = 10_000  # this many training sounds, evenly spaced, decide rate and length
# Of the source, beyond what is kept: what the filter of a resampling reaches.
_MARGIN_S: Final = 0.1


@dataclass(frozen=True)
class AudioState:
    """The rate (Hz) to which every sound is brought first, and how many frames of 10 ms it keeps."""

    rate: int
    frames: int


class _SealedAudio(SealedState):
    """The rate that most training sounds have, and how long they are."""

    rate: Annotated[int, Field(ge=_decoding.RATES[0], le=_mel.RATE)]
    frames: Annotated[int, Field(ge=LENGTH_STEP, le=MOST_FRAMES)]


class AudioArrays(Arrays[AudioState, bytes]):
    """`frames` float32 (batch, t, 80) and `mask` int64 (batch, t): log-mel frames of 10 ms, 1 where there is a sound.

    A sound is brought to the state's rate, so that no sound has higher tones than those of training had, and then to
    16 kHz, for which the frames are defined. Longer ones keep their beginning; shorter ones end in silence.
    """

    input_form: ClassVar[Form | None] = Form.FRAMES

    def fit(
        self, values: Sequence[bytes | None], *, most_frames: int = MOST_FRAMES, **options: Any
    ) -> AudioState:
        """Return the most frequent rate, at most 16 kHz, and a length that keeps 99 % of the sounds whole.

        most_frames: the most that the learner's encoder takes.
        """
        there = present(values)
        some = [_decoding.header(value) for value in there[:: max(1, -(-len(there) // SAMPLE))]]
        # Of rates that are as frequent the lowest, so that the order of the rows decides nothing.
        rates = Counter(min(one.rate, _mel.RATE) for one in some)
        rate = min(rates, key=lambda one: (-rates[one], one), default=_mel.RATE)
        lengths = sorted(one.seconds * _mel.FRAMES_A_SECOND for one in some)
        wanted = lengths[math.ceil(KEPT_WHOLE * len(lengths)) - 1] if lengths else 1.0
        steps = max(1, math.ceil(round(wanted, 6) / LENGTH_STEP))
        return AudioState(rate, max(LENGTH_STEP, min(steps * LENGTH_STEP, most_frames, MOST_FRAMES)))

    def dump(self, state: AudioState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({"rate": state.rate, "frames": state.frames}, {})

    def load(self, dumped: Dumped) -> AudioState:
        """Read what `dump` returned."""
        sealed = _SealedAudio.read(dumped.data)
        return AudioState(sealed.rate, sealed.frames)

    def example(self, state: AudioState) -> bytes:
        """Return a tone of a tenth of a second, as WAV."""
        return tone(state.rate, 0.1)

    def specs(self, state: AudioState) -> dict[str, ArraySpec]:
        """Return `frames`: float32 (batch, t, 80), and `mask`: int64 (batch, t)."""
        return {
            "frames": ArraySpec("float32", ("batch", state.frames, _mel.BANDS)),
            "mask": ArraySpec("int64", ("batch", state.frames)),
        }

    def encode(self, values: Sequence[bytes | None], state: AudioState) -> dict[str, Array]:
        """Return the frames of each sound, and which of them there are; a missing one has none, and is 0."""
        frames = np.zeros((len(values), state.frames, _mel.BANDS), np.float32)
        mask = np.zeros((len(values), state.frames), np.int64)
        for row, value in enumerate(values):
            if value is not None:
                samples = _kept(value, state)
                frames[row] = _mel.log_mel(samples, state.frames)
                mask[row, : math.ceil(len(samples) / _mel.HOP)] = 1
        return {"frames": frames, "mask": mask}

    def cut(self, values: Sequence[bytes | None], state: AudioState) -> Cut:
        """Return how many sounds are longer than the state keeps, and how many seconds the longest lasts."""
        lengths = [_decoding.header(value).seconds for value in values if value is not None]
        kept = state.frames / _mel.FRAMES_A_SECOND
        beyond = sum(length > kept for length in lengths)
        return Cut(beyond, len(lengths), max(lengths, default=0.0), kept, Unit.SECONDS)


def _kept(value: bytes, state: AudioState) -> NDArray[np.float64]:
    """Return the samples (n,) at 16 kHz that the state keeps of a sound; 0 < n ≤ frames × 160."""
    most = state.frames * _mel.HOP
    samples, rate = _decoding.samples(value, most / _mel.RATE + _MARGIN_S)
    if rate > state.rate:
        samples, rate = resampled(samples, rate, state.rate), state.rate
    return resampled(samples, rate, _mel.RATE)[:most]


def tone(rate: int, seconds: float, hertz: float = 440.0) -> bytes:
    """Return the WAV, of 16 bits and one channel, of a tone at half of full scale."""
    places = np.arange(max(1, round(rate * seconds)))
    data = np.round(16_383 * np.sin(2 * np.pi * hertz * places / rate)).astype("<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16
    )
    return head + struct.pack("<4sI", b"data", len(data)) + data
