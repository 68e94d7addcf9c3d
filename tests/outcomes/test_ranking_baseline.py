"""What stands beside a ranking that was learned: the words alone, which are called that."""

from __future__ import annotations

from modelwright import outcomes
from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels


def test_a_search_by_words_is_no_linear_model() -> None:
    features = Phrase("baseline.numbers")
    ranking, classes = (outcomes.facet(name, BaselineModels) for name in ("ranking", "classes"))
    assert (ranking.sort, classes.sort) == ("words alone", "linear model")
    assert str(ranking.describes(features)).startswith("BM25 on the words of the passages")
    assert str(classes.describes(features)) == f"logistic regression on {features}"
