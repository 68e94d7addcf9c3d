"""The check that a body has the graphs of its driver, and no other."""

from __future__ import annotations

from collections.abc import Iterable

from modelwright.core.messages import PackageError, Problem
from modelwright.package.body import Body


def require_graphs(body: Body, wanted: Iterable[str]) -> None:
    """Raise PackageError unless a body has these graphs and no other."""
    names = sorted(wanted)
    if sorted(body.graphs) != names:
        raise PackageError(
            Problem(
                "package.wrong-graphs",
                driver=body.driver,
                wanted=", ".join(names) or None,
                graphs=", ".join(f"`{name}`" for name in sorted(body.graphs)) or None,
            )
        )
