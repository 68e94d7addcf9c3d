"""Where the projects of one user share what could be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.storage import user_cache


def test_the_cache_lies_where_the_desktop_standard_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert user_cache.folder() == tmp_path / ".cache" / "modelwright"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert user_cache.folder() == tmp_path / "elsewhere" / "modelwright"


def test_a_user_without_a_home_has_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(NotADirectoryError):
        user_cache.folder().mkdir(parents=True)
