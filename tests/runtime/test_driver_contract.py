"""Every driver that is found, those of other distributions too, holds what the contract says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelwright.runtime import drivers
from modelwright.testing import drivers as contract


@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
@pytest.mark.parametrize("name", drivers.names())
def test_a_driver(name: str, check: Callable[[str], None]) -> None:
    check(name)


@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
def test_a_driver_of_another_distribution(spell: str, check: Callable[[str], None]) -> None:
    assert spell in drivers.names()
    check(spell)


def test_the_distribution_is_gone_when_it_is_not_installed() -> None:
    assert "spell" not in drivers.names()
