from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from modelwright.core.messages import DataError
from modelwright.stages.data.config import DataConfig
from modelwright.tables.sources import external_files, resolve


def ids(error: pytest.ExceptionInfo[DataError]) -> list[str]:
    return [problem.id for problem in error.value.problems]


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution by hand whose code must not run: `danger-data` 2.0 with two files."""
    site = tmp_path / "site"
    package = site / "danger_data"
    (package / "more").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "rows.csv").write_text("a,b\n1,2\n")
    (package / "more" / "rows.csv").write_text("a,b\n1,2\n")
    info = site / "danger_data-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: danger-data\nVersion: 2.0\n")
    files = ["danger_data/__init__.py", "danger_data/rows.csv", "danger_data/more/rows.csv"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    monkeypatch.syspath_prepend(str(site))
    return site


def test_paths_patterns_and_parents(tmp_path: Path) -> None:
    project = tmp_path / "project [1]"
    project.mkdir()
    for name in ("b.csv", "a.csv", "c.json"):
        (project / name).touch()
    (tmp_path / "outside.csv").touch()
    config = DataConfig(source=["*.csv", "../outside.csv", str(project / "c.json")])
    assert external_files(config.splits, project) == [
        project / "a.csv",
        project / "b.csv",
        tmp_path / "outside.csv",
        project / "c.json",
    ]
    assert [file.name for file in resolve(config.splits, project)["source"]][:3] == [
        "a.csv",
        "b.csv",
        "../outside.csv",
    ]
    beside = DataConfig(source="../project [1]/*.csv")
    assert len(external_files(DataConfig(source="../*.csv").splits, project)) == 1
    assert len(external_files(beside.splits, project)) == 2, "a folder that is called so is no pattern"


def test_a_link_that_leads_nowhere_is_no_file_less(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").symlink_to("gone.csv")
    for source in ("b.csv", "*.csv", "{a,b}.csv", "**"):
        with pytest.raises(DataError) as error:
            external_files({"source": [source]}, tmp_path)
        assert ids(error) == ["data.dangling-link"]
        assert "gone.csv" in str(error.value)


def test_one_or_the_other_in_braces_must_each_be_there(tmp_path: Path) -> None:
    for name in ("jan.csv", "feb.csv", "{x,y}.csv"):
        (tmp_path / name).touch()
    found = external_files({"source": ["{jan,feb}.csv"]}, tmp_path)
    assert [path.name for path in found] == ["jan.csv", "feb.csv"]
    assert external_files({"source": ["{x,y}.csv"]}, tmp_path) == [tmp_path / "{x,y}.csv"]
    with pytest.raises(DataError, match=r"mar\.csv"):
        external_files({"source": ["{jan,mar}.csv"]}, tmp_path)


def test_a_list_of_patterns_may_be_longer_than_names_are(tmp_path: Path) -> None:
    names = [f"rows-of-a-month-{number:02}" for number in range(30)]
    for name in names:
        (tmp_path / f"{name}.csv").touch()
    source = f"{{{','.join(names)}}}.csv"
    assert len(source) > 255
    found = resolve({"train": [source]}, tmp_path)
    assert [file.name for file in found["train"]] == [f"{name}.csv" for name in names]
    with pytest.raises(DataError) as error:
        resolve({"train": ["é" * 300, "a\0b"]}, tmp_path)
    assert ids(error) == ["data.missing-file"] * 2


def test_what_is_missing_is_collected_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "questions.csv").touch()
    (tmp_path / "folder").mkdir()
    config = DataConfig(
        source=["qestions.csv", "folder", "*.parquet", "https://example.org/a.csv", "no/where.csv"]
    )
    with pytest.raises(DataError) as error:
        external_files(config.splits, tmp_path)
    assert ids(error) == [
        "data.missing-file",
        "data.empty-folder",
        "data.missing-file",
        "data.source-scheme",
        "data.missing-file",
    ]
    assert "did you mean `questions.csv`?" in str(error.value)


def test_a_project_without_data_is_told_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        resolve({}, tmp_path)
    assert ids(caught) == ["data.nothing-named"]


def test_a_file_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(DataError) as error:
        external_files({"train": ["a.csv"], "test": ["./a.csv"]}, tmp_path)
    assert ids(error) == ["data.file-twice"]


@pytest.mark.parametrize(
    ("sources", "both"),
    [
        (["a.csv", "b.csv"], True),
        (["a.csv", "./a.csv"], True),
        (["*.csv"], True),
        (["a.csv", "a.csv"], False),
    ],
)
def test_a_second_link_to_a_file_of_one_split_is_said_as_such(tmp_path: Path, sources, both) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").symlink_to("a.csv")
    for split in ("train", "source"):
        with pytest.raises(DataError) as error:
            external_files({split: sources}, tmp_path)
        assert ids(error) == ["data.same-file"]
        found = error.value.problems[0].found
        assert ("one and the same file" in found) is both, found
        assert f"in {split}" in found


def test_a_package_is_found_without_running_it(distribution: Path) -> None:
    config = DataConfig(
        source=["package:danger-data==2.0/rows.csv", "package:danger_data/danger_data/more/rows.csv"]
    )
    assert external_files(config.splits, Path.cwd()) == [
        distribution / "danger_data" / "rows.csv",
        distribution / "danger_data" / "more" / "rows.csv",
    ]
    assert "danger_data" not in sys.modules
    assert (
        resolve(config.splits, Path.cwd())["source"][1].name
        == "package:danger_data==2.0/danger_data/more/rows.csv"
    )


def test_an_editable_package_lists_no_files_and_is_found_beside_its_module(distribution: Path) -> None:
    (distribution / "danger_data-2.0.dist-info" / "RECORD").write_text(
        "danger_data-2.0.dist-info/METADATA,,\n"
    )
    source = "package:danger-data==2.0/rows.csv"
    assert external_files({"source": [source]}, Path.cwd()) == [distribution / "danger_data" / "rows.csv"]
    assert "danger_data" not in sys.modules


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize(
    ("source", "problem", "says"),
    [
        ("package:danger-data==3.0/rows.csv", "data.package-version", "`pip install danger-data==3.0`"),
        ("package:no-such-thing==1.0/rows.csv", "data.missing-package", "`pip install no-such-thing==1.0`"),
        ("package:no-such-thing/rows.csv", "data.missing-package", "`pip install no-such-thing`"),
        ("package:danger-data==2.0/row.csv", "data.package-file", "did you mean `rows.csv`?"),
        ("package:danger-data==2.0/../../secret", "data.package-source", "insuranceqa_data"),
        ("package:danger-data==2.0", "data.package-source", "insuranceqa_data"),
    ],
)
def test_says_what_is_wrong_with_a_package(source: str, problem: str, says: str) -> None:
    with pytest.raises(DataError) as error:
        external_files({"source": [source]}, Path.cwd())
    assert ids(error) == [problem]
    assert says in str(error.value)


def test_an_installed_package() -> None:
    version = importlib.metadata.version("scikit-learn")
    source = f"package:scikit-learn=={version}/datasets/data/iris.csv"
    found = external_files({"source": [source]}, Path.cwd())
    assert found[0].name == "iris.csv"
    assert found[0].is_file()


@pytest.mark.parametrize("source", ["*.csv", "link.csv", "**"])
def test_a_name_that_is_not_utf8_is_refused_with_a_name_that_can_be_read(tmp_path: Path, source: str) -> None:
    odd = os.fsencode(tmp_path) + b"/donn\xe9es.csv"
    Path(os.fsdecode(odd)).touch()
    (tmp_path / "link.csv").symlink_to(os.fsdecode(odd))
    with pytest.raises(DataError) as error:
        external_files({"source": [source]}, tmp_path)
    assert set(ids(error)) == {"files.not-utf8"}
    assert "donn\\xe9es.csv" in str(error.value) or "link.csv" in str(error.value)
    str(error.value).encode("utf-8")


@pytest.mark.parametrize(
    "name", ["a?b", "[a]", "a*b", "k=v", "100%25", "x#y", "a: b", "it's", '"q"', "a\nb", "a\\b", "-d"]
)
def test_a_file_is_what_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.csv").write_text("a\n1\n")
    assert external_files({"source": [f"{name}.csv"]}, tmp_path) == [tmp_path / f"{name}.csv"]
