"""Files that a caller names: read for an input that holds files, refused with what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from file_bodies import LEVELS, picture, picture_body
from tiny_serving import linear_body, sealed

from modelwright.core.messages import RequestError, ValueProblem
from modelwright.runtime.function import Function, load
from modelwright.storage import given_files


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Function:
    return load(sealed(picture_body(), tmp_path_factory.mktemp("pictures") / "package"))


@pytest.mark.parametrize("size", LEVELS)
def test_a_file_is_its_bytes_however_it_is_given(measure: Function, tmp_path: Path, size: str) -> None:
    content = picture(LEVELS[size])
    (path := tmp_path / "cat.png").write_bytes(content)
    given = [content, bytearray(content), path]
    assert [measure(one).size for one in given] == [size] * 3
    assert [one.size for one in measure.predict([{"photo": one, "height": 3} for one in given])] == [size] * 3


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_frame_holds_bytes(measure: Function, library: str) -> None:
    make = pytest.importorskip(library).DataFrame
    content = [picture(level) for level in LEVELS.values()]
    frame = make({"photo": content, "height": ["3"] * 3, "other": [1] * 3})
    assert [one.size for one in measure.predict(frame)] == list(LEVELS)


def test_a_text_is_never_a_path(measure: Function, tmp_path: Path) -> None:
    (path := tmp_path / "cat.png").write_bytes(picture(20))
    for text in (str(path), f"@{path}", "cat.png"):
        for lenient in (False, True):
            with pytest.raises(RequestError):
                measure.predict([{"photo": text}], lenient=lenient)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no file"),
    "a folder": (lambda path: path.mkdir(), "a folder"),
    "a pipe": (os.mkfifo, "a pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "empty": (lambda path: path.touch(), "an empty file"),
    "large": (lambda path: path.write_bytes(b"x" * 11), "a larger file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str) -> None:
    make, said = WRONG[name]
    make(path := tmp_path / "cat.png")
    with pytest.raises(ValueProblem) as error:
        given_files.content(path, 10)
    assert error.value.message.id == "value.no-file"
    assert said in error.value.found
    assert "10 bytes" in error.value.rule


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    (path := tmp_path / "cat.png").write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(ValueProblem) as error:
        given_files.content(path)
    assert "cannot be read" in error.value.found


def test_a_path_that_is_none_is_said(measure: Function) -> None:
    with pytest.raises(RequestError) as error:
        measure(Path("a\0b"))
    (problem,) = error.value.problems
    assert problem.id == "request.wrong-value"
    assert "photo" in problem.found


def test_a_path_for_another_input_is_no_value_of_it(tmp_path: Path) -> None:
    function = load(sealed(linear_body(), tmp_path / "package"))
    with pytest.raises(RequestError):
        function(Path("3"))
