"""Sounds to try the kind with."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import soundfile

from modelwright.kinds.audio.arrays import tone
from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.shared.files.file_bytes import base64_text

_LENGTHS_S = (0.02, 0.1, 0.3)


class AudioSamples(Samples[bytes]):
    """Short tones in each format, and what is no sound, broken, or too long."""

    def strict(self) -> Sequence[tuple[object, bytes]]:
        """Return base64 and data URIs."""
        wav, flac = tone(8_000, 0.1), _written("FLAC", "PCM_24", 44_100, 2)
        return [
            (base64_text(wav), wav),
            (f"data:audio/wav;base64,{base64_text(wav)}", wav),
            (base64_text(flac).rstrip("="), flac),
            (wav, wav),
        ]

    def lenient(self) -> Sequence[tuple[object, bytes | None]]:
        """Return the bytes that tables hold, and blanks."""
        found = [
            _written("WAV", "PCM_U8", 8_000, 1),
            _written("WAV", "ALAW", 8_000, 1),
            _written("WAV", "FLOAT", 48_000, 1),
            _written("OGG", "VORBIS", 16_000, 1),
            _written("MP3", "MPEG_LAYER_III", 32_000, 2),
        ]
        return [*((one, one) for one in found), ("", None)]

    def refused(self) -> Sequence[object]:
        """Return files that are no sound, or not whole, and other values."""
        wav = tone(8_000, 0.1)
        cut = [content[: len(content) // 2] for content in (wav, *_each_format())]
        nan = _written("WAV", "FLOAT", 8_000, 1, np.array([0.0, np.nan, 0.5]))
        none = _written("WAV", "PCM_16", 8_000, 1, np.zeros(0))
        others = [b"", b"hello", b"\x00\x00\x00\x20ftypM4A ", b"FORM\x00\x00\x00\x00AIFF", wav[:30]]
        texts = ["a.wav", "not base64!", "data:audio/wav,abc", base64_text(b"hello, world")]
        return [*cut, nan, none, *others, *texts, 3, True, ["a"], {"a": 1}]

    def values(self) -> Sequence[bytes | None]:
        """Return tones of several rates and lengths, silence, and missing ones."""
        tones = [tone(rate, seconds) for rate in (8_000, 16_000, 22_050) for seconds in _LENGTHS_S]
        return [*tones, None, _written("WAV", "PCM_16", 8_000, 1, np.zeros(400)), *_each_format()]

    def column(self) -> Sequence[object]:
        """Return the bytes of sounds."""
        return [tone(8_000, seconds) for seconds in _LENGTHS_S]


def _each_format() -> list[bytes]:
    return [
        _written("FLAC", "PCM_16", 16_000, 1),
        _written("OGG", "VORBIS", 16_000, 2),
        _written("MP3", "MPEG_LAYER_III", 16_000, 1),
    ]


def _written(name: str, subtype: str, rate: int, channels: int, samples: np.ndarray | None = None) -> bytes:
    """Return the file of a tone of 0.2 s, or of samples, as libsndfile writes it."""
    tone_ = 0.5 * np.sin(2 * np.pi * 330.0 * np.arange(rate // 5) / rate)
    data = tone_ if samples is None else samples
    out = io.BytesIO()
    soundfile.write(out, np.repeat(data[:, None], channels, axis=1), rate, format=name, subtype=subtype)
    return out.getvalue()
