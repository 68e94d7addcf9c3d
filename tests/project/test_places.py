"""A run rests on the rules that named its files: whatever would make a rule give others is seen."""

import os

import pytest
import yaml
from test_loop import declared, write_rows

from modelwright import Project
from modelwright.core.messages import DataError
from modelwright.engine import stamp
from modelwright.learners.weights.resolving import InputWeights
from modelwright.project.loop import places
from modelwright.storage.file_digests import FileDigests

LATER_NS = 1 << 62


@pytest.fixture
def folder(tmp_path):
    """Return a project's folder whose data lies in files, linked files and linked folders."""
    root = tmp_path / "project"
    for name in ("data/a.csv", "data/deep/b.csv", "data/deep/er/c.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_rows(root / name, rows=2)
    for name in ("outside/month/d.csv", "other/month/d.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        write_rows(tmp_path / name, rows=2)
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "link.csv").symlink_to(tmp_path / "outside" / "month" / "d.csv")
    (root / "chain.csv").symlink_to("link.csv")
    return root


def new_link(path, target):
    path.unlink()
    path.symlink_to(target)


SEEN = {
    "a match more": ("data/*.csv", lambda root: write_rows(root / "data" / "new.csv", rows=2)),
    "a match more in a folder": (
        "data/*/*.csv",
        lambda root: write_rows(root / "data" / "deep" / "n.csv", rows=2),
    ),
    "a match more in a new folder": (
        "data/**/*.csv",
        lambda root: ((root / "data" / "new").mkdir(), write_rows(root / "data" / "new" / "n.csv", rows=2)),
    ),
    "a match more in a linked folder": (
        "*ed/**/*.csv",
        lambda root: write_rows(root.parent / "outside" / "month" / "n.csv", rows=2),
    ),
    "a hidden match": ("data/*.csv", lambda root: write_rows(root / "data" / ".n.csv", rows=2)),
    "a match that leads nowhere": ("data/*.csv", lambda root: (root / "data" / "n.csv").symlink_to("gone")),
    "a match renamed": ("data/*.csv", lambda root: (root / "data" / "a.csv").rename(root / "data" / "z.csv")),
    "one of two in braces": ("data/{a,deep/b}.csv", lambda root: (root / "data" / "a.csv").unlink()),
    "a file of just that name": (
        "data/{a,deep/b}.csv",
        lambda root: made(root / "data" / "{a,deep" / "b}.csv"),
    ),
    "a file called like the pattern": (
        "data/[a].csv",
        lambda root: write_rows(root / "data" / "[a].csv", rows=2),
    ),
    "a linked folder": ("linked/month/*.csv", lambda root: new_link(root / "linked", root.parent / "other")),
    "a linked folder of one file": (
        "linked/month/d.csv",
        lambda root: new_link(root / "linked", root.parent / "other"),
    ),
    "a link": ("link.csv", lambda root: new_link(root / "link.csv", "data/a.csv")),
    "a link to a link": ("chain.csv", lambda root: new_link(root / "link.csv", "data/a.csv")),
    "a link that matches": ("l*.csv", lambda root: new_link(root / "link.csv", "data/a.csv")),
    "a link that leads nowhere": ("link.csv", lambda root: new_link(root / "link.csv", "gone.csv")),
    "a link whose file is gone": (
        "chain.csv",
        lambda root: (root.parent / "outside" / "month" / "d.csv").unlink(),
    ),
    "a file in place of a link": (
        "link.csv",
        lambda root: ((root / "link.csv").unlink(), write_rows(root / "link.csv", rows=2)),
    ),
    "a folder in place of a file": (
        "data/a.csv",
        lambda root: ((root / "data" / "a.csv").unlink(), (root / "data" / "a.csv").mkdir()),
    ),
    "a file that is gone": ("data/a.csv", lambda root: (root / "data" / "a.csv").unlink()),
}


def made(path):
    path.parent.mkdir(parents=True)
    write_rows(path, rows=2)


def sources(root, source):
    file = root / "modelwright.yaml"
    file.write_text(yaml.safe_dump(declared(data={"source": source})))
    return places.of_data(Project(file).opened)


@pytest.mark.parametrize("change", SEEN)
def test_a_rule_that_would_give_others_is_seen(folder, change):
    source, make = SEEN[change]
    watch = sources(folder, source).watch()
    taken = stamp.take(watch, lambda: LATER_NS)
    (folder / "README.txt").write_text("no data")
    assert stamp.holds(taken)
    make(folder)
    assert not stamp.holds(taken)


@pytest.fixture
def weights(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "model").symlink_to("one")
    return tmp_path


def test_weights_by_a_link_that_points_elsewhere_are_seen(weights):
    watch = places.of_weights(InputWeights({"a": (weights / "model").resolve()}), "model", weights).watch()
    taken = stamp.take(watch, lambda: LATER_NS)
    assert stamp.holds(taken)
    new_link(weights / "model", "two")
    assert not stamp.holds(taken)


def test_a_folder_that_takes_the_place_of_a_hub_model_is_seen(weights):
    snapshot = weights / "models--a--b" / "snapshots" / "123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    refs = weights / "models--a--b" / "refs"
    refs.mkdir()
    (refs / "main").write_text("123")
    watch = places.of_weights(InputWeights({"a": snapshot}), "a/b", weights).watch()
    for change in (
        lambda: (refs / "main").write_text("4567"),
        lambda: (weights / "a" / "b").mkdir(parents=True),
    ):
        taken = stamp.take(watch, lambda: LATER_NS)
        assert stamp.holds(taken)
        change()
        assert not stamp.holds(taken)


def test_files_that_change_while_they_are_read_are_read_again(folder, monkeypatch):
    """The key would not say what was read, and the old content would be answered from the new, once it is back."""
    from modelwright.stages.data import stage

    file = folder / "modelwright.yaml"
    write_rows(folder / "data" / "a.csv", rows=400)
    file.write_text(yaml.safe_dump(declared(data={"source": "data/*.csv"})))
    read, counts = stage.resolve, []

    def changing(times):
        def resolve(*given):
            found = read(*given)
            counts.append(len(counts))
            if len(counts) <= times:
                write_rows(folder / "data" / f"more{len(counts)}.csv", rows=2)
            return found

        counts.clear()
        return resolve

    monkeypatch.setattr(stage, "resolve", changing(1))
    result = Project(file).run(to="data")
    assert (result.exit_code, len(counts)) == (0, 2)
    assert len(Project(file).run(to="data").stages) == 1
    assert not any((folder / ".modelwright" / "tmp").iterdir())
    monkeypatch.setattr(stage, "resolve", changing(9))
    again = Project(file).run(to="data", force=True)
    assert [problem.id for problem in again.problems] == ["data.changing"]
    monkeypatch.setattr(stage, "resolve", changing(9))
    write_rows(folder / "data" / "another.csv", rows=3)
    with pytest.raises(DataError):
        Project(file).check()


# -- files that are values -------------------------------------------------------------------------------------------


def pictures(root, source="pictures/"):
    """Return what a function of pictures rests on: two pictures by class, and a table that names them and a third."""
    for name in ("a/1.png", "b/2.png"):
        (root / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pictures" / name).write_text(name)
    (root / "rows.csv").write_text(
        "photo,label\npictures/a/1.png,a\npictures/b/2.png,b\npictures/b/3.png,b\n"
    )
    file = root / "modelwright.yaml"
    columns = {} if source == "rows.csv" else {"photo": "file", "label": "folder"}
    data = {"source": source, "columns": columns}
    file.write_text(yaml.safe_dump({"function": "f(photo: image) -> label: category", "data": data}))
    return places.of_data(Project(file).opened)


OF_PICTURES = {
    "a picture that is another": lambda root: (root / "pictures" / "a" / "1.png").write_text("other"),
    "a picture that is gone": lambda root: (root / "pictures" / "a" / "1.png").unlink(),
    "a picture that was missing": lambda root: (root / "pictures" / "b" / "3.png").write_text("3"),
}


@pytest.mark.parametrize("source", ["pictures/", "pictures/*/*.png", "pictures/{label}/{n}.png", "rows.csv"])
@pytest.mark.parametrize("change", OF_PICTURES)
def test_a_picture_that_changes_is_seen_by_stamp_and_key(tmp_path, source, change):
    before = pictures(tmp_path, source)
    taken = stamp.take(before.watch(), lambda: LATER_NS)
    digests = FileDigests(now_ns=lambda: LATER_NS)
    keys = {name: digests.of_many(every) for name, every in before.sets.items()}
    assert stamp.holds(taken)
    OF_PICTURES[change](tmp_path)
    assert not stamp.holds(taken)
    after = places.of_data(Project(tmp_path / "modelwright.yaml").opened)
    assert {name: digests.of_many(every) for name, every in after.sets.items()} != keys


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("pictures/", "notes.txt"),
        ("pictures/", "a/deep/1.png"),
        ("pictures/", "a/.hidden.png"),
        ("pictures/", "c/"),
        ("pictures/{label}/{n}.png", "a/.hidden.png"),
        ("pictures/{label}/{n}.png", "a/notes.txt"),
    ],
)
def test_what_is_left_out_is_part_of_the_key(tmp_path, source, name):
    """A warning names it, and a sealed one must not speak of what was there before."""
    before = pictures(tmp_path, source)
    place = tmp_path / "pictures" / name
    (place if name.endswith("/") else place.parent).mkdir(exist_ok=True)
    if not name.endswith("/"):
        place.write_text("x")
    after = places.of_data(Project(tmp_path / "modelwright.yaml").opened)
    assert after.sets == before.sets
    assert (before.names, len(after.names)) == ({}, 1)


@pytest.mark.parametrize("source", ["pictures/", "pictures/*/*.png", "pictures/{label}/{n}.png"])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, source, linked):
    pictures(tmp_path, source)
    os.mkfifo(tmp_path / "pipe")
    odd = tmp_path / "pictures" / "a" / "3.png"
    odd.symlink_to("../../pipe") if linked else (tmp_path / "pipe").rename(odd)
    with pytest.raises(DataError) as caught:
        places.of_data(Project(tmp_path / "modelwright.yaml").opened)
    (problem,) = caught.value.problems
    assert problem.id == "data.no-file"
    assert "pictures/a/3.png" in problem.found


def test_a_table_without_files_is_not_read_for_its_key(tmp_path):
    """What need not be known is not read: a broken table is found by the stage, in its own words."""
    (tmp_path / "rows.csv").write_text('a,b\n"1,2\n')
    file = tmp_path / "modelwright.yaml"
    file.write_text(
        yaml.safe_dump({"function": "f(a: number) -> b: category", "data": {"source": "rows.csv"}})
    )
    assert places.of_data(Project(file).opened).sets == {}
