"""What a run rests on is said once: whatever changes a key, or what a run would print, voids the stamp as well."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_loop import declared, statuses, write_rows

import modelwright
from modelwright import Project
from modelwright.core.messages import catalog
from modelwright.engine.step_sources import Sources
from modelwright.project.loop import context as loop_context
from modelwright.project.loop import last_run, places
from modelwright.runtime import machine
from modelwright.storage.formats.plan import Machine
from modelwright.storage.state.database import State

SOURCES = {"source": ["data/*.csv", "more.csv"]}


OWN = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, arrays):
        return {"risk": self.body(arrays["income.value"].unsqueeze(-1))}

def build(inputs, outputs):
    return Small()
"""


def project(folder, **changes):
    file = folder / "modelwright.yaml"
    file.write_text(yaml.safe_dump(declared(data=SOURCES, **changes)))
    return Project(file)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a project that was run once; two files by a pattern, one by a link."""
    folder = tmp_path_factory.mktemp("rests")
    (folder / "data").mkdir()
    write_rows(folder / "data" / "a.csv", rows=500)
    write_rows(folder / "b.csv", rows=900)
    rows = (folder / "b.csv").read_text().splitlines(keepends=True)
    (folder / "b.csv").write_text("".join(rows[:1] + rows[501:]))
    (folder / "c.csv").write_text((folder / "b.csv").read_text())
    (folder / "more.csv").symlink_to("b.csv")
    assert project(folder).run().exit_code == 0
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """Return a copy of it, with a stamp of its own."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, symlinks=True)
    project(copy).run()
    assert has_nothing_to_do(copy)
    return copy


def has_nothing_to_do(folder):
    return last_run.read(folder / "modelwright.yaml", "release", ()) is not None


def test_a_new_file_that_matches_is_read(folder):
    (folder / "data" / "notes.txt").write_text("no match")
    assert has_nothing_to_do(folder)
    write_rows(folder / "data" / "z.csv", rows=5)
    assert not has_nothing_to_do(folder)
    assert statuses(project(folder).run(to="data"))["data"] == "done"


def test_code_of_the_project_that_changed_is_seen(tmp_path):
    """What `model.module` names is text that the plan's key holds; a run with nothing to do reads none of it."""
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data" / "a.csv", rows=300)
    shutil.copy(tmp_path / "data" / "a.csv", tmp_path / "more.csv")
    (tmp_path / "mine").mkdir()
    code, new = tmp_path / "mine" / "__init__.py", tmp_path / "mine" / "deep" / "new.py"
    code.write_text(OWN)
    declares = {"model": {"learner": "network", "module": "mine:build"}, "learn": {"epochs": 1}}
    assert project(tmp_path, **declares).run(to="learn").exit_code == 0

    def nothing_to_do():
        return last_run.read(tmp_path / "modelwright.yaml", "learn", ()) is not None

    assert nothing_to_do()
    new.parent.mkdir()
    new.write_text("SIZE = 4\n")
    assert not nothing_to_do()
    new.unlink()
    assert nothing_to_do()
    code.write_text(OWN.replace("8", "4"))
    assert not nothing_to_do()
    assert statuses(project(tmp_path, **declares).run(to="plan"))["plan"] == "done"


def test_code_of_the_project_is_watched_where_it_may_lie(tmp_path):
    """A module hides a package of the same name: one that is added later is another code."""
    assert places.of_own_code("mine.net:build", tmp_path).places == (tmp_path / "mine.py",)
    assert places.of_own_code(None, tmp_path) == Sources()


def test_a_link_that_points_elsewhere_is_seen(folder):
    (folder / "more.csv").unlink()
    (folder / "more.csv").symlink_to("c.csv")
    assert not has_nothing_to_do(folder)


