"""Log-mel frames as Whisper defines them (Radford et al. 2022, section 2.2), in numpy alone.

Frames of 25 ms every 10 ms of a sound at 16 kHz, 80 mel bands from 0 to 8 kHz. So what is learned from scratch and what
Whisper learned read the same numbers, in training and in serving.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000  # Hz
HOP: Final = 160  # samples: 10 ms
BANDS: Final = 80
FRAMES_A_SECOND: Final = RATE // HOP
_WINDOW: Final = 400  # samples: 25 ms
_BINS: Final = _WINDOW // 2 + 1
_AT_ONCE: Final = (
    8  # frames of a product: OpenBLAS starts threads for more, and they wait longer than they work
)
_FLOOR: Final = 1e-10  # of the power, before the logarithm
_RANGE: Final = 8.0  # powers of ten below the loudest: what is quieter counts as that quiet


def log_mel(samples: NDArray[np.float64], frames: int) -> NDArray[np.float32]:
    """Return frames (frames, 80) of a sound (n,) at 16 kHz, filled up with silence; n ≤ frames × 160.

    Frame t is centred on sample 160 t; before the beginning the sound is mirrored, as Whisper does it. A frame of
    silence is as far below the loudest as any can be, or -1.5 where all is silent.
    """
    assert len(samples) <= frames * HOP, "cut before"
    half = _WINDOW // 2
    padded = np.zeros(frames * HOP + 2 * half)
    padded[half : half + len(samples)] = samples
    padded[:half] = padded[half + 1 : 2 * half + 1][::-1]
    # the frames that reach into the sound, in whole products; all others are silence, whose power is 0
    heard = min(frames, -(-(len(samples) + half) // (HOP * _AT_ONCE)) * _AT_ONCE)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: heard * HOP : HOP]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)  # (heard, 201)
    power = spectrum.real**2 + spectrum.imag**2
    mels = np.zeros((frames, BANDS))
    for begin in range(0, heard, _AT_ONCE):
        end = min(begin + _AT_ONCE, heard)
        np.matmul(power[begin:end], _filters(), out=mels[begin:end])
    logarithms = np.log10(np.maximum(mels, _FLOOR))
    held = np.maximum(logarithms, logarithms.max() - _RANGE)
    found: NDArray[np.float32] = ((held + 4.0) / 4.0).astype(np.float32)
    return found


@cache
def _hann() -> NDArray[np.float64]:
    """Return the periodic Hann window (400,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)


@cache
def _filters() -> NDArray[np.float64]:
    """Return the triangles (201, 80) of Slaney's mel scale, each of unit area."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), BANDS + 2))  # (82,)
    bins = np.linspace(0.0, RATE / 2, _BINS)[:, None]  # (201, 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))


# Slaney (Auditory Toolbox, 1998): linear to 1 kHz, 3 mel for 200 Hz; above, 27 mel for each factor of 6.4.
_LINEAR: Final = 200.0 / 3
_KNEE: Final = 1000.0
_STEP: Final = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _KNEE else _KNEE / _LINEAR + float(np.log(hertz / _KNEE)) / float(_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE / _LINEAR
    return np.where(mels < knee, mels * _LINEAR, _KNEE * np.exp((mels - knee) * _STEP))
