from __future__ import annotations

import base64
import io
import re
import struct
import time
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from modelwright import kinds
from modelwright.core.messages import ValueProblem, catalog
from modelwright.core.units import Unit
from modelwright.kinds.audio import _decoding, _mel
from modelwright.kinds.audio._containers import require_begin
from modelwright.kinds.audio._flac import samples_held
from modelwright.kinds.audio._resampling import resampled
from modelwright.kinds.audio.arrays import AudioState, tone
from modelwright.kinds.contract.infer import Infer, distinct
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.contract.show import Show
from modelwright.kinds.shared.files.file_bytes import base64_text

AUDIO = kinds.value("audio")
ARRAYS = kinds.arrays("audio")
PROFILE = kinds.facet("audio", Profile)
RANDOM = np.random.default_rng(5)


def voice(rate: int, seconds: float, channels: int = 1) -> NDArray[np.float64]:
    """Return (n, channels): two tones and some noise."""
    at = np.arange(round(rate * seconds)) / rate
    one = 0.3 * np.sin(2 * np.pi * 300 * at) + 0.1 * np.sin(2 * np.pi * 1_700 * at)
    noise = np.random.default_rng(len(at)).normal(size=(len(at), channels))
    return np.repeat(one[:, None], channels, axis=1) + 0.01 * noise


def written(
    name: str = "WAV", subtype: str = "PCM_16", rate: int = 16_000, data: NDArray[np.float64] | None = None
) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, voice(rate, 1.0) if data is None else data, rate, format=name, subtype=subtype)
    return out.getvalue()


def refusal(content: object) -> str:
    with pytest.raises(ValueProblem) as problem:
        AUDIO.parse(content)
    for language in ("en", "zh"):
        with catalog.speaking(language):
            assert "{" not in str(problem.value)
    return problem.value.message.id


