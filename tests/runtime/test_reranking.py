"""The order in which passages are read beside a question, and what speaks for the first."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from modelwright.core.messages import PackageError
from modelwright.package.packages import Package
from modelwright.runtime.drivers.index.driver import FoundPlaces
from modelwright.runtime.drivers.rerank.driver import ReadPlaces
from modelwright.runtime.drivers.rerank.samples import RerankSamples
from modelwright.runtime.function import Function
from modelwright.runtime.searching.ranked_places import NOWHERE

PLACES = np.array([4, 2, 7, 1, NOWHERE], np.int64)
FOUND = FoundPlaces(PLACES[:4], np.array([4.0, 3.0, 2.0, 1.0], np.float32), None)


def read(*likely: float) -> ReadPlaces:
    return ReadPlaces(FOUND, PLACES, PLACES, np.array(likely))


def test_the_first_stand_in_the_order_in_which_they_were_read():
    places, scores = read(0.1, 0.3, 0.9).ordered(0.0)
    assert places.tolist() == [7, 2, 4, 1, NOWHERE]
    assert scores[0] == 1.0
    assert (np.diff(scores) <= 0).all()


def test_equally_likely_ones_keep_their_order():
    assert read(0.5, 0.5, 0.5).ordered(0.0)[0].tolist() == PLACES.tolist()


def test_a_weight_brings_the_first_order_back():
    assert read(0.1, 0.3, 0.9).ordered(8.0)[0].tolist() == PLACES.tolist()


def test_where_nothing_was_found_nothing_is_read():
    nothing = ReadPlaces(FOUND, np.full(5, NOWHERE), np.full(5, NOWHERE), np.zeros(0))
    places, scores = nothing.ordered(1.0)
    assert (places == NOWHERE).all()
    assert not scores.any()
    assert nothing.evidence(NOWHERE)[:2] == [0.0, 0.0]


def test_evidence_is_how_likely_the_first_answers_and_its_lead():
    sure, lead, words = read(0.1, 0.3, 0.9).evidence(7)
    assert (sure, lead) == (0.9, pytest.approx(0.6))
    assert words == pytest.approx(np.log1p(2.0))


@pytest.fixture(scope="module")
def answer() -> Function:
    return Function(Package(RerankSamples().body(), "", 1))


def test_a_passage_that_is_found_second_comes_first(answer):
    (row,) = answer.answer({"question": ["is a lost card blocked, and how long do transfers take"]})
    # by its words the card comes first; `same` of the samples likes the passage with `day`
    assert row["answer"].value == frozenset({"b"})
    assert [one["id"] for one in row["answer"].details["choices"]] == ["b", "a"]


def test_what_is_wrong_within_it_names_its_own_driver():
    body = RerankSamples().body()
    settings = copy.deepcopy(dict(body.settings))
    settings["functions"]["same"]["files"]["x"] = "nowhere.bin"
    with pytest.raises(PackageError) as caught:
        Function(Package(replace(body, settings=settings), "", 1))
    (problem,) = caught.value.problems
    assert (problem.values["driver"], problem.values["key"]) == ("rerank", "functions.same")


def test_candidates_beyond_the_first_keep_their_place():
    body = RerankSamples().body()
    one = replace(body, settings={**body.settings, "candidates": 1})
    (row,) = Function(Package(one, "", 1)).answer({"question": ["is a lost card blocked, and a transfer"]})
    assert row["answer"].value == frozenset({"a"})
