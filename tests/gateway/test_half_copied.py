"""A folder of a package that is seen while it is copied: nothing of it answers until it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tiny_serving import Releases, running

from modelwright.core.digests import of_folder
from modelwright.core.messages import PackageError
from modelwright.package.packages import read
from modelwright.runtime.function import load


def moments(whole: Path, folder: Path, *, reverse: bool = False) -> Iterator[None]:
    """Copy a package file by file, and of each file first a half; stop at each moment before the last."""
    files = sorted((path for path in whole.rglob("*") if path.is_file()), reverse=reverse)
    for path in files:
        copy = folder / path.relative_to(whole)
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        # Two bytes short: SHA256SUMS without its last line break alone still names every file, and all are whole.
        for part in (data[:0], data[: len(data) // 2], data[:-2], data):
            copy.write_bytes(part)
            if part != data or path != files[-1]:
                yield


@pytest.mark.parametrize("reverse", [False, True])
def test_no_moment_of_a_copy_is_a_package(
    packages: dict[str, Path], tmp_path: Path, *, reverse: bool
) -> None:
    count = 0
    for _ in moments(packages["linear"], tmp_path / "copy", reverse=reverse):
        count += 1
        with pytest.raises(PackageError):
            read(tmp_path / "copy")
    assert count > 10  # four for each of three files
    assert of_folder(tmp_path / "copy") == of_folder(packages["linear"])
    read(tmp_path / "copy")


def test_what_is_half_copied_is_refused_and_answers_once_it_is_whole(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    releases, copy, digest = Releases(packages["linear"]), tmp_path / "copy", of_folder(packages["shifted"])
    copying = moments(packages["shifted"], copy)
    with running(releases) as server, httpx.Client(base_url=server.url) as client:

        def said() -> dict:
            return client.post("/measure", json={"height": 9.5}).json()

        before = said()
        for _ in range(2):
            for _ in range(5):
                next(copying)
            releases.ask(copy, digest)
            assert releases.changed.wait(60)
            assert releases.statuses()[-1] == "failed"
            assert (said()["version"], said()["outputs"]) == (1, before["outputs"])
        for _ in copying:
            pass
        version = releases.ask(copy, digest)
        assert releases.changed.wait(60)
        assert said()["version"] == version
        assert said()["outputs"] == load(packages["shifted"])(9.5).as_json() != before["outputs"]
