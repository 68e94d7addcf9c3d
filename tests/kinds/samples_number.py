"""Raw numbers."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

TWO = (1, -2.5)
REFUSED = ("3", "", True, math.nan, math.inf, -math.inf, 10**400, [1], {"a": 1})


def accepted() -> st.SearchStrategy[Any]:
    return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300)


def cells() -> st.SearchStrategy[Any]:
    return accepted() | st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just(" 1e3 ")


def options() -> dict[str, Any]:
    return {}
