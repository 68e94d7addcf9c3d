"""What every kind must hold (`modelwright.testing.kinds`). A kind is tested by existing."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright import kinds
from modelwright.testing import kinds as contract


@pytest.mark.parametrize("name", kinds.names())
@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
def test_a_kind_holds(check: contract.Check, name: str) -> None:
    check(name)


def test_every_check_is_listed() -> None:
    written = {one for name, one in vars(contract).items() if name.startswith("check_")}
    folder = Path(contract.__file__).parent
    defined = sum(path.read_text("utf-8").count("\ndef check_") for path in folder.glob("*_checks.py"))
    assert set(contract.CHECKS) == written
    assert len(contract.CHECKS) == defined


def test_the_first_kinds_are_found_and_the_contract_is_none() -> None:
    assert {"text", "category", "number", "boolean"} <= set(kinds.names())
    assert not {"contract", "shared"} & set(kinds.names())
