"""What a requirement or a setting names and nobody knows is named with its line and what it was near to."""

from __future__ import annotations

import random

import pytest

from modelwright.core.messages import ProjectError, UserError
from modelwright.project.facade import Project

FUNCTION = "f(x: number, branch: category) -> y: category"
OPEN = '{name: f, inputs: "*", outputs: {y: category}}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng, path = random.Random(0), tmp_path_factory.mktemp("named")
    rows = [
        f"{rng.random():.4f},{rng.randint(1, 3)},{rng.choice(['monthly', 'yearly'])},{rng.choice(['up', 'down'])},"
        f"{rng.choice(['18', '40', 'n/a'])},{row}"
        for row in range(300)
    ]
    (path / "d.csv").write_text("\n".join(["x,branch,contract,y,age,row", *rows]))
    return path


def found(folder, requirement, *, function=FUNCTION, keep="[contract, age]", data=""):
    """Return what `check` says of a project with this requirement on line 5."""
    lower = requirement in ("mae", "rmse")
    (folder / "modelwright.yaml").write_text(
        f"function: {function if function.startswith('{') else repr(function)}\n"
        f"data: {{source: d.csv, keep: {keep}{data}}}\n"
        'requirements:\n  size: "<= 1 GB"\n'
        f'  "{requirement}": "{"<=" if lower else ">="} 0.1"\n'
    )
    return Project(folder).check()


@pytest.mark.parametrize(
    ("requirement", "id_", "next_"),
    [
        ("accuracy where contrct == 'monthly'", "slice.unknown-column", "did you mean `contract`?"),
        ("accuracy where brnch  !=  2", "slice.unknown-column", "did you mean `branch`?"),
        ("accuracy where contract=='montly'", "slice.unknown-value", "did you mean `monthly`?"),
        ("accuracy where contract in ['yearly', 'yeerly']", "slice.unknown-value", "did you mean `yearly`?"),
        ("accuracy where y != 'upp'", "slice.unknown-value", "did you mean `up`?"),
        ("accuracy where branch != 4", "slice.unknown-value", "name one of `1`, `2`, `3`"),
        ("accuracy where x != 'a'", "slice.literal", "name a value that `x` can have"),
        ("accuracy where contract != 3", "slice.no-such-cell", "write `'3'`"),
        ("acuracy where x > 0", "requirement.unknown-metric", "did you mean `accuracy`?"),
        ("recall[upp]", "requirement.unknown-class", "did you mean `up`?"),
        ("z.accuracy", "requirement.output", "choose one of `y`"),
    ],
)
def test_a_name_that_nobody_knows_has_its_line(folder, requirement, id_, next_):
    with pytest.raises(ProjectError) as caught:
        found(folder, requirement)
    (problem,) = caught.value.problems
    assert (problem.id, problem.where, problem.next_step) == (id_, "modelwright.yaml:5", next_)


def test_open_inputs_are_known_once_there_is_data(folder):
    with pytest.raises(ProjectError) as caught:
        found(folder, "accuracy where brnch == 1", function=OPEN)
    (problem,) = caught.value.problems
    assert (problem.where, problem.next_step) == ("modelwright.yaml:5", "did you mean `branch`?")
    assert found(folder, "accuracy where x > 0.5", function=OPEN).proofs


@pytest.mark.parametrize(
    "data", [", untested: [upp]", ", split: {classes: {upp: {train: 50, validation: 20, test: 30}}}"]
)
def test_a_class_in_a_setting_has_its_line(folder, data):
    with pytest.raises(UserError) as caught:
        found(folder, "f1", data=data)
    (problem,) = caught.value.problems
    assert (problem.where, problem.next_step) == ("modelwright.yaml:2", "did you mean `up`?")


def test_rows_that_a_slice_cannot_judge_are_counted(folder):
    report = found(folder, "accuracy where age >= 20")
    (proof,) = [one for one in report.proofs if "where" in one.requirement]
    assert proof.n > 0
    assert proof.unjudged > 0
    assert f"{proof.unjudged} more rows" in proof.says
    (warning,) = [one for one in report.warnings if one.id == "slice.unjudged"]
    assert (warning.column, warning.count) == ("age", proof.unjudged)


def test_a_slice_without_rows_proves_nothing(folder):
    (proof,) = [one for one in found(folder, "accuracy where x > 7").proofs if "where" in one.requirement]
    assert (proof.n, proof.provable) == (0, False)


RANGED = "{name: f, inputs: {row: number}, outputs: {x: {kind: number, range: [%s]}}}"


def test_a_truth_outside_of_the_declared_range_is_refused_and_counted(folder):
    with pytest.raises(UserError) as caught:
        found(folder, "mae", function=RANGED % "0, 0.5", keep="[contract]")
    (problem,) = caught.value.problems
    assert problem.id == "data.invalid-value"
    assert "must lie in the declared range, 0 to 0.5" in str(problem)
    report = found(folder, "rmse", function=RANGED % "0, 0.5", keep="[contract]", data=", invalid: drop")
    assert sum(report.rows.values()) < 200
    assert found(folder, "r2", function=RANGED % "0, 1", keep="[contract]").signature.endswith("number[0..1]")


@pytest.mark.parametrize("within", ["1, 0", "0", "0, 1, 2", "0, yes", "0, .inf"])
def test_what_is_no_range_has_its_line(folder, within):
    with pytest.raises(ProjectError) as caught:
        found(folder, "mae", function=RANGED % within, keep="[contract]")
    assert {problem.where for problem in caught.value.problems} == {"modelwright.yaml:1"}


def test_check_says_that_few_rows_prove_no_mean_without_a_range(folder):
    def proof(within):
        function = RANGED % within if within else RANGED.replace("{kind: number, range: [%s]}", "number")
        return found(folder, "mae", function=function, keep="[contract]").proofs[-1]

    assert (proof(None).provable, proof(None).needed) == (
        False,
        306,
    )  # at the confidence of the first evaluation
    assert "306 rows, or a declared range" in proof(None).says
    assert proof("0, 1").provable is None


def test_costs_of_a_class_that_no_row_shows_have_their_line(folder):
    (folder / "modelwright.yaml").write_text(
        f"function: {FUNCTION!r}\ndata: {{source: d.csv}}\ncosts:\n  y:\n    upp: 5\n    down: 1\n"
    )
    with pytest.raises(ProjectError) as caught:
        Project(folder).check()
    problems = caught.value.problems
    assert [(one.id, one.where) for one in problems] == [
        ("costs.unknown-class", "modelwright.yaml:5"),
        ("costs.missing", "modelwright.yaml:4"),
    ]
    assert problems[0].next_step == "write `up`"
