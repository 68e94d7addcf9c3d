"""Paths that people write: a home is one, and nobody's is a folder of that name."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.messages import ProjectError
from modelwright.learners.weights.resolving import resolve
from modelwright.project.declaration import store_place
from modelwright.storage.user_paths import expanded


def test_a_home_is_where_its_user_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/stores/route") == tmp_path / "stores" / "route"
    # a store was taken to a folder called `~` beside the project file
    assert store_place.folder_of("~/stores/route", Path("/project")) == tmp_path / "stores" / "route"


def test_nobodys_home_is_a_message_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert expanded("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert store_place.folder_of("~nobody-of-this-name", tmp_path) == tmp_path / "~nobody-of-this-name"
    with pytest.raises(ProjectError, match="there is no folder"):
        resolve("~nobody-of-this-name/x", tmp_path)
