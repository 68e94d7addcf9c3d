"""Kinds by name. A kind is a folder with one file per facet; `value.py` is the one that every kind has.

They are found by the folder's name (see `core.plugins`), so that a signature loads only the kinds that it uses,
a stage only the facets that it uses, and a new kind is one new folder. A facet is an instance of the class of
its contract:

    from modelwright import kinds
    from modelwright.kinds.contract.value import Value

    kinds.facet("number", Value).parse("3", lenient=True)

or, shorter, `kinds.value("number")` and `kinds.arrays("number")`.
"""

from __future__ import annotations

from typing import TypeVar

from modelwright.core.plugins import Plugins
from modelwright.kinds.contract.arrays import AnyArrays, Arrays
from modelwright.kinds.contract.value import AnyValue, Value

T = TypeVar("T")

_PLUGINS = Plugins("modelwright.kinds", marker="value")


def names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted."""
    return _PLUGINS.names()


def having(of: type[object]) -> tuple[str, ...]:
    """Return the names of the kinds that have a facet, sorted."""
    return tuple(name for name in names() if has(name, of))


def facet(name: str, of: type[T]) -> T:
    """Return a kind's facet of that contract; raises KeyError for a name that `names` does not list.

    A facet's file is named like the module of its contract: `Infer` stands in `infer.py`. A contract that is
    not abstract (`Show`) is its own default: a kind without the file has that.
    """
    return _PLUGINS.instance(name, of.__module__.rpartition(".")[2], of)


def has(name: str, of: type[object]) -> bool:
    """Tell whether a kind has a facet."""
    return _PLUGINS.has(name, of.__module__.rpartition(".")[2])


def value(name: str) -> AnyValue:
    """Return what a value of the kind is."""
    return facet(name, Value)


def arrays(name: str) -> AnyArrays:
    """Return how values of the kind become arrays, and back."""
    return facet(name, Arrays)


def modules(name: str, *facets: str) -> tuple[str, ...]:
    """Return the modules of a kind's facets (those that it has), for the fingerprint of the code that is used."""
    return _PLUGINS.modules(name, *facets)
