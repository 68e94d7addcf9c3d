"""A pickle runs code when it is read: under whatever name it lies in a package, it is refused and never read as one."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import pytest
from test_package import reseal

from modelwright.core.messages import PackageError
from modelwright.runtime.function import load

ADDED = (
    "model.pkl",
    "weights.bin",
    "notes.txt",
    "state.json",
    "model.joblib",
    "data.npy",
    "pytorch_model.bin",
)


class Runs:
    """What makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def files(folder: Path) -> list[str]:
    """Return the names of a package's files."""
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize("protocol", [0, 5])
def test_a_pickle_in_the_place_of_a_packages_file_is_refused(
    packages: dict[str, Path], tmp_path: Path, protocol: int
) -> None:
    trace = tmp_path / "trace"
    own = files(packages["text"])
    assert len(own) >= 4
    for number, name in enumerate(own):
        copy = Path(shutil.copytree(packages["text"], tmp_path / f"copy{number}"))
        (copy / name).write_bytes(pickle.dumps(Runs(trace), protocol))
        if name != "SHA256SUMS":
            reseal(copy)  # as someone who tampers would
        with pytest.raises(PackageError):
            load(copy)
        assert not trace.exists(), name
    pickle.loads(pickle.dumps(Runs(trace), protocol))
    assert trace.exists(), "the pickle does nothing, so that this test could not have failed"


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("listed", [False, True])
def test_a_pickle_beside_a_packages_files_is_refused(
    packages: dict[str, Path], tmp_path: Path, name: str, *, listed: bool
) -> None:
    copy, trace = Path(shutil.copytree(packages["text"], tmp_path / "copy")), tmp_path / "trace"
    (copy / name).write_bytes(pickle.dumps(Runs(trace)))
    if listed:
        reseal(copy)
    with pytest.raises(PackageError):
        load(copy)
    assert not trace.exists()
