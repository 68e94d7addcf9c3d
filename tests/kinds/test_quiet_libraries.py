"""What C libraries think of a file that they decode stays off the terminal and out of the logs."""

from __future__ import annotations

import contextlib
import ctypes
import io
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from PIL import Image

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.shared.files.quiet_libraries import quiet_libraries

C = ctypes.CDLL(None)
pytestmark = pytest.mark.skipif(
    not hasattr(C, "gnu_get_libc_version"), reason="the C library is not that of GNU"
)
RANDOM = np.random.default_rng(3)


def mp3(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, 0.3 * np.sin(np.arange(round(seconds * rate)) / 5), rate, format="MP3")
    return out.getvalue()


def tiff(compression: str) -> bytes:
    out = io.BytesIO()
    pixels = RANDOM.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "TIFF", compression=compression)
    return out.getvalue()


def inserted(content: bytes, junk: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + junk + content[half:]


def overwritten(content: bytes, first: int, count: int = 60) -> bytes:
    return content[:first] + RANDOM.bytes(count) + content[first + count :]


ID3 = b"ID3\x04\0\0\0\0\x07\x76" + bytes(1014)
SAID: dict[str, tuple[str, Callable[[], bytes]]] = {
    "mp3-junk": ("audio", lambda: inserted(mp3(), RANDOM.bytes(3000))),
    "mp3-zeros": ("audio", lambda: inserted(mp3(), bytes(3000))),
    "mp3-cut": ("audio", lambda: mp3()[:-100]),
    "mp3-joined": ("audio", lambda: mp3() + mp3(rate=8_000)),
    "mp3-id3-inside": ("audio", lambda: inserted(mp3(), ID3)),
    "tiff-lzw": ("image", lambda: overwritten(tiff("tiff_lzw"), 300)),
    "tiff-deflate": ("image", lambda: overwritten(tiff("tiff_deflate"), 300)),
    "tiff-jpeg": ("image", lambda: overwritten(tiff("jpeg"), 12)),
}


@pytest.mark.parametrize("name", SAID)
def test_no_library_speaks_of_a_damaged_file(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    kind, content = SAID[name]
    with contextlib.suppress(ValueProblem):
        kinds.arrays(kind).fit([kinds.value(kind).parse(content())])
    assert capfd.readouterr().err == ""


def says(text: bytes) -> None:
    stream = ctypes.c_void_p.in_dll(C, "stderr")
    C.fputs(text, stream)
    C.fflush(stream)


def test_what_is_said_outside_and_by_python_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    says(b"before\n")
    with quiet_libraries(), pytest.raises(ZeroDivisionError), quiet_libraries():
        says(b"within\n")
        raise ZeroDivisionError
    with quiet_libraries():
        says(b"within\n")
        sys.stderr.write("python\n")
        sys.stderr.flush()
    says(b"after\n")
    assert capfd.readouterr().err == "before\npython\nafter\n"


def test_blocks_of_several_threads_overlap(capfd: pytest.CaptureFixture[str]) -> None:
    inside, first_gone = threading.Barrier(2), threading.Event()

    def longer() -> None:
        with quiet_libraries():
            inside.wait(10)
            first_gone.wait(10)
            says(b"within\n")

    thread = threading.Thread(target=longer)
    thread.start()
    with quiet_libraries():
        inside.wait(10)
    first_gone.set()
    thread.join(10)
    says(b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize(("switches", "warned"), [([], False), (["-W", "default"], True)])
def test_warnings_of_libraries_are_shown_to_who_asks(switches: list[str], warned: bool) -> None:
    program = "from modelwright.cli import standard_streams as s; s.prepare(); import warnings; warnings.warn('odd')"
    done = subprocess.run(
        [sys.executable, *switches, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ("UserWarning: odd" in done.stderr) == warned
