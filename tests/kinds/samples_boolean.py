"""Raw truth values."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TWO = (True, False)
REFUSED = ("true", "yes", "", 1, 0, 1.0, [True], {"a": True})


def accepted() -> st.SearchStrategy[Any]:
    return st.booleans()


def cells() -> st.SearchStrategy[Any]:
    words = ("yes", "No", "TRUE", "false", "1", "0", "y", "N", "t", "f")
    return st.booleans() | st.sampled_from([0, 1, 0.0, 1.0]) | st.sampled_from(words)


def options() -> dict[str, Any]:
    return {}
