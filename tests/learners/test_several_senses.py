"""Parts that are learned together: what each answers by itself, what is left out, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from modelwright import kinds, learners
from modelwright.core.json_types import JsonObject
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import AveragingKeys
from modelwright.learners.descent.recipe import Recipe, Score
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.exporting.network_graph import is_head_weight
from modelwright.learners.network import learn as network_learn
from modelwright.learners.networks import forms
from modelwright.learners.networks import network as network_module
from modelwright.learners.training import learned_folder
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.package.content import whole
from modelwright.package.graphs import open_session
from modelwright.storage.formats.examples import Examples

RECIPE = Recipe(1e-2, 1e-2, 1.0, 0.0, 0.0, 0.0, {}, averaging=AveragingKeys(decay=0.9), noisy=True)
SENSES = Signature.parse("f(a: timeseries?, b: timeseries, n: number) -> up: boolean, y: number")
EVERY = np.arange(40)
Columns = dict[str, list[object]]


def _columns(rows: int, seed: int = 0) -> Columns:
    """Return windows of which `a` says the answer, and `b` and `n` nothing."""
    draw = np.random.default_rng(seed)
    parse = kinds.value("timeseries").parse
    up = [bool(row % 2) for row in range(rows)]
    return {
        "a": [parse((np.linspace(-1, 1, 8) * (1 if one else -1)).tolist()) for one in up],
        "b": [parse(draw.normal(size=8).tolist()) for _ in up],
        "n": draw.normal(size=rows).tolist(),
        "up": list(up),
        "y": [float(one) for one in up],
    }


def _run(
    signature: Signature = SENSES,
    matching: JsonObject | None = None,
    *,
    alone: bool = False,
    **of_recipe: object,
) -> tuple[EncodedRows, TrainingRun]:
    columns = _columns(len(EVERY))
    columns = {field.name: columns[field.name] for field in (*signature.inputs, *signature.outputs)}
    examples = Examples([str(row) for row in EVERY], columns)
    design = Scratch(columns={"width": 4, "layers": 1, "dropout": 0.0}, matching=matching, alone=alone)
    begin = starting_point(signature, examples, {}, {}, design)
    recipe = replace(RECIPE, **of_recipe)  # type: ignore[arg-type]
    return EncodedRows(signature, begin.states, columns), TrainingRun(begin.network, recipe, 80, 40, 0)


@pytest.mark.parametrize("auxiliary", [0.0, 0.5])
def test_a_part_that_the_answers_do_not_read_learns_by_itself(auxiliary: float) -> None:
    rows, run = _run(auxiliary=auxiliary)
    network = run.network
    begin, width = network.part_widths[0] + network.part_widths[1], network.part_widths[2]
    with torch.no_grad():
        for head in network.tasks().values():
            head.linear.weight[:, begin : begin + width] = (
                0  # of `b`, the third part behind the columns and `a`
            )
    run.batch_loss.of(rows, EVERY, run.moment()).backward()
    assert network.part_inputs == (("n",), ("a",), ("b",))
    gradients = [weight.grad for weight in network.encoder(network.plan.inputs["b"]).parameters()]
    learns = any(found is not None and bool(found.abs().sum() > 0) for found in gradients)
    assert learns == bool(auxiliary)


def test_one_part_needs_no_heads_of_its_own() -> None:
    one = Signature.parse("f(a: timeseries) -> up: boolean")
    assert _run(one, auxiliary=0.5)[1].auxiliary is None
    own, other = _run(auxiliary=0.5)[1].auxiliary, _run(auxiliary=0.5)[1].auxiliary
    assert own is not None
    assert other is not None
    drawn = zip(own.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in drawn), "what they are drawn from is the seed"


OF_ONE = "f(a: timeseries?) -> up: boolean"
OF_TWO = "f(a: timeseries?, b: timeseries?) -> up: boolean"
OF_THREE = "f(a: timeseries?, b: timeseries?, n: number) -> up: boolean"


@pytest.mark.parametrize(("function", "least", "most"), [(OF_ONE, 1, 1), (OF_TWO, 1, 1), (OF_THREE, 1, 2)])
def test_of_every_row_some_input_is_left_out_and_never_every_part(
    function: str, least: int, most: int
) -> None:
    rows, run = _run(Signature.parse(function), omitted=0.2, left_out=0.2)
    out = run.batch_loss._left_out(len(run.network.part_widths), len(EVERY), run.moment())
    counts = torch.stack(list(out.values())).sum(dim=0)
    assert int(counts.min()) == least
    assert int(counts.max()) == most
    assert all(bool(one.any()) for one in out.values()), "each is left out of some rows"
    again = run.batch_loss._left_out(len(run.network.part_widths), len(EVERY), run.moment())
    assert all(torch.equal(out[name], again[name]) for name in out), "a step draws the same again"
    run.step += 1
    if least < most or len(out) > 1:
        other = run.batch_loss._left_out(len(run.network.part_widths), len(EVERY), run.moment())
        assert any(not torch.equal(out[name], other[name]) for name in out)
    # the encoders read every value, so that their normalisations see no blanks
    exact, given = rows.arrays(EVERY), run.batch_loss._arrays(rows, EVERY, run.moment())
    assert all(torch.equal(exact[name], given[name]) for name in exact)


def test_a_form_is_left_out_where_a_vector_can_stand_for_it() -> None:
    assert set(network_module._ABSENT) == forms.SPARED


@pytest.mark.parametrize("matching", [None, {"width": 8, "dropout": 0.0}])
def test_what_is_left_out_is_as_if_it_were_missing(matching: JsonObject | None) -> None:
    rows, run = _run(matching=matching)
    network = run.network.eval()
    with torch.no_grad():
        network.absent["0"].fill_(3.0)
        missing = EncodedRows(rows.signature, rows.states, {**rows.columns, "a": [None] * len(EVERY)})
        wanted = network.features(missing.arrays(EVERY))
        out = torch.from_numpy(EVERY % 2 == 0)
        found = network.combined(network.without(network.read(rows.arrays(EVERY)), {"a": out}))
        exact = network.features(rows.arrays(EVERY))
    assert torch.allclose(found[out], wanted[out], atol=1e-6)
    assert torch.allclose(found[~out], exact[~out], atol=1e-6)


def test_validation_tells_how_each_part_answers_by_itself() -> None:
    rows, run = _run(auxiliary=0.5)
    for _ in range(60):
        run.learn(rows, EVERY)
    run.evaluate(rows)
    (score,) = run.history
    assert len(score.alone) == len(run.network.part_inputs)
    wrong = {names: wrong for (wrong, _), names in zip(score.alone, run.network.part_inputs, strict=True)}
    assert wrong["a",] == min(wrong.values())
    assert all(margin >= 0 for _, margin in score.alone)
    assert Score.of(asdict(score)) == score
    assert Score.of({"step": 1, "wrong": 0.5, "loss": 1.0}) == Score(1, 0.5, 1.0), (
        "as earlier versions kept it"
    )


@pytest.mark.parametrize(
    ("alone", "said"),
    [
        (((0.3, 0.05), (0.1, 0.05)), "b, c"),
        (((0.04, 0.05), (0.1, 0.05)), "a"),
        (((0.3, 0.05), (0.17, 0.05)), None),  # within chance
        (((0.3, 0.05), (0.2, 0.0)), None),
        ((), None),
    ],
)
def test_a_part_that_answers_better_alone_is_said(
    alone: tuple[tuple[float, float], ...], said: str | None
) -> None:
    found = list(network_learn._better_alone(Score(5, 0.2, 0.4, alone), [("a",), ("b", "c")]))
    assert [one.values["column"] for one in found] == ([said] if said else [])
    assert all("learn.budget" in one.next_step for one in found)


def _learned(signature: Signature, folder: Path, **options: object) -> Path:
    columns = _columns(60)
    named = [field.name for field in (*signature.inputs, *signature.outputs)]
    examples = Examples([str(row) for row in range(60)], {name: columns[name] for name in named})
    spec = learners.spec("network")
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True)
    setup = Setup("network", 4, 16, 1, "float32", "avx2", 0, spec.Options(**options), spec.Training(), {})
    summary = learners.learn("network").learn(
        signature, Rows(examples, examples), setup, folder / "out", folder / "scratch", Silent()
    )
    assert "warnings" in summary
    return folder / "out"


@pytest.mark.parametrize(("optional", "kept"), [("", False), ("?", True)])
def test_heads_of_parts_are_kept_where_one_may_be_all_that_is_left(
    optional: str, kept: bool, tmp_path: Path
) -> None:
    signature = Signature.parse(
        f"f(a: timeseries{optional}, b: timeseries, n: number) -> up: boolean, y: number"
    )
    weights = {
        auxiliary: load_file(
            _learned(signature, tmp_path / str(auxiliary), auxiliary=auxiliary) / "weights.safetensors"
        )
        for auxiliary in (0.0, 0.5)
    }
    assert (set(weights[0.0]) != set(weights[0.5])) == kept
    assert any(name.startswith("alone.") for name in weights[0.5]) == kept


def _without(rows: EncodedRows, *missing: str) -> dict[str, torch.Tensor]:
    nothing = {name: [None] * len(EVERY) for name in missing}
    return EncodedRows(rows.signature, rows.states, {**rows.columns, **nothing}).arrays(EVERY)


MAY = "f(a: timeseries?, b: timeseries?, n: number) -> up: boolean, y: number"


@pytest.mark.parametrize(
    ("function", "missing", "place"),
    [
        (OF_TWO, ("a",), 1),
        (OF_TWO, ("b",), 0),
        (OF_TWO, (), None),
        ("f(a: timeseries?, b: timeseries) -> up: boolean", ("a",), 1),
        (MAY, ("a",), None),
        (MAY, ("a", "b"), 0),
    ],
)
def test_a_part_that_is_left_answers_by_itself(
    function: str, missing: tuple[str, ...], place: int | None
) -> None:
    rows, run = _run(Signature.parse(function), alone=True, auxiliary=4.0)
    network = run.network.eval()
    arrays = _without(rows, *missing)
    with torch.no_grad():
        found, parts = network(arrays), network.read(arrays)
        wanted = network.answer(network.combined(parts))
        if place is not None:
            assert network.alone is not None
            together, wanted = wanted, network.alone(parts.features)[place]
            assert not any(torch.equal(wanted[name], together[name]) for name in wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_of_several_rows_each_is_answered_by_what_it_has() -> None:
    rows, run = _run(Signature.parse(OF_TWO), alone=True)
    columns = {
        **rows.columns,
        "a": [None if row % 3 == 0 else one for row, one in enumerate(rows.columns["a"])],
    }
    mixed = EncodedRows(rows.signature, rows.states, columns).arrays(EVERY)
    network, out = run.network.eval(), torch.from_numpy(EVERY % 3 == 0)
    with torch.no_grad():
        found, whole, half = network(mixed), network(rows.arrays(EVERY)), network(_without(rows, "a"))
    for name, values in found.items():
        torch.testing.assert_close(values[out], half[name][out])
        torch.testing.assert_close(values[~out], whole[name][~out])


@pytest.mark.parametrize(("function", "most"), [(OF_TWO, 0), (OF_THREE, 1), (OF_ONE, 0)])
def test_where_one_that_is_left_answers_by_itself_no_fewer_than_two_are_left(
    function: str, most: int
) -> None:
    rows, run = _run(Signature.parse(function), alone=True, left_out=0.3)
    assert run.batch_loss._most_left_out(len(run.network.part_widths)) == most
    if most:
        out = run.batch_loss._left_out(len(run.network.part_widths), len(EVERY), run.moment())
        assert int(torch.stack(list(out.values())).sum(dim=0).max()) == most
    assert torch.isfinite(run.batch_loss.of(rows, EVERY, run.moment()))


def test_the_package_answers_what_is_left_as_the_network_does(tmp_path: Path) -> None:
    signature = Signature.parse(OF_TWO)
    out = _learned(signature, tmp_path)
    columns = _columns(6)
    asked = {"a": [None, *columns["a"][1:]], "b": [*columns["b"][:5], None]}
    read = learned_folder.read(out)
    arrays = EncodedRows(signature, read.states, {**asked, "up": columns["up"]}).arrays(np.arange(6))
    with torch.no_grad():
        wanted = read.network.eval()(arrays)["up"]
    body = learners.export("network").export(out)
    session = open_session(whole(body.graphs["model"]), 1, "model")
    (found,) = session.run(["up.logit"], {name: values.numpy() for name, values in arrays.items()})
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)
    names = [one.name for one in onnx.load_from_string(whole(body.graphs["model"])).graph.initializer]
    assert sum(map(is_head_weight, names)) == 3, (
        "of both parts together, and of each: 8 bits fit all of them again"
    )
