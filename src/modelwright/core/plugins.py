"""Members of a family of plug-ins, found by the name of their folder, or by entry points of other packages.

A member is a folder (a package) that holds one file per facet: the kind `date` is the folder `kinds/date/` with
`value.py`, `arrays.py` and so on. Whoever needs a facet imports that file alone, and so a key of the engine
depends only on the facets that were used. There is no table to enter a member in. Another distribution
declares its own in its metadata:

    [project.entry-points."modelwright.kinds"]
    rating = "my_package.rating"                   # the folder, as a package
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TypeVar

from modelwright.core.messages import MachineError, Problem

T = TypeVar("T")

CONTRACT = "contract"  # the folder beside the members with the abstract classes of their facets

_MADE: dict[str, object] = {}  # instances of facets by module; they are stateless


@dataclass(frozen=True)
class Plugins:
    """A family: its package here, the group of entry points, and the facet that every member has.

    package: `modelwright.runtime.drivers`; its last part names the group of entry points, `modelwright.drivers`;
    marker: a folder with this file is a member.
    """

    package: str
    marker: str

    def names(self) -> tuple[str, ...]:
        """Return the names of all members, sorted; raises MachineError where two distributions use one name."""
        return tuple(sorted(_members(self.package, self.marker)))

    def module(self, name: str) -> str:
        """Return the package of a member, `modelwright.kinds.date`; raises KeyError for an unknown name."""
        return _members(self.package, self.marker)[name]

    def has(self, name: str, facet: str) -> bool:
        """Tell whether a member has a facet; nothing is imported."""
        return _facet_exists(self.module(name), facet)

    def facet(self, name: str, facet: str) -> ModuleType:
        """Return the module of one facet of a member; raises KeyError for an unknown name."""
        return importlib.import_module(f"{self.module(name)}.{facet}")

    def instance(self, name: str, facet: str, of: type[T]) -> T:
        """Return an instance of the one final subclass of `of` that a facet's module holds.

        A member without the module has an instance of `of` itself, where that is not abstract.
        """
        if not self.has(name, facet) and not inspect.isabstract(of):
            return of()
        return _instance(f"{self.module(name)}.{facet}", of)

    def modules(self, name: str, *facets: str) -> tuple[str, ...]:
        """Return the modules of the facets that a member has, for the fingerprint of the code that is used."""
        return tuple(f"{self.module(name)}.{facet}" for facet in facets if self.has(name, facet))


@cache
def _members(package: str, marker: str) -> Mapping[str, str]:
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"there is no package {package}"
    found = {
        folder.name: f"{package}.{folder.name}"
        for place in spec.submodule_search_locations or ()
        for folder in Path(place).iterdir()
        if folder.name != CONTRACT and (folder / f"{marker}.py").is_file()
    }
    for point in importlib.metadata.entry_points(group=_group(package)):
        if found.get(point.name, point.value) != point.value:
            raise MachineError(
                Problem(
                    "plugin.name-twice",
                    name=point.name,
                    group=_group(package),
                    modules=sorted((found[point.name], point.value)),
                )
            )
        found[point.name] = point.value
    return MappingProxyType(found)


def _group(package: str) -> str:
    """Return `modelwright.drivers` of `modelwright.runtime.drivers`: users need not know where a family lies."""
    return f"{package.partition('.')[0]}.{package.rpartition('.')[2]}"


@cache
def _facet_exists(package: str, facet: str) -> bool:
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    return any((Path(place) / f"{facet}.py").is_file() for place in places)


def _instance(module: str, of: type[T]) -> T:
    if module not in _MADE:
        _MADE[module] = _make(module, of)
    made = _MADE[module]
    assert isinstance(made, of), f"{module} holds no {of.__name__}"
    return made


def _make(module: str, of: type) -> object:
    loaded = importlib.import_module(module)
    found = [
        value
        for value in vars(loaded).values()
        if isinstance(value, type) and issubclass(value, of) and value.__module__ == module
    ]
    assert len(found) == 1, f"{module} must hold one {of.__name__}"
    return found[0]()
