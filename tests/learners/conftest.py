"""The dearest of the contract's checks run with `make proof`: an export of every form takes half a minute."""

from __future__ import annotations

import pytest

from modelwright.testing import learners as contract
from modelwright.testing.learners.learned_checks import check_exports_the_same_bytes_from_equal_folders

# Shares networks, trainer and exporter with `probe` and `network`, whose widest signatures are tried each time.
ALIKE = "finetune"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the second export of the widest signature, and all of the widest of a learner that shares its parts."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        case = params.get("tried")
        if not isinstance(case, contract.Case) or not str(case).endswith("wide"):
            continue
        if params.get("check") is check_exports_the_same_bytes_from_equal_folders or case.learner == ALIKE:
            item.add_marker(pytest.mark.proof)
