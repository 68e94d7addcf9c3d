"""A student learns what its teacher answers, from truths and answers together, and refuses what cannot teach it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from students import GRADE, HELD, OTHER, TRAIN, function, problems

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.compressing import four_bits
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.distil import further_rows, teacher
from modelwright.learners.distil.taught import TEACHER, TaughtTask, truths_of
from modelwright.learners.exporting import int8
from modelwright.learners.networks.heads import ClassTask, FlagTask, ScalarTask, SetTask, Task
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine


def brought(package: Path, place: Path, **options: object) -> Path:
    place.mkdir(parents=True)
    bring = learners.bring("distil")
    assert bring is not None
    given = learners.spec("distil").Options.model_validate({"from": str(package), **options})
    assert not list(bring.problems(GRADE, given, place))
    bring.prepare(given, place, place)
    return place


def student(
    package: Path, place: Path, data: Rows, steps: int = 300, scratch: Path | None = None, **options: object
) -> Path:
    spec = learners.spec("distil")
    given = spec.Options.model_validate({"from": str(package), **options})
    files = brought(package, place / "brought", **options)
    setup = Setup("distil", steps, 32, 1, "float32", "avx2", 0, given, spec.Training(), {BROUGHT: files})
    (place / "out").mkdir()
    kept = scratch or place / "scratch"
    kept.mkdir(exist_ok=True)
    learners.learn("distil").learn(GRADE, data, setup, place / "out", kept, Silent())
    return place / "out"


def test_a_student_answers_as_its_teacher_where_the_truths_say_otherwise(
    package: Path, tmp_path: Path
) -> None:
    # truths at random: what the student knows it has from its teacher
    draw = np.random.default_rng(5)
    noise = {**TRAIN.columns, "grade": draw.permutation(TRAIN.columns["grade"]).tolist()}
    noise["price"] = draw.permutation(TRAIN.columns["price"]).tolist()
    learned = student(package, tmp_path, Rows(Examples(TRAIN.ids, noise), HELD), share=1.0)
    asked = {name: HELD.columns[name] for name in ("size", "colour")}
    theirs = Function(packages.read(package)).answer(asked)
    ours = function(learned).answer(asked)
    same = np.mean(
        [one["grade"].value == other["grade"].value for one, other in zip(ours, theirs, strict=True)]
    )
    assert same > 0.93
    gaps = [one["price"].value - other["price"].value for one, other in zip(ours, theirs, strict=True)]
    assert np.sqrt(np.mean(np.square(gaps))) < 1.0  # of a deviation of five


def test_a_students_batch_grows_and_its_learning_ends_where_validation_meets_the_goal(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    honest = TrainingRun.learn
    monkeypatch.setattr(
        TrainingRun, "learn", lambda run, rows, batch: (sizes.append(len(batch)), honest(run, rows, batch))[1]
    )
    spec = learners.spec("distil")
    training = spec.Training.model_validate({"growth": {"at": [0.05]}, "stop_at": "grade.accuracy >= 0.6"})
    options = spec.Options.model_validate({"from": str(package)})
    files = brought(package, tmp_path / "brought")
    setup = Setup("distil", 400, 32, 1, "float32", "avx2", 0, options, training, {BROUGHT: files})
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    summary = learners.learn("distil").learn(
        GRADE, Rows(TRAIN, HELD), setup, tmp_path / "out", tmp_path / "scratch", Silent()
    )
    (notice,) = summary["warnings"]  # type: ignore[misc]
    assert notice["id"] == "learn.goal-reached"
    assert 20 < len(sizes) < 400
    assert (max(sizes[:20]), max(sizes[20:])) == (32, 64)


def test_the_same_bytes_again_also_after_an_end_in_the_middle(package: Path, tmp_path: Path) -> None:
    data = Rows(TRAIN, HELD)
    first = student(package, tmp_path / "one", data, steps=40)
    assert digests.of_folder(first) == digests.of_folder(student(package, tmp_path / "two", data, steps=40))
    # the answers that a killed run had from its teacher are taken up
    kept = tmp_path / "kept"
    shutil.copytree(tmp_path / "one" / "scratch", kept)
    for file in kept.glob("*.safetensors"):
        if file.name != "teacher.safetensors":
            file.unlink()
    assert digests.of_folder(first) == digests.of_folder(
        student(package, tmp_path / "three", data, steps=40, scratch=kept)
    )


def test_rows_without_labels_are_learned_from_and_counted(package: Path, tmp_path: Path) -> None:
    rows = tmp_path / "more.jsonl"
    lines = [json.dumps({"size": 1.5, "colour": "red"}), json.dumps({"size": "a lot", "colour": "red"})]
    rows.write_text("\n".join(lines), encoding="utf-8")
    teaching = teacher.read(brought(package, tmp_path / "brought", unlabelled=str(rows)), 1)
    columns, (notice,) = teaching.unlabelled()
    assert columns == {"size": [1.5], "colour": ["red"]}
    assert notice.values["count"] == 1
    student(package, tmp_path / "student", Rows(TRAIN, HELD), steps=2, unlabelled=str(rows), variants=0)


def test_what_cannot_teach_is_refused(package: Path, tmp_path: Path) -> None:
    assert problems(GRADE, tmp_path) == "distil.no-teacher"
    assert problems(GRADE, tmp_path, **{"from": "nowhere"}) == "distil.no-package"
    assert problems(OTHER, tmp_path, **{"from": str(package)}) == "distil.other-signature"
    assert problems(GRADE, tmp_path, **{"from": str(package), "unlabelled": "no.csv"}) == "distil.no-rows"
    (tmp_path / "rows.txt").write_text("1")
    assert problems(GRADE, tmp_path, **{"from": str(package), "unlabelled": "rows.txt"}) == "distil.no-rows"
    damaged = shutil.copytree(package, tmp_path / "damaged")
    (graph,) = damaged.rglob("*.onnx")
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    assert problems(GRADE, tmp_path, **{"from": str(damaged)}) == "package.altered-file"
    assert problems(GRADE, tmp_path, **{"from": str(package)}) == ""


TASKS: list[tuple[Task, torch.Tensor, dict[str, torch.Tensor]]] = [
    (ClassTask(3), torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]]), {"index": torch.tensor([0, -1])}),
    (FlagTask(None), torch.tensor([2.0, -1.0]), {"index": torch.tensor([1, -1])}),
    (ScalarTask(None), torch.tensor([0.5, 2.0]), {"value": torch.tensor([0.7, float("nan")])}),
    (
        SetTask(2),
        torch.tensor([[1.0, -2.0], [0.0, 3.0]]),
        {"members": torch.tensor([[1.0, 0.0], [float("nan")] * 2])},
    ),
]


@pytest.mark.parametrize(("task", "answers", "truths"), TASKS, ids=lambda one: type(one).__name__)
def test_the_loss_is_least_where_the_student_answers_as_the_teacher(
    task: Task, answers: torch.Tensor, truths: dict[str, torch.Tensor]
) -> None:
    taught = TaughtTask(task, share=1.0, temperature=3.0)
    same = answers.clone().requires_grad_(True)
    loss = taught.loss(same, {**truths, TEACHER: answers}, 0.0)
    assert loss.detach() == pytest.approx(torch.zeros(2), abs=1e-6)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert same.grad is not None
    assert float(same.grad.abs().max()) < 1e-5
    assert (taught.loss(answers + torch.randn_like(answers), {**truths, TEACHER: answers}, 0.0) > 0).all()


@pytest.mark.parametrize(("task", "answers", "truths"), TASKS, ids=lambda one: type(one).__name__)
def test_a_row_without_a_truth_is_learned_from_the_teacher_alone(
    task: Task, answers: torch.Tensor, truths: dict[str, torch.Tensor]
) -> None:
    taught = TaughtTask(task, share=0.4, temperature=1.0)
    other = answers + 1.5 * torch.arange(answers.numel()).reshape(answers.shape)
    both = {**truths, TEACHER: other}
    assert taught.known(both).tolist() == [True, True]
    assert task.known(truths).tolist() == [True, False]
    soft = TaughtTask(task, share=1.0, temperature=1.0).loss(answers, both, 0.0)
    hard = task.loss(answers[:1], {name: values[:1] for name, values in truths.items()}, 0.0)
    found = taught.loss(answers, both, 0.0)
    assert float(found[0]) == pytest.approx(0.6 * float(hard[0]) + 0.4 * float(soft[0]), rel=1e-5)
    assert float(found[1]) == pytest.approx(float(soft[1]), rel=1e-5)


def test_truths_are_filled_up_with_none() -> None:
    found = truths_of(
        {"index": torch.tensor([1]), "value": torch.tensor([2.0])}, np.zeros((3, 2), np.float32)
    )
    assert found["index"].tolist() == [1, -1, -1]
    assert torch.isnan(found["value"][1:]).all()
    assert found[TEACHER].shape == (3, 2)


def test_variants_are_near_their_rows_and_the_same_again() -> None:
    signature = Signature.parse("f(text: text, n: number) -> y: boolean")
    columns = {"text": ["one two three four five six", "word", None, "a b c d"], "n": [1.0, 2.0, 3.0, 4.0]}
    made = further_rows.variants(signature, columns, 3, seed=1)
    assert made == further_rows.variants(signature, columns, 3, seed=1)
    assert made != further_rows.variants(signature, columns, 3, seed=2)
    assert {name: len(column) for name, column in made.items()} == {"text": 12, "n": 12}
    words = {word for text in columns["text"] if text for word in text.split()}
    assert {word for text in made["text"] if isinstance(text, str) for word in text.split()} <= words
    assert set(made["n"]) <= {1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize("form", ["exact", "int8", "int4"])
def test_word_vectors_are_what_the_teachers_graph_looks_up(form: str) -> None:
    table = np.random.default_rng(0).normal(size=(300, 512)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "text.ids"], ["x"]),
            helper.make_node("ReduceSum", ["x", "axis"], ["y.value"], keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("text.ids", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("y.value", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1, 2]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if form == "int4":
        assert four_bits.store(model, 32, "tables")
    body = Body(
        Signature.parse("f(text: text) -> y: number"), "once", {"model": model.SerializeToString()}, {}
    )
    if form == "int8":
        small = int8.compress(body)
        assert small is not None
        body = small
    found = teacher.word_vectors(teacher.Teacher(Package(body, "", 1), None, Path()), "text", 300)  # type: ignore[arg-type]
    assert found is not None
    assert found.shape == table.shape
    bound = {"exact": 1e-6, "int8": 0.02, "int4": 0.6}[form]
    assert np.abs(found - table).max() <= bound
    assert onnx.load_from_string(body.graphs["model"]).graph.output[0].name == "y.value"  # type: ignore[arg-type]


def forecast(
    package: Path, place: Path, columns: dict[str, list[object]], budget_s: float
) -> dict[str, Notice]:
    spec = learners.spec("distil")
    given = spec.Options.model_validate({"from": str(package), "variants": 0})
    estimate = learners.learn("distil").forecast(
        GRADE,
        Rows(Examples(TRAIN.ids, columns), HELD),
        given,
        spec.Training(),
        {BROUGHT: brought(package, place / "brought")},
        Machine(1, 2**34, "avx2"),
        budget_s,
    )
    return {one.id: one for one in estimate.warnings}


def test_a_class_that_the_teacher_does_not_know_is_said(package: Path, tmp_path: Path) -> None:
    columns = {**TRAIN.columns, "grade": ["huge", *TRAIN.columns["grade"][1:]]}
    found = forecast(package, tmp_path, columns, 60.0)
    assert found["distil.unknown-truths"].values["count"] == 1
    assert "distil.slow-teacher" not in found


def test_a_teacher_that_leaves_no_time_to_learn_is_said(package: Path, tmp_path: Path) -> None:
    found = forecast(package, tmp_path, dict(TRAIN.columns), 1e-3)
    assert found["distil.slow-teacher"].values["share"] > 0.4
    assert "budget" in str(found["distil.slow-teacher"])