FORMATS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("WAV", subtype) for subtype in ("ALAW", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
    *(("RF64", "PCM_16"), ("WAVEX", "PCM_24"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")),
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
]


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
def test_every_form_of_a_sound_gives_about_the_same_frames(name: str, subtype: str) -> None:
    state = AudioState(16_000, 104)
    wanted = ARRAYS.encode([written("WAV", "DOUBLE")], state)
    value = AUDIO.parse(base64_text(written(name, subtype)))
    found = ARRAYS.encode([value], state)
    assert abs(found["mask"].sum() - wanted["mask"].sum()) <= 4
    loud = wanted["frames"][0, 2:95] > 0.3  # what is quiet is noise of the form
    apart = np.abs(found["frames"] - wanted["frames"])[0, 2:95][loud]
    assert apart.mean() < 0.08


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 44_101, 48_000, 192_000])
def test_every_rate_and_number_of_channels_gives_about_the_same_frames(rate: int, channels: int) -> None:
    state = AudioState(4_000, 56)
    at = np.arange(rate // 2) / rate
    one = 0.3 * np.sin(2 * np.pi * 300 * at)
    found = ARRAYS.encode([written("WAV", "FLOAT", rate, np.repeat(one[:, None], channels, axis=1))], state)
    at = np.arange(8_000) / 16_000
    wanted = _mel.log_mel(0.3 * np.sin(2 * np.pi * 300 * at), 56)
    loud = wanted[2:47] > 0.5
    assert np.abs(found["frames"][0] - wanted)[2:47][loud].max() < 0.05
    assert found["mask"].sum() == 50


def test_no_sound_has_tones_that_training_had_not() -> None:
    high = 0.3 * np.sin(2 * np.pi * 6_000 * np.arange(16_000) / 16_000)
    content = written("WAV", "FLOAT", 16_000, high[:, None])
    within, beyond = (ARRAYS.encode([content], AudioState(rate, 104))["frames"] for rate in (16_000, 8_000))
    band = within[0, 50].argmax()
    assert band > 60
    quiet = beyond[0, 10:90]  # what the filter leaves is the loudest of it, and no tone of 6 kHz
    assert quiet.argmax(axis=1).max() < 60


@pytest.mark.parametrize("seconds", [0.005, 0.3, 1.0, 1.04, 3.0])
def test_frames_are_those_of_whisper(seconds: float) -> None:
    samples = voice(16_000, seconds)[:, 0]
    frames = 104
    kept = samples[: frames * _mel.HOP]
    from transformers import WhisperFeatureExtractor  # here: every process of tests collects this file

    theirs = WhisperFeatureExtractor(feature_size=80)(kept, sampling_rate=16_000, return_tensors="np")
    found = _mel.log_mel(kept, frames)
    assert found.dtype == np.float32
    assert np.abs(found - theirs["input_features"][0].T[:frames]).max() < 2e-4


def test_resampling_is_that_of_scipy() -> None:
    samples = voice(44_100, 0.2)[:, 0]
    assert np.allclose(resampled(samples, 44_100, 16_000), resample_poly(samples, 160, 441), atol=1e-12)
    assert len(resampled(samples, 44_101, 16_000)) == -(-len(samples) * 16_000 // 44_101)
    assert resampled(samples, 8_000, 8_000) is samples


def test_a_long_sound_is_read_at_its_beginning_alone() -> None:
    state = AudioState(8_000, 48)
    for rate in (8_000, 22_050, 44_100):
        long = voice(rate, 3.0)
        whole = ARRAYS.encode([written("WAV", "FLOAT", rate, long)], state)
        start = ARRAYS.encode([written("WAV", "FLOAT", rate, long[: round(0.6 * rate)])], state)
        assert np.array_equal(whole["mask"], start["mask"])
        assert np.allclose(whole["frames"], start["frames"], atol=1e-5)


def test_silence_and_nothing_are_finite() -> None:
    found = ARRAYS.encode([written(data=np.zeros((800, 1))), None], AudioState(16_000, 16))
    assert found["frames"][0] == pytest.approx(-1.5)
    assert found["mask"].tolist() == [[1] * 5 + [0] * 11, [0] * 16]
    assert not found["frames"][1].any()
    huge = written("WAV", "FLOAT", 16_000, np.full((800, 1), 3e38))
    assert np.isfinite(ARRAYS.encode([AUDIO.parse(huge)], AudioState(16_000, 16))["frames"]).all()


def test_rate_and_length_are_those_of_most_training_sounds() -> None:
    short = [tone(8_000, 0.4)] * 98
    assert ARRAYS.fit([*short, tone(44_100, 1.0), tone(44_100, 2.0), None]) == AudioState(8_000, 104)
    assert ARRAYS.fit([*short, *short, tone(8_000, 9.0)]) == AudioState(8_000, 40)
    assert ARRAYS.fit([tone(44_100, 0.4)]) == AudioState(16_000, 40)
    assert ARRAYS.fit([tone(44_100, 0.4), tone(8_000, 0.4)]) == AudioState(8_000, 40)
    assert ARRAYS.fit([tone(1_000, 60.0)]) == AudioState(1_000, 3_000)
    assert ARRAYS.fit([None]) == AudioState(16_000, 8)


def test_what_is_cut_is_counted_in_seconds() -> None:
    cut = ARRAYS.cut([tone(8_000, 0.4), None, tone(8_000, 2.0)], AudioState(8_000, 40))
    assert (cut.count, cut.rows, cut.longest, cut.kept, cut.unit) == (1, 2, 2.0, 0.4, Unit.SECONDS)


def test_base64_in_each_form() -> None:
    content = tone(8_000, 0.1)
    plain = base64_text(content)
    lines = "\n".join(plain[at : at + 76] for at in range(0, len(plain), 76))
    for text in (plain, lines, plain.rstrip("="), plain.replace("+", "-").replace("/", "_")):
        assert AUDIO.parse(text) == content
        assert AUDIO.parse(f"data:audio/x-wav;rate=8000;base64,{text}") == content
    assert AUDIO.parse("data:audio/wav;base64," + plain.replace("+", "%2B").replace("/", "%2F")) == content
    assert AUDIO.from_wire(AUDIO.to_wire(content)) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "value.empty-file"),
        ("kick.wav", "value.path-of-a-file"),
        ("¿?", "value.not-base64"),
        ("data:audio/wav,abc", "value.not-base64"),
        (3.5, "value.not-a-file"),
        (["a"], "value.not-a-file"),
        (b"hello, this is no sound\n" * 9, "sound.no-sound"),
        (b"\xff\xfe\x00", "sound.no-sound"),
        (b"\x00\x00\x00\x18ftypM4A mp42isom", "sound.other-format"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01", "sound.other-format"),
        (b"ID3\x04" + bytes(200), "sound.damaged"),
        (b"\xff\xfb\x90\x00" + bytes(50), "sound.damaged"),
        (b"\xff\xfb\x90\x00" + RANDOM.bytes(5_000), "sound.damaged"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + RANDOM.bytes(5_000), "sound.damaged"),
        (bytes(100), "sound.no-sound"),
        (b"RIFF\x04\x00\x00\x00WAVE", "sound.damaged"),
        (b"fLaC" + bytes(60), "sound.damaged"),
        (b"OggS" + bytes(60), "sound.damaged"),
        (tone(900, 1.0), "sound.rate"),
        (tone(500_000, 0.01), "sound.rate"),
        (tone(1_000, 601.0), "sound.too-long"),
    ],
)
def test_what_is_no_sound_is_refused(
    content: object, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refusal(content) == message
    assert capfd.readouterr().err == "", "no library talks to the terminal"


def test_what_no_text_begins_is_shown_in_hexadecimal() -> None:
    with pytest.raises(ValueProblem, match="00 00 00 00 00 00 00 00 "):
        AUDIO.parse(bytes(100))


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_breaks_off_is_refused(name: str, subtype: str, share: float) -> None:
    content = written(name, subtype, data=voice(16_000, 4.0))
    assert refusal(content[: int(len(content) * share)]) in {"sound.cut-short", "sound.damaged"}


@pytest.mark.parametrize(("name", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_file_with_a_damaged_part_is_refused(name: str, subtype: str) -> None:
    content = bytearray(written(name, subtype, data=voice(16_000, 4.0)))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    assert refusal(bytes(content)) in {"sound.cut-short", "sound.damaged"}


@pytest.mark.parametrize(
    ("name", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("RF64", "PCM_16"), ("OGG", "VORBIS")]
)
def test_no_samples_are_refused(name: str, subtype: str) -> None:
    assert refusal(written(name, subtype, data=np.zeros((0, 1)))) == "sound.no-samples"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers_are_refused(subtype: str, bad: float) -> None:
    data = voice(16_000, 1.0, channels=2)
    data[12_345, 1] = bad
    assert refusal(written("WAV", subtype, data=data)) == "sound.not-finite"


def test_ten_hours_are_refused_by_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(written("FLAC", "PCM_16", 8_000, np.zeros((8_000, 1))))
    total = 10 * 3600 * 8_000  # of STREAMINFO: the last 36 bits before the MD5, at byte 21
    content[21] = content[21] & 0xF0 | total >> 32
    content[22:26] = struct.pack(">I", total & 0xFFFFFFFF)
    monkeypatch.setattr(_decoding, "_blocks", lambda *_: pytest.fail("decoded"))
    assert refusal(bytes(content)) == "sound.too-long"


def _saying(content: bytes, frames: int) -> bytes:
    """Return a FLAC whose header says another number of samples."""
    changed = bytearray(content)
    changed[21] = changed[21] & 0xF0 | frames >> 32
    changed[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    return bytes(changed)


@pytest.mark.parametrize("rate", [8_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
@pytest.mark.parametrize(("share", "message"), [(0.2, "sound.longer"), (0.95, "sound.longer"), (2.0, None)])
def test_a_flac_holds_as_much_as_it_says(
    rate: int, channels: int, tag: bytes, share: float, message: str | None
) -> None:
    content = written("FLAC", "PCM_16", rate, voice(rate, 2.0, channels))
    assert samples_held(content + tag) == 2 * rate
    AUDIO.parse(content + tag)
    found = refusal(_saying(content, int(2 * rate * share)) + tag)
    assert found == message if message else found in {"sound.cut-short", "sound.damaged"}


def test_bytes_that_look_like_many_last_frames_cost_little() -> None:
    content = written("FLAC", "PCM_16", 8_000, voice(8_000, 1.0))
    frame = content[content.index(b"\xff\xf8") :][:8]
    begun = time.process_time()
    samples_held(content + frame * 100_000)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("before", [b"", b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20), bytes(300)])
def test_mp3s_of_every_rate_begin_with_frames_wherever_they_stand(rate: int, before: bytes) -> None:
    content = written("MP3", "MPEG_LAYER_III", rate, voice(rate, 1.0))
    require_begin(before + content, "MP3")


def test_a_flac_that_was_streamed_does_not_say_its_length() -> None:
    content = bytearray(written("FLAC", "PCM_16", 8_000, np.zeros((16_000, 1))))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    assert refusal(bytes(content)) == "sound.unknown-length"


def test_a_header_that_says_too_little_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = tone(8_000, 2.0)
    monkeypatch.setattr(_decoding, "_require_bounds", lambda header: None)
    monkeypatch.setattr(_decoding, "MOST_SECONDS", 1.0)
    assert refusal(content) == "sound.too-long"


def test_many_channels_at_a_high_rate_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decoding, "MOST_SAMPLES", 1_000)
    assert refusal(written(data=voice(16_000, 0.1, channels=2))) == "sound.too-many-samples"


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_that_was_streamed_does_not_know_its_size(size: int) -> None:
    content = bytearray(tone(8_000, 0.1))
    content[40:44] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", size)
    if size:  # libsndfile takes a size of 0 at its word
        assert ARRAYS.encode([AUDIO.parse(bytes(content))], AudioState(8_000, 16))["mask"].sum() == 10


def test_silent_and_clipped_are_told_from_quiet_and_loud() -> None:
    def heard(data: NDArray[np.float64], subtype: str = "PCM_16") -> tuple[bool, bool]:
        found = _decoding.loudness(written("WAV", subtype, 16_000, data))
        return found.silent, found.clipped

    loud = 0.98 * voice(16_000, 1.0) / np.abs(voice(16_000, 1.0)).max()
    assert heard(np.zeros((800, 2))) == (True, False)
    assert heard(np.full((800, 1), 0.25)) == (True, False)  # a constant is no sound
    assert heard(0.001 * loud) == (False, False)
    assert heard(np.hstack([np.zeros((16_000, 1)), loud])) == (False, False)
    assert heard(loud) == (False, False)
    assert heard(np.clip(4 * loud, -1, 1)) == (False, True)
    assert heard(np.clip(4 * loud, -1, 1), "PCM_U8") == (False, True)
    assert heard(np.clip(4 * loud, -0.7, 0.7)) == (False, False)  # made quieter since


def test_the_profile_says_what_is_silent_clipped_and_of_another_rate() -> None:
    loud = np.clip(9 * voice(8_000, 0.2), -1, 1)
    sounds = [tone(8_000, 0.2), tone(8_000, 0.4), written("WAV", "PCM_16", 8_000, loud), tone(16_000, 0.2)]
    sounds.append(written("FLAC", "PCM_16", 8_000, np.zeros((800, 2))))
    figures = PROFILE.describe(pl.Series(sounds, dtype=pl.Binary))
    assert figures["formats"] == {"WAV": 4, "FLAC": 1}
    assert figures["rates"] == {"8000": 4, "16000": 1}
    assert figures["channels"] == {"1": 4, "2": 1}
    assert (figures["silent"], figures["clipped"], figures["distinct"]) == (1, 1, 5)
    remarks = {one.id: one.values for one in PROFILE.remarks("clip", figures)}
    assert remarks["sound.silent"]["count"] == remarks["sound.clipped"]["count"] == 1
    assert (remarks["sound.rates"]["count"], remarks["sound.rates"]["rate"]) == (1, 8_000)
    plain = PROFILE.describe(pl.Series([tone(8_000, 0.2)], dtype=pl.Binary))
    assert not list(PROFILE.remarks("clip", plain))
    assert not list(PROFILE.remarks("clip", {}))


def test_columns_of_file_names_and_of_bytes_are_taken_for_sounds() -> None:
    infer = kinds.facet("audio", Infer)
    assert infer.reads(distinct(["a/0_x.wav", "b.FLAC", "c.mp3 "]))
    assert infer.reads(distinct([tone(8_000, 0.1), tone(8_000, 0.2)]))
    assert not infer.reads(distinct(["a.wav", "what a wave"]))
    assert not infer.reads(distinct([b"\x89PNG\r\n"]))


def test_shown_by_format_length_and_rate() -> None:
    show = kinds.facet("audio", Show)
    assert (
        show.text(written("OGG", "VORBIS", 44_100, voice(44_100, 1.5, channels=2)))
        == "OGG, 1.5 s, 44.1 kHz × 2"
    )
    assert show.text(None) == ""


def test_a_waveform_is_as_high_as_the_sound_is_loud_and_says_how_quiet_one_is() -> None:
    show = kinds.facet("audio", Show)

    def highest(content: bytes) -> float:
        picture = show.picture(content)
        assert picture is not None
        assert picture.media == "image/svg+xml"
        svg = base64.b64decode(picture.data).decode()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        return max(float(height) for height in re.findall(r"v([0-9.]+)h1", svg))

    assert highest(written(data=0.6 * np.sin(np.arange(16_000) / 5)[:, None])) == pytest.approx(28.8, abs=0.5)
    quiet = written(data=0.01 * np.sin(np.arange(16_000) / 5)[:, None])
    assert highest(quiet) == pytest.approx(48.0, abs=0.5)  # as high as it can be, and 40 dB below full scale
    drawn = show.picture(quiet)
    assert drawn is not None
    assert "−40 dB" in base64.b64decode(drawn.data).decode()
    assert highest(written(data=np.zeros((16_000, 1)))) == 1.0
    assert highest(written("WAV", "FLOAT", 16_000, np.full((16_000, 2), 3.0))) == 1.0  # all beyond full scale
    assert highest(tone(8_000, 0.001)) == 1.0  # fewer samples than bars: points
    long = show.picture(written("FLAC", "PCM_16", 16_000, voice(16_000, 60.0)))
    assert long is not None
