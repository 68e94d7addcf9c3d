"""Drivers by name. A driver turns a batch of input arrays into output arrays by running a body's graphs.

A driver is a module of this package with a function `start(graphs, threads) -> Running`; the manifest of a
package names it. A run yields: `once` yields one set of arrays, a later driver may yield many.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Protocol

from modelwright.kinds.contract.common import Array


class Running(Protocol):
    """The graphs of one body, opened; `inputs` and `outputs` name the arrays that they take and give."""

    inputs: frozenset[str]
    outputs: frozenset[str]

    def run(self, arrays: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
        """Yield output arrays by name for a batch of input arrays; safe to call from several threads."""


class Start(Protocol):
    """Opens the graphs of a body; raises PackageError where they are not what the driver runs."""

    def __call__(self, graphs: Mapping[str, bytes], threads: int) -> Running: ...


@cache
def names() -> tuple[str, ...]:
    """Return the names of all drivers, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get(name: str) -> Start:
    """Return the `start` of a driver; raises KeyError for a name that `names` does not list."""
    if name not in names():
        raise KeyError(name)
    start: Start = importlib.import_module(f"{__name__}.{name}").start
    return start
