"""Families of outcomes by name: what became of test rows, and all that follows from it. One folder per family.

A family (`classes`, `numbers`, `sets`) holds `outcomes.py` (a final subclass of `core.outcomes.Outcomes`), and the
facets `metrics.py` (a tuple METRICS), `gap.py`, `baseline.py` and `section.py`, whose contracts stand in
`outcomes/contract/`. A kind names its family (`Value.family`); nothing else names either. Families are found by
the folder's name or by entry points of the group `modelwright.outcomes`, further metrics by those of the group
`modelwright.metrics`: a module with a tuple METRICS, each metric of which names its family.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from functools import cache
from typing import TypeVar

from modelwright.core.evidence import operation
from modelwright.core.evidence.metric import Metric, Metrics
from modelwright.core.plugins import Plugins

T = TypeVar("T")

METRICS_GROUP = "modelwright.metrics"
_PLUGINS = Plugins("modelwright.outcomes", marker="outcomes")


def names() -> tuple[str, ...]:
    """Return the names of all families, sorted."""
    return _PLUGINS.names()


def facet(family: str, of: type[T]) -> T:
    """Return a family's facet of that contract; raises KeyError for a name that `names` does not list."""
    return _PLUGINS.instance(family, of.__module__.rpartition(".")[2], of)


def modules(family: str, *facets: str) -> tuple[str, ...]:
    """Return the modules of a family's facets, for the fingerprint of the code that is used."""
    return _PLUGINS.modules(family, *facets)


def foreign_metrics() -> tuple[str, ...]:
    """Return the modules in which other distributions hold further metrics, sorted."""
    return tuple(sorted(point.value for point in importlib.metadata.entry_points(group=METRICS_GROUP)))


@cache
def metrics() -> Metrics:
    """Return every metric: of the families, of other distributions, and of operation."""
    found: list[Metric] = []
    own = [module for family in names() for module in modules(family, "metrics")]
    for module in (*own, *foreign_metrics()):
        found += importlib.import_module(module).METRICS
    return Metrics([*found, *operation.METRICS])