def test_a_library_that_is_upgraded_is_seen(folder, tmp_path, monkeypatch):
    (tmp_path / "site" / "polars-999.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert not has_nothing_to_do(folder)
    why = {row.name: row.why for row in project(folder).check().stages}
    assert "polars" in why["plan"] or "polars" in why["learn"]


def test_another_language_prints_other_words(folder, monkeypatch):
    monkeypatch.setattr(catalog, "preferred", lambda environment: "zh")
    assert not has_nothing_to_do(folder)


def test_where_a_mirror_is_named_is_seen(folder, monkeypatch):
    monkeypatch.setenv("MODELWRIGHT_MIRROR", str(folder))
    assert not has_nothing_to_do(folder)


def test_code_that_changed_is_seen(folder, tmp_path, monkeypatch):
    """As when a developer edits the package that is installed in place."""
    copy = tmp_path / "code" / "modelwright"
    shutil.copytree(Path(modelwright.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    program = f"""
import sys
sys.path.insert(0, {str(copy.parent)!r})
from pathlib import Path
from modelwright import Project
from modelwright.project.loop import last_run

def nothing_to_do():
    return last_run.read(Path({str(folder / "modelwright.yaml")!r}), "release", ()) is not None

Project({str(folder)!r}).run()
before = nothing_to_do()
with Path({str(copy / "stages" / "plan" / "stage.py")!r}).open("a") as file:
    file.write("\\n# a word\\n")
print(before, nothing_to_do())
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "True False"


# -- the state -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}", "elsewhere.db"])
def test_a_rollback_in_a_database_elsewhere_is_seen(folder, tmp_path, form):
    state = form.format(tmp_path / "elsewhere.db")
    path = tmp_path / "elsewhere.db" if "{}" in form else folder / "elsewhere.db"
    first = project(folder, state=state).run()
    assert path.is_file()
    assert first.exit_code == 0
    project(folder, state=state).run()
    assert has_nothing_to_do(folder)
    State.open(path).note("someone", "key.changed", {})
    assert not has_nothing_to_do(folder)


def test_a_rollback_is_seen_by_the_next_run(folder):
    other = Project(folder / "modelwright.yaml", ["learn.seed=9"]).run()
    assert other.version == 2
    Project(folder / "modelwright.yaml", ["learn.seed=9"]).run()
    assert last_run.read(folder / "modelwright.yaml", "release", ["learn.seed=9"]) is not None
    project(folder).rollback()
    assert last_run.read(folder / "modelwright.yaml", "release", ["learn.seed=9"]) is None
    again = Project(folder / "modelwright.yaml", ["learn.seed=9"]).run()
    assert "version 1 is in production" in again.stages[-1].why


def test_a_run_that_rests_on_a_server_leaves_no_stamp(folder, monkeypatch):
    """To ask a server would need its driver, and a connection for every run with nothing to do."""
    monkeypatch.setattr(State, "file", property(lambda self: None))
    assert project(folder).run().exit_code == 0
    assert not has_nothing_to_do(folder)
    project(folder).run(to="package")
    assert last_run.read(folder / "modelwright.yaml", "package", ()) is not None, (
        "no row of the state was read"
    )


# -- another machine -----------------------------------------------------------------------------------------


@pytest.fixture(params=["cores", "instruction set"])
def elsewhere(request, monkeypatch):
    here = machine.cores(), machine.instruction_set()
    cores, instructions = (here[0] + 1, here[1]) if request.param == "cores" else (here[0], "another")
    monkeypatch.setattr(machine, "cores", lambda *_: cores)
    monkeypatch.setattr(machine, "instruction_set", lambda *_: instructions)
    monkeypatch.setattr(loop_context, "this_machine", lambda: Machine(cores, 8 * 10**9, instructions))


def test_on_another_machine_a_run_does_nothing_and_says_so(folder, elsewhere):
    assert not has_nothing_to_do(folder)
    before = Project(folder / "modelwright.yaml").versions()
    result = Project(folder / "modelwright.yaml").run()
    assert result.exit_code == 0
    assert set(statuses(result).values()) == {"cached"}
    assert any("run --replan" in line for line in (*result.notes, *result.next_steps))
    assert any("this machine has" in note for note in result.notes)
    assert Project(folder / "modelwright.yaml").versions() == before


def test_on_another_machine_nothing_is_made_evaluated_or_released(folder, elsewhere):
    shutil.rmtree(folder / ".modelwright" / "objects" / "package")
    result = Project(folder / "modelwright.yaml", ["release.allow_inconclusive=true"]).run()
    assert result.exit_code == 0
    assert statuses(result) == {"data": "cached", "plan": "cached", "learn": "cached"}
    assert result.version is None
    told = {row.name: (row.status, row.why) for row in Project(folder / "modelwright.yaml").check().stages}
    assert told["package"][0] == "would run"
    assert "this machine has" in told["package"][1]


def test_on_another_machine_a_replan_makes_a_plan_for_it(folder, elsewhere):
    result = Project(folder / "modelwright.yaml").run(to="plan", replan=True)
    why = {row.name: row.why for row in result.stages}
    assert why == {"data": "", "plan": "--replan"}
    assert not any("this machine has" in note for note in result.notes)
    again = Project(folder / "modelwright.yaml").run(to="plan")
    assert statuses(again)["plan"] == "cached"
    assert not any("this machine has" in note for note in again.notes)


def test_stated_threads_are_the_same_on_any_machine(folder, monkeypatch):
    Project(folder / "modelwright.yaml", ["learn.threads=1"]).run(to="plan")
    found = Machine(64, 8 * 10**9, machine.instruction_set())
    monkeypatch.setattr(loop_context, "this_machine", lambda: found)
    result = Project(folder / "modelwright.yaml", ["learn.threads=1"]).run(to="plan")
    assert not any("this machine has" in note for note in result.notes)


# -- evaluations ---------------------------------------------------------------------------------------------


def rows_of(folder, table):
    with sqlite3.connect(folder / ".modelwright" / "state.db") as database:
        found = database.execute(f"SELECT * FROM {table}").fetchall()
    database.close()
    return found


def test_check_after_a_package_registers_no_evaluation(folder):
    changed = ["learn.seed=5"]
    Project(folder / "modelwright.yaml", changed).run(to="package")
    before = rows_of(folder, "evaluations")
    report = Project(folder / "modelwright.yaml", changed).check()
    assert {row.name: row.status for row in report.stages}["evaluate"] == "would run"
    assert rows_of(folder, "evaluations") == before
    assert len(before) == 1
    Project(folder / "modelwright.yaml", changed).run(to="evaluate")
    assert len(rows_of(folder, "evaluations")) == 2
    Project(folder / "modelwright.yaml", changed).run(to="evaluate", start="evaluate")
    assert len(rows_of(folder, "evaluations")) == 2, "the same package is counted once"


def test_an_evaluation_that_was_killed_is_counted_once(folder, monkeypatch):
    """It may have shown what the test rows say, so it counts, and its package keeps the number."""
    from modelwright.stages.evaluate import stage

    def killed(*_, **__):
        assert len(rows_of(folder, "evaluations")) == 2, "it is counted before a test row is read"
        raise KeyboardInterrupt

    changed = ["learn.seed=6"]
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_read", killed)
        with pytest.raises(KeyboardInterrupt):
            Project(folder / "modelwright.yaml", changed).run(to="evaluate")
    assert len(rows_of(folder, "evaluations")) == 2
    assert statuses(Project(folder / "modelwright.yaml", changed).run(to="evaluate"))["evaluate"] == "done"
    assert len(rows_of(folder, "evaluations")) == 2


def test_an_evaluation_of_another_package_meanwhile_moves_the_number(folder, monkeypatch):
    from modelwright.project.loop import stage_table

    changed = ["learn.seed=7", "serve.threads=1", "serve.workers=2"]
    built = []

    def build(context):
        step = stage_table._evaluate(context)
        if not built:  # another run comes between building this step and running it
            context.state.register_evaluation(context.part("data", "test").digest, "other package")
        built.append(step.arguments["look"] if "look" in step.arguments else step.arguments["evaluation"])
        # it is timed as it serves
        assert (step.arguments["threads"], step.arguments["workers"]) == (1, 2)
        assert (step.config["serve.threads"], step.config["serve.workers"]) == (1, 2)
        return step

    monkeypatch.setitem(stage_table.TABLE, "evaluate", build)
    result = Project(folder / "modelwright.yaml", changed).run(to="evaluate")
    assert statuses(result)["evaluate"] == "done"
    assert built == [2, 3]
    assert sorted(row[2] for row in rows_of(folder, "evaluations")) == [1, 2, 3]


def test_evaluations_are_counted_again_where_the_state_was_lost(folder):
    (folder / ".modelwright" / "state.db").unlink()
    assert not has_nothing_to_do(folder)
    Project(folder / "modelwright.yaml").restore()
    result = Project(folder / "modelwright.yaml").run(to="evaluate")
    assert statuses(result)["evaluate"] == "cached"
    assert len(rows_of(folder, "evaluations")) == 1


# -- what is kept --------------------------------------------------------------------------------------------


def test_a_result_of_another_layout_is_not_kept(folder):
    objects = folder / ".modelwright" / "objects"
    sealed = next(objects.glob("plan/*/choice"))
    sealed.parent.chmod(0o755)
    text = sealed.parent / "artifact.json"
    text.chmod(0o644)
    text.write_text(text.read_text().replace('"choice', '"decision'))
    sealed.rename(sealed.with_name("decision"))
    result = Project(folder / "modelwright.yaml", ["learn.seed=8"]).run(to="plan", keep=["plan"])
    assert result.exit_code == 1
    assert result.problems[0].id in {"store.other-layout", "store.nothing-to-keep"}


def test_evidence_about_another_package_is_not_kept(folder):
    Project(folder / "modelwright.yaml", ["learn.seed=10"]).run(to="package")
    result = Project(folder / "modelwright.yaml", ["learn.seed=10"]).run(to="evaluate", keep=["evaluate"])
    assert [one.id for one in result.problems] == ["store.other-evidence"]
