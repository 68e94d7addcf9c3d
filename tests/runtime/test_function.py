"""The loaded function: how it is called, what it refuses, and that batches change nothing."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_serving import linear_body, sealed

from modelwright.core.messages import PackageError, RequestError
from modelwright.package.body import Body
from modelwright.runtime.batching import MOST_PADDED, ROW_SIZE, batches
from modelwright.runtime.function import Function, load


@pytest.fixture(scope="module")
def measure(packages: dict[str, Path]) -> Function:
    """Return the linear function."""
    return load(packages["linear"])


def test_it_is_called_like_any_function(measure: Function) -> None:
    one = measure(6.0)
    assert one == measure(height=6.0) == measure(6.0, None) == measure(6, width=None)
    assert one.size == "small"
    assert one.confidence == one.outputs["size"].confidence > 0.9
    assert measure(14.0).size == "large"


def test_it_reads_well_in_a_notebook(measure: Function, packages: dict[str, Path]) -> None:
    assert repr(measure(6.0)) == "Prediction(size='small', confidence=1.00)"
    assert repr(measure).startswith(
        "<Function measure(height: number, width: number?) -> size: category; package "
    )
    assert list(inspect.signature(measure).parameters) == ["height", "width"]
    assert "size" in dir(measure(6.0))
    assert measure(6.0).as_json() == {"size": {"value": "small", "confidence": measure(6.0).confidence}}
    with pytest.raises(AttributeError, match="the outputs are size"):
        _ = measure(6.0).colour


@pytest.mark.parametrize(
    ("values", "named", "problem", "words"),
    [
        ((), {}, "request.missing-input", "`height`"),
        ((None,), {}, "request.missing-input", "`height`"),
        ((1.0,), {"hight": 2.0}, "request.unknown-input", "`hight`"),
        ((), {"hieght": 2.0}, "request.unknown-input", "did you mean `height`"),
        (("3",), {}, "request.wrong-value", "the text '3'"),
        ((True,), {}, "request.wrong-value", "is true"),
        ((float("nan"),), {}, "request.missing-input", "`height`"),  # as in a file
        ((float("inf"),), {}, "request.wrong-value", "finite"),
        ((1.0, 2.0, 3.0), {}, "request.too-many-inputs", "3 values"),
        ((1.0,), {"height": 2.0}, "request.too-many-inputs", "`height` is given twice"),
    ],
)
def test_wrong_inputs_are_told(
    measure: Function, values: tuple, named: dict, problem: str, words: str
) -> None:
    with pytest.raises(RequestError) as error:
        measure(*values, **named)
    assert error.value.problems[0].id == problem
    assert words in str(error.value)


def test_a_bad_row_among_many_is_named(measure: Function) -> None:
    with pytest.raises(RequestError, match="row 2"):
        measure.predict([{"height": 1.0}, {"height": "x"}])


def test_lenient_reads_a_tables_cells(measure: Function) -> None:
    assert measure.predict([{"height": " 6 ", "width": ""}], lenient=True) == [measure(6.0)]


def test_no_rows_give_no_answers(measure: Function) -> None:
    assert measure.predict([]) == []
    assert measure.infer({"height": [], "width": []})["size"]["logits"].shape == (0, 3)


def test_batches_keep_the_order_and_change_no_answer(packages: dict[str, Path]) -> None:
    ask = load(packages["text"])
    words = [
        "dental",
        "cover car",
        "does my plan cover dental",
        "",
        "new car insure my plan does cover",
        "zebra",
    ]
    rows = [{"question": " ".join(words[: i % 6 + 1])} for i in range(101)]
    together = ask.predict(rows, batch=7)
    for row, prediction in zip(rows, together, strict=True):
        alone = ask(**row)
        assert alone.size == prediction.size
        assert alone.confidence == pytest.approx(prediction.confidence, abs=1e-6)


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 20))
def test_every_row_is_in_one_batch_of_rows_of_its_length(lengths: list[int], most: int) -> None:
    cut = batches(np.array(lengths, dtype=np.int64), most)
    assert sorted(row for batch in cut for row in batch.tolist()) == list(range(len(lengths)))
    for batch in cut:
        assert 1 <= len(batch) <= most
        work = [lengths[row] + ROW_SIZE for row in batch]
        assert len(work) * max(work) <= MOST_PADDED * sum(work)


def test_rows_of_one_length_share_fullbatches() -> None:
    assert [len(batch) for batch in batches(np.zeros(70, dtype=np.int64), 32)] == [32, 32, 6]


def test_infer_gives_the_raw_arrays_in_order(measure: Function) -> None:
    heights = [float(h) for h in range(100)]
    logits = measure.infer({"height": heights, "width": [None] * 100}, batch=9)["size"]["logits"]
    expected = -4 * (np.array(heights) - 10) / 2
    assert logits.shape == (100, 3)
    np.testing.assert_allclose(logits[:, 0], expected, rtol=1e-5)


def test_a_graph_with_other_arrays_is_refused(tmp_path: Path) -> None:
    body = linear_body()
    other = linear_body().graphs["model"].replace(b"size.logits", b"size.logitz")
    folder = sealed(Body(body.signature, "once", {"model": other}, body.states), tmp_path / "p")
    with pytest.raises(PackageError) as error:
        load(folder)
    assert error.value.problems[0].id == "package.graph-arrays"


def test_more_than_one_graph_is_refused_by_once(tmp_path: Path) -> None:
    body = linear_body()
    graphs = {"model": body.graphs["model"], "second": body.graphs["model"]}
    folder = sealed(Body(body.signature, "once", graphs, body.states), tmp_path / "p")
    with pytest.raises(PackageError) as error:
        load(folder)
    assert error.value.problems[0].id == "package.wrong-graphs"


def test_texts_of_unlike_lengths_in_one_batch_keep_their_order(packages: dict[str, Path]) -> None:
    function = load(packages["text"])
    texts = ["my new car plan", "my car new plan", "does my new plan cover dental insure", "my car plan"]
    assert len(batches(np.array([40, 39, 41]), 32)) == 1  # one batch, put in order of length
    together = function.infer({"question": texts})["size"]["logits"]
    alone = np.concatenate([function.infer({"question": [one]})["size"]["logits"] for one in texts])
    assert np.allclose(together, alone, atol=1e-5)
    turned = function.infer({"question": texts[::-1]})["size"]["logits"]
    assert np.allclose(turned[::-1], alone, atol=1e-5)


def test_an_unknown_driver_is_refused(tmp_path: Path) -> None:
    folder = sealed(replace(linear_body(), driver="../once"), tmp_path / "p")
    with pytest.raises(PackageError) as error:
        load(folder)
    assert error.value.problems[0].id == "package.unknown-driver"
    assert "once" in error.value.problems[0].found


def table_rows() -> list[dict[str, object]]:
    return [
        {"Farbe": "red", "height": 9.0, "id": 1, "marks": ["7"], "sent": None},
        {"Farbe": "1", "height": 12.0, "id": 2, "marks": None, "sent": None},
    ]


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_data_frame_is_answered_like_its_rows(packages: dict[str, Path], library: str) -> None:
    frames = pytest.importorskip(library)
    function = load(packages["table"])
    plain = function.predict(
        [{"colour": "red", "height": 9.0, "marks": ["7"]}, {"colour": "1", "height": 12.0}]
    )
    assert function.predict(frames.DataFrame(table_rows()), columns={"colour": "Farbe"}) == plain
    named = frames.DataFrame([{**row, "colour": row["Farbe"]} for row in table_rows()])
    assert function.predict(named) == plain
    codes = frames.DataFrame({"colour": [1.0, 2.0], "height": [9, 9]})
    assert function.predict(codes) == function.predict([{"colour": c, "height": 9} for c in ("1", "2")])


def test_rows_may_have_the_names_of_the_data(packages: dict[str, Path]) -> None:
    function = load(packages["table"])
    (found,) = function.predict([{"Farbe": "red", "height": 9.0}], columns={"colour": "Farbe"})
    assert found == function("red", 9.0)
    with pytest.raises(RequestError, match="id"):
        function.predict([{"Farbe": "red", "height": 9.0, "id": 1}], columns={"colour": "Farbe"})


def test_all_probabilities_are_given_where_they_are_wanted(packages: dict[str, Path]) -> None:
    (found,) = load(packages["table"]).predict([{"colour": "red", "height": 9.0}], probabilities=True)
    answer = found.outputs["size"]
    assert answer.probabilities is not None
    assert list(answer.probabilities) == ["small", "medium", "large"]
    assert answer.confidence == answer.probabilities[answer.value] == max(answer.probabilities.values())
    assert found.as_json()["size"]["probabilities"] == answer.probabilities
