"""The wheel of the Modelwright that runs here: what serves in an image is the code that evaluated the package."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import zipfile
from collections.abc import Iterator
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: equal code gives equal bytes
_PACKAGE = Path(__file__).parents[2]  # modelwright/, of which this is exports/docker/source_wheel.py
_LEFT_OUT = ("__pycache__", "examples")


def write(folder: Path) -> Path:
    """Write the wheel into `folder` and return its path (PEP 427); the examples, which serve nothing, are left out."""
    version = importlib.metadata.version("modelwright")
    about = f"modelwright-{version}.dist-info"
    files = {**dict(_code()), **_about(about)}
    record = f"{about}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    wheel = folder / f"modelwright-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # readable for the user that serves
            out.writestr(entry, data)
    return wheel


def _code() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_PACKAGE.rglob("*")):
        parts = path.relative_to(_PACKAGE.parent).parts
        if path.is_file() and not any(part in _LEFT_OUT or part.startswith(".") for part in parts):
            yield "/".join(parts), path.read_bytes()


def _about(folder: str) -> dict[str, bytes]:
    """Return the metadata that a wheel needs, as that of the installed distribution has it."""
    installed = importlib.metadata.distribution("modelwright")
    texts = {name: installed.read_text(name) for name in ("METADATA", "entry_points.txt")}
    texts["WHEEL"] = "Wheel-Version: 1.0\nGenerator: modelwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return {f"{folder}/{name}": text.encode() for name, text in texts.items() if text is not None}


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
