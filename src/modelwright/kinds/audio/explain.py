"""The stretches of a sound."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.kinds.audio import _decoding
from modelwright.kinds.contract.explain import Explain, ValuePart

MOST_PARTS = 32
_SHORTEST_S = 0.05
_LOUDEST = 32767


class AudioExplain(Explain[bytes]):
    """Stretches of time; without one there is silence."""

    def parts(self, value: bytes) -> Sequence[ValuePart]:
        """Return at most MOST_PARTS stretches, as long as each other and at least 50 ms."""
        seconds = _decoding.header(value).seconds
        count = max(1, min(MOST_PARTS, int(seconds / _SHORTEST_S)))
        ends = [round(seconds * place / count, 6) for place in range(count + 1)]
        return [
            ValuePart(f"{start:.2f}–{end:.2f} s", {"start_s": start, "end_s": end})
            for start, end in pairwise(ends)
        ]

    def without_each(self, value: bytes, parts: Sequence[ValuePart], state: Any) -> Iterator[bytes | None]:
        """Yield the sound as WAV of one channel, and it with silence in place of each stretch."""
        samples, rate = _decoding.samples(value)
        yield _wav(samples, rate)
        for part in parts:
            start, end = part.place["start_s"], part.place["end_s"]
            assert isinstance(start, float)
            assert isinstance(end, float)
            silenced = samples.copy()
            silenced[round(start * rate) : round(end * rate)] = 0.0
            yield _wav(silenced, rate)


def _wav(samples: NDArray[np.float64], rate: int) -> bytes:
    """Return samples (n,) between -1 and 1 as a WAV file of 16 bits."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(samples, -1.0, 1.0) * _LOUDEST).astype("<i2").tobytes())
    return content.getvalue()
