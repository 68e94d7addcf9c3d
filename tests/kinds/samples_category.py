"""Raw names of classes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TWO = ("life-insurance", "汽车保险")
REFUSED = (1, 1.5, True, ["a"], {"a": 1}, "x" * 1_001, "\udfff")


def accepted() -> st.SearchStrategy[Any]:
    return st.text(max_size=12)


def cells() -> st.SearchStrategy[Any]:
    return (
        st.text(max_size=12)
        | st.integers()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
    )


def options() -> dict[str, Any]:
    return {}
