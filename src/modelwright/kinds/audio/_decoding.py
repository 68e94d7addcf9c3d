"""Sounds from the bytes of their files: what the header says, and the samples. Needs the extra `audio`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from modelwright.core.messages import ValueProblem, shown
from modelwright.core.units import format_duration
from modelwright.kinds.audio._containers import require_begin, require_whole
from modelwright.kinds.audio._flac import samples_held
from modelwright.kinds.audio._magic import READ, format_of, other_format
from modelwright.kinds.shared.files.quiet_libraries import quiet_libraries

MOST_SECONDS: Final = 600.0
# At most this many numbers are decoded: ten minutes of 48 kHz in 8 channels. A second of either takes as long.
MOST_SAMPLES: Final = 256 * 2**20
RATES: Final = (1_000, 384_000)  # Hz; below, hardly anything is left that can be heard
_BLOCK: Final = 2**18  # numbers that are decoded at once: 1 MB
_UNKNOWN: Final = 2**62  # beyond it is what libsndfile gives for the length of a FLAC that does not say it

# What libsndfile says of its own inside, of which nobody learns what is wrong with the file.
_SAYS_NOTHING: Final = ("Internal ", "File does not exist", "System error", "Unspecified internal error")

# -80 dB of full scale: three steps of 16 bits. Quieter than the noise of any room in any recording.
SILENT: Final = 1e-4
# A clipped sound stands still at its loudest: in runs of three samples or more, for one in a thousand of them.
CLIPPED_AT, CLIPPED_RUN, CLIPPED_SHARE = 0.99, 3, 0.001


@dataclass(frozen=True)
class SoundHeader:
    """What a file says of itself; `frames`, samples of each channel, may be more than it holds."""

    format: str
    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        """Return how long the sound is."""
        return self.frames / self.rate


@dataclass(frozen=True)
class Loudness:
    """Whether nothing is heard in a sound, and whether it was cut off where it is loudest."""

    silent: bool
    clipped: bool


def require_sound(content: bytes) -> None:
    """Raise ValueProblem unless the bytes are a sound that can be decoded to its end, within the bounds."""
    name = format_of(content)
    if name is None:
        raise _no_sound(content)
    require_begin(content, name)
    with _opened(content, name) as file:
        header = _header(file, name)
        _require_bounds(header)
    require_whole(content, name)
    with _opened(content, name) as file:
        read = 0
        for block in _blocks(file, name):
            read += len(block)
            if read > MOST_SECONDS * header.rate:
                raise _too_long(read / header.rate)
            if read * header.channels > MOST_SAMPLES:
                raise _too_many(read * header.channels)
            if not np.isfinite(block).all():
                raise ValueProblem("sound.not-finite")
        if not read:
            raise ValueProblem("sound.no-samples", format=name)
        if read < header.frames:
            raise ValueProblem(
                "sound.cut-short",
                format=name,
                lasts=format_duration(header.seconds),
                read=format_duration(read / header.rate),
            )
    held = samples_held(content) if name == "FLAC" else None
    if held is not None and held > header.frames:
        raise ValueProblem(
            "sound.longer",
            format=name,
            lasts=format_duration(header.seconds),
            read=format_duration(held / header.rate),
        )


def header(content: bytes) -> SoundHeader:
    """Return what the file of a canonical value says of itself."""
    name = format_of(content) or ""
    with _opened(content, name) as file:
        return _header(file, name)


def samples(content: bytes, seconds: float | None = None) -> tuple[NDArray[np.float64], int]:
    """Return the samples (n,) of a canonical value, the mean of its channels, and their rate.

    seconds: only the beginning, of so many.
    """
    name = format_of(content) or ""
    with _opened(content, name) as file:
        left = file.frames if seconds is None else int(np.ceil(seconds * file.samplerate))
        found: list[NDArray[np.float64]] = []
        for block in _blocks(file, name):
            found.append(block[:left].mean(axis=1, dtype=np.float64))
            left -= len(block)
            if left <= 0:
                break
        return np.concatenate(found) if found else np.zeros(0), int(file.samplerate)


def loudness(content: bytes) -> Loudness:
    """Return what is heard of a canonical value, in any of its channels."""
    name = format_of(content) or ""
    with _opened(content, name) as file:
        ends = np.array([[block.min(axis=0), block.max(axis=0)] for block in _blocks(file, name)])
    low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)  # (channels,)
    silent = bool(((high - low) / 2 < SILENT).all())
    peak = max(-low.min(), high.max())
    if peak < CLIPPED_AT:
        return Loudness(silent, clipped=False)
    still = count = 0
    with _opened(content, name) as file:
        for block in _blocks(file, name):
            still += sum(_still(channel, peak) for channel in block.T)
            count += block.size
    return Loudness(silent, clipped=still >= CLIPPED_SHARE * count)


def _still(channel: NDArray[np.float32], peak: np.float32) -> int:
    """Return how many samples (n,) lie in runs at the loudest, on one side."""
    found = 0
    for side in (peak, -peak):
        at = np.concatenate([[False], channel == side, [False]])
        edges = np.flatnonzero(at[1:] != at[:-1])
        runs = edges[1::2] - edges[::2]
        found += int(runs[runs >= CLIPPED_RUN].sum())
    return found


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[soundfile.SoundFile]:
    with quiet_libraries():
        try:
            file = soundfile.SoundFile(io.BytesIO(content))
        except soundfile.LibsndfileError as error:
            raise ValueProblem("sound.damaged", format=name, error=_reason(error)) from None
        with file:
            yield file


def _header(file: soundfile.SoundFile, name: str) -> SoundHeader:
    return SoundHeader(name, int(file.samplerate), int(file.channels), int(file.frames))


def _require_bounds(header: SoundHeader) -> None:
    if not RATES[0] <= header.rate <= RATES[1]:
        raise ValueProblem("sound.rate", rate=header.rate, least=RATES[0], most=RATES[1])
    if header.frames > _UNKNOWN:
        raise ValueProblem("sound.unknown-length", format=header.format)
    if header.seconds > MOST_SECONDS:
        raise _too_long(header.seconds)
    if header.frames * header.channels > MOST_SAMPLES:
        raise _too_many(header.frames * header.channels)


def _too_many(count: int) -> ValueProblem:
    return ValueProblem("sound.too-many-samples", count=count, most=MOST_SAMPLES)


def _too_long(seconds: float) -> ValueProblem:
    return ValueProblem("sound.too-long", lasts=format_duration(seconds), most=format_duration(MOST_SECONDS))


def _blocks(file: soundfile.SoundFile, name: str) -> Iterator[NDArray[np.float32]]:
    """Yield the samples (n, channels) of a file in order; not all can be read otherwise (GSM 6.10 cannot be sought)."""
    size = max(1, _BLOCK // file.channels)
    try:
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            yield block
    except soundfile.LibsndfileError as error:
        raise ValueProblem("sound.damaged", format=name, error=_reason(error)) from None


def _reason(error: soundfile.LibsndfileError) -> str | None:
    reason = str(error.error_string).strip().rstrip(".")
    return None if reason.startswith(_SAYS_NOTHING) else reason or None


def _no_sound(content: bytes) -> ValueProblem:
    if (other := other_format(content)) is not None:
        return ValueProblem("sound.other-format", other=other, read=list(READ))
    begins = content[:24].decode("utf-8", "replace")
    return ValueProblem(
        "sound.no-sound",
        begins=shown(begins) if begins.strip().isprintable() else None,
        bytes=content[:8].hex(" "),
        read=list(READ),
    )
