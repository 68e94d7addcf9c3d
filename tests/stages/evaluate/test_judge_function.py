"""What a function that judges is asked, and what is settled without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_judge

from modelwright.core.signature import Field, Signature
from modelwright.learners.session.used_function import UsedFunction
from modelwright.outcomes.records.outcomes import RecordOutcomes
from modelwright.stages.evaluate import judge_function, win_rates
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.storage.formats.judgements import Judgement, Versus

SAID = ['{"a": 1, "b": "two words more"}', None, None, '{"a": 3}', None]
OTHERS = ['{"a": 1}', '{"a": 2}', "", "", '{"a": 5}']
ORDER = Signature("order", (Field("mail", "text"),), (Field("order", "record"),))


def answered() -> AnsweredRows:
    """Return five rows: an answer that is longer, one that was cut, two that were, one beside none, one unasked."""
    n = len(SAID)
    outcomes = RecordOutcomes.of(
        ['{"a": 1}'] * n,
        SAID,
        written=np.array([True, True, True, True, False]),
        cut=np.array([one is None for one in SAID]),
        likely=np.full((n, 2), np.nan),
    )
    return AnsweredRows(ORDER, {"mail": [f"mail {row}" for row in range(n)]}, {"order": outcomes})


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> UsedFunction:
    folder = tmp_path_factory.mktemp("judge") / "longer"
    tiny_judge.longer(folder)
    return UsedFunction(named="../longer", package="0" * 64, folder=folder)


def test_an_answer_that_is_none_is_the_worse_one_and_nobody_is_asked(judge: UsedFunction) -> None:
    found = judge_function.verdicts(judge, answered(), "order", OTHERS)
    np.testing.assert_array_equal(found.points, [1.0, 0.0, 0.5, 1.0, np.nan])
    assert (found.equal, found.empty, found.refused) == (1, 2, 0)
    shown = judge_function.summary(judge, found, np.full(5, np.nan), 0.95, None)
    assert (shown.better, shown.tied, shown.worse, shown.empty) == (2, 1, 1, 2)


def test_where_none_may_be_right_the_function_refuses_it(judge: UsedFunction) -> None:
    signature = replace(ORDER, outputs=(Field("order", "record", optional=True),))
    found = judge_function.verdicts(judge, replace(answered(), signature=signature), "order", OTHERS)
    np.testing.assert_array_equal(found.points, [1.0, np.nan, 0.5, np.nan, np.nan])
    assert (found.empty, found.refused) == (0, 2)


def test_what_people_said_of_an_answer_that_is_none_counts() -> None:
    verdict = Judgement("1", "p", "q", "", '{"a": 2}', "worse", "anna", "2026-11-28", "answer")
    versus = Versus("order", "champion", "q", (verdict, replace(verdict, row="0")), True, None, {})
    found = win_rates.row_verdicts(versus, [str(row) for row in range(5)], answered())
    assert (list(found.by_row), found.changed) == ([1], 1)
