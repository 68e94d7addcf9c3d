"""What every learner must hold (`modelwright.testing.learners`). A learner is tested by existing."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright import learners
from modelwright.testing import learners as contract

# All kinds at once make the largest graph; each of them is in a smaller one elsewhere. The members of a blend are
# each tried by themselves. Of a learner of texts one case is exported; the other is in tests of its own as well.
SLOW = ("network-wide", "blend-wide", "match-pair", "extract-wide")


def _marks(case: contract.Case) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.proof,) if str(case) in SLOW else ()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(case, marks=_marks(case)) for name in learners.names() for case in contract.cases(name)
    ],
    ids=str,
)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> contract.Tried:
    """Return what a learner made of a case."""
    return contract.try_out(request.param, tmp_path_factory.mktemp("tried"))


@pytest.mark.parametrize("name", learners.names())
@pytest.mark.parametrize("check", contract.SPEC_CHECKS, ids=contract.title)
def test_a_learner_declares(check, name: str) -> None:
    check(name)


@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
def test_a_learner_holds(check, tried: contract.Tried) -> None:
    check(tried)


def test_every_check_is_listed() -> None:
    folder = Path(contract.__file__).parent
    defined = sum(path.read_text("utf-8").count("\ndef check_") for path in folder.glob("*_checks.py"))
    assert len(contract.CHECKS) + len(contract.SPEC_CHECKS) == defined
