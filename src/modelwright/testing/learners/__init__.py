"""What every learner must hold, whatever it learns with. Each check raises AssertionError.

    import pytest
    from modelwright.testing import learners as contract

    @pytest.mark.parametrize("check", contract.SPEC_CHECKS, ids=contract.title)
    def test_nearest_declares_itself(check):
        check("nearest")

    @pytest.fixture(scope="module", params=contract.cases("nearest"), ids=str)
    def tried(request, tmp_path_factory):
        return contract.try_out(request.param, tmp_path_factory.mktemp("nearest"))

    @pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
    def test_nearest_is_a_learner(check, tried):
        check(tried)

The rows are made of the samples of the kinds whose array forms the learner accepts, so a new kind is tried with
every learner, too. The kinds must be right for that: `modelwright.testing.kinds` tests them.
"""

from __future__ import annotations

from collections.abc import Callable

from modelwright.testing.learners.cases import Case, Tried, cases, try_out
from modelwright.testing.learners.learned_checks import (
    check_answers_do_not_depend_on_their_batch,
    check_exports_the_same_bytes_from_equal_folders,
    check_forecasts_finite_costs,
    check_graph_answers_as_the_learner_does,
    check_keeps_no_pickle_and_no_path,
    check_learns_the_same_bytes_again,
)
from modelwright.testing.learners.spec_checks import (
    check_declares_itself,
    check_every_key_has_a_default_and_a_description,
    check_learning_does_not_import_its_export,
    check_says_what_it_refuses,
    check_the_specification_imports_no_framework,
)

CHECKS: tuple[Callable[[Tried], None], ...] = (
    check_forecasts_finite_costs,
    check_learns_the_same_bytes_again,
    check_graph_answers_as_the_learner_does,
    check_exports_the_same_bytes_from_equal_folders,
    check_answers_do_not_depend_on_their_batch,
    check_keeps_no_pickle_and_no_path,
)

SPEC_CHECKS: tuple[Callable[[str], None], ...] = (
    check_declares_itself,
    check_every_key_has_a_default_and_a_description,
    check_says_what_it_refuses,
    check_the_specification_imports_no_framework,
    check_learning_does_not_import_its_export,
)

__all__ = ["CHECKS", "SPEC_CHECKS", "Case", "Tried", "cases", "title", "try_out"]


def title(check: Callable[..., None]) -> str:
    """Return what a check is called in the list of tests."""
    return check.__name__.removeprefix("check_").replace("_", " ")
