"""Copies of a sound are near, other sounds are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from modelwright import kinds
from modelwright.kinds.contract.twins import Twins

TWINS = kinds.facet("audio", Twins)


def voice(seed: int, rate: int = 8_000) -> NDArray[np.float64]:
    """Return a second of tones that glide and swell, as no other seed's do."""
    draw = np.random.default_rng(seed)
    at = np.arange(rate) / rate
    found = np.zeros(rate)
    for _ in range(4):
        begin, end, swell = draw.uniform(150, 3_000), draw.uniform(150, 3_000), draw.uniform(1, 6)
        found += (
            np.sin(2 * np.pi * (begin + (end - begin) * at / 2) * at) * np.sin(2 * np.pi * swell * at) ** 2
        )
    return 0.2 * found + 0.001 * draw.normal(size=rate)


def written(
    data: NDArray[np.float64], rate: int = 8_000, name: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, data, rate, format=name, subtype=subtype)
    return out.getvalue()


def are_twins(one: bytes, other: bytes) -> bool:
    found = TWINS.prints([one, other])
    assert found.telling.all()
    bits = int(np.bitwise_count(found.hashes[0] ^ found.hashes[1]).sum())
    apart = np.abs(found.details[0].astype(float) - found.details[1].astype(float)).mean()
    return bits <= TWINS.most_bits and apart <= TWINS.most_difference


@pytest.mark.parametrize("seed", range(4))
def test_copies_are_twins_and_others_are_not(seed: int) -> None:
    data = voice(seed)
    original = written(data)
    copies = [
        written(data, name="FLAC"),
        written(np.stack([data, data], axis=1)),
        written(0.5 * data),
        written(resample_poly(data, 2, 1), 16_000),
        written(resample_poly(data, 441, 80), 44_100, "FLAC"),
    ]
    assert all(are_twins(original, copy) for copy in copies)
    assert not any(are_twins(original, written(voice(other))) for other in range(10, 20))


def test_silence_and_what_is_no_sound_have_no_twins() -> None:
    values = [written(np.zeros(800)), None, b"no sound", b"", written(voice(1)), written(voice(1))[:20]]
    found = TWINS.prints(values)
    assert found.telling.tolist() == [False, False, False, False, True, False]
    assert np.array_equal(TWINS.prints(values[4:5]).hashes[0], found.hashes[4])
