"""Matching: what only a comparison of inputs can learn, one encoder for inputs of one form, in either order, padded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import Columns, examples, learn, right

from modelwright import kinds, learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.networks.network import Network
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, StartingPoint, starting_point

TEXTS = Signature.parse("same(one: text, other: text) -> same: boolean")
SHORT: Mapping[str, Mapping[str, object]] = {
    name: {"type": "words", "width": 32, "kernels": [2], "vocabulary": 300} for name in ("one", "other")
}


def _questions(rows: int, seed: int) -> Columns:
    """Return pairs of made-up Chinese questions that have the same characters, or all but two of them."""
    draws = np.random.default_rng(seed)
    alphabet = [chr(0x4E00 + place) for place in range(60)]
    found: Columns = {"one": [], "other": [], "same": []}
    for row in range(rows):
        one = draws.choice(alphabet, 6, replace=False).tolist()
        other = draws.permutation(one).tolist()
        if row % 2:
            left = [character for character in alphabet if character not in one]
            other[:2] = draws.choice(left, 2, replace=False).tolist()
        for name, value in (("one", "".join(one)), ("other", "".join(other)), ("same", not row % 2)):
            found[name].append(value)
    return found


@pytest.mark.parametrize(("combiner", "least", "most"), [("matching", 0.9, 1.0), ("concatenate", 0.3, 0.7)])
def test_only_matching_sees_what_two_texts_share(
    combiner: str, least: float, most: float, tmp_path: Path
) -> None:
    data, asked = (_questions(1000, 0), _questions(100, 1)), _questions(400, 2)
    learned = learn(TEXTS, data, tmp_path, 150, combiner=combiner, encoders=SHORT, width=32, dropout=0.0)
    logit = learners.learn("network").predict(learned, asked)["same"]["logit"]
    assert least <= float(np.mean((np.asarray(logit) > 0) == np.array(asked["same"]))) <= most
    if combiner == "matching":  # the graph that serves has the same answers
        assert least <= right(learned, asked)


def _begin(
    signature: Signature, columns: Columns, encoders: Mapping[str, Mapping[str, object]]
) -> StartingPoint:
    types = {Form.TOKENS: "words", Form.SERIES: "temporal", Form.CODE: "embedding"}
    design = Scratch(
        types, encoders, {"type": "concatenate", "width": 8}, {"width": 8, "layers": 1, "dropout": 0.0}
    )
    with deterministic(1, seed=0):
        return starting_point(
            signature, examples(columns), {}, scratch=replace(design, matching={"width": 8, "dropout": 0.0})
        )


def _matched(columns: Columns, encoders: Mapping[str, Mapping[str, object]]) -> Network:
    return _begin(TEXTS, columns, encoders).network


def test_texts_that_are_matched_share_an_encoder_and_a_tokenizer_and_others_do_not() -> None:
    columns = _questions(40, 0)
    shared = _matched(columns, SHORT)
    assert len(shared.encoders) == 1
    apart = _matched(columns, {**SHORT, "other": {**SHORT["other"], "width": 16}})
    assert len(apart.encoders) == 2


def test_what_two_texts_have_in_common_is_as_far_away_in_either_order() -> None:
    network = _matched(_questions(40, 0), SHORT)
    ids = torch.randint(2, 50, (3, 5), generator=torch.Generator().manual_seed(0))
    other = torch.randint(2, 50, (3, 7), generator=torch.Generator().manual_seed(1))
    assert network.matching is not None
    with torch.no_grad():
        network.eval()
        (_, left), (_, right) = (
            network.encoder(0).in_positions(one, torch.ones_like(one)) for one in (ids, other)
        )
        there, back = (network.matching(pair) for pair in ([left, right], [right, left]))
    total, difference, size = there.chunk(3, dim=-1)
    assert torch.allclose(torch.cat([total, -difference, size], dim=-1), back, atol=1e-6)


def test_a_pair_answers_alike_beside_a_longer_one() -> None:
    network = _matched(_questions(40, 0), SHORT)
    ids = torch.randint(2, 50, (2, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    arrays = {
        f"{name}.{array}": values
        for name in ("one", "other")
        for array, values in (("ids", ids * mask), ("mask", mask))
    }
    alone = {name: values[:1, :3] for name, values in arrays.items()}
    with torch.no_grad():
        network.eval()
        assert torch.allclose(network(arrays)["same"][:1], network(alone)["same"], atol=1e-6)


def test_matching_takes_inputs_of_any_form_and_a_missing_one() -> None:
    signature = Signature.parse("f(note: text, past: timeseries?, age: number) -> up: boolean")
    parse = kinds.value("timeseries").parse
    series = [parse([float(row), 1.0, 2.0]) if row % 3 else None for row in range(30)]
    columns: Columns = {
        "note": ["短 文"] * 30,
        "past": list(series),
        "age": [1.0] * 30,
        "up": [row % 2 == 0 for row in range(30)],
    }
    begin = _begin(signature, columns, {})
    rows = EncodedRows(signature, begin.states, columns)
    with torch.no_grad():
        begin.network.eval()
        answers = begin.network(rows.arrays(np.arange(4)))["up"]
    assert torch.isfinite(answers).all()


@pytest.mark.parametrize(
    ("signature", "named"),
    [
        ("f(note: text, age: number) -> up: boolean", "`note`"),
        ("f(age: number, of: category) -> up: boolean", "columns"),
    ],
)
def test_matching_one_input_is_refused(signature: str, named: str, tmp_path: Path) -> None:
    of = Signature.parse(signature)
    values: Columns = {"note": ["a", "b"], "age": [1.0, 2.0], "of": ["x", "y"], "up": [True, False]}
    data = {field.name: values[field.name] for field in (*of.inputs, *of.outputs)}
    with pytest.raises(ProjectError) as refused:
        learn(of, (data, data), tmp_path, 2, combiner="matching")
    assert [one.id for one in refused.value.problems] == ["model.nothing-to-match"]
    assert named in str(refused.value)
