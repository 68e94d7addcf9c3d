"""The dearest of the contract's checks run with `make proof`: an export of every form takes half a minute."""

from __future__ import annotations

import pytest

from modelwright.testing import learners as contract
from modelwright.testing.learners.learned_checks import check_exports_the_same_bytes_from_equal_folders

# These share networks, trainer and exporter: the widest signature of one is tried each time, the narrowest of another.
# So do `tag` and `extract`, which read a text in windows. What is packaged of pretrained encoders of pictures and
# sounds has tests of its own.
DEAR = ("extract-narrow", "finetune-wide", "network-narrow", "probe-narrow", "probe-wide", "tag-wide")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark second exports but of the narrowest signatures, and all of some cases of learners that share their parts."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        case = params.get("tried")
        if not isinstance(case, contract.Case):
            continue
        again = params.get("check") is check_exports_the_same_bytes_from_equal_folders
        if str(case) in DEAR or (again and case.name in {"wide", "pair"}):
            item.add_marker(pytest.mark.proof)
