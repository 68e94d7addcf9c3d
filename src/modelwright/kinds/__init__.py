"""Kinds by name. A kind is a module of this package that holds one final subclass of `Kind`.

They are found by the file's name, so that a signature loads only the kinds that it uses and a new kind
is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from modelwright.kinds.base import Kind

_NOT_KINDS = frozenset({"base"})


@cache
def names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted."""
    return tuple(
        sorted(
            m.name
            for m in pkgutil.iter_modules(__path__)
            if m.name not in _NOT_KINDS and not m.name.startswith("_")
        )
    )


@cache
def get(name: str) -> Kind[Any]:
    """Return the kind of that name; raises KeyError for a name that `names` does not list."""
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Kind) and value.__module__ == module.__name__
    ]
    assert len(found) == 1, f"{module.__name__} must hold one kind"
    kind: Kind[Any] = found[0]()
    assert kind.name == name, f"{module.__name__} holds a kind of another name: {kind.name}"
    return kind
