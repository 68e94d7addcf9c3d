"""The dearest of the contract's checks runs with `make proof`: a second export of every form takes half a minute."""

from __future__ import annotations

import pytest

from modelwright.testing import learners as contract
from modelwright.testing.learners.learned_checks import check_exports_the_same_bytes_from_equal_folders


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the second export of the widest signature; that of the narrowest stays among the quick tests."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        case = params.get("tried")
        if (
            isinstance(case, contract.Case)
            and params.get("check") is check_exports_the_same_bytes_from_equal_folders
            and str(case).endswith("wide")
        ):
            item.add_marker(pytest.mark.proof)
