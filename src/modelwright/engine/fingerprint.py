"""The code and the libraries that a stage's result depends on.

The code is the closure over the static imports of the stage's module: what is imported by a statement,
wherever it stands, except under `if TYPE_CHECKING`. What is found by name at run time (a kind, a learner) is
not: whoever knows the name passes its module as a further root. The top of a package
(`modelwright/__init__.py`) counts only where a name of its own is imported from it, so that a new version
number changes no key.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelwright.core.messages import MachineError
from modelwright.engine import imports, libraries
from modelwright.engine.imports import Import, ModuleSource
from modelwright.storage import disk, filestat

_CACHE_FORMAT = 1
_MOST_MODULES = 2_000  # in the cache file, 1 MB: three installed versions of ours, and projects' own code


class Fingerprint:
    """Reads modules from their source, never by importing them; remembers what it read in a cache file.

    Several projects may share the file. Two that write it at once lose nothing but time: the last one's stays.

    `package` and the top-level packages of the roots are followed into; everything else is a library.
    """

    def __init__(
        self,
        cache: Path | None = None,
        package: str = "modelwright",
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._cache = _Cache(cache, now_ns)
        self._package = package
        self._followed: dict[frozenset[str], _Followed] = {}

    def code(self, roots: Iterable[str]) -> dict[str, str]:
        """Return module → digest of its normalised syntax tree, for the roots and all that they import."""
        closure, _ = self._closure(roots)
        return {module: closure[module] for module in sorted(closure)}

    def libraries(self, roots: Iterable[str]) -> dict[str, str]:
        """Return distribution → version of the libraries that the code of these roots imports."""
        _, imported = self._closure(roots)
        return libraries.versions(imported)

    def code_and_libraries(self, roots: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return both at the cost of one."""
        closure, imported = self._closure(roots)
        return {module: closure[module] for module in sorted(closure)}, libraries.versions(imported)

    def places(self, roots: Iterable[str]) -> tuple[Path, ...]:
        """Return the packages (folders) and modules (files) that the code of these roots is followed into."""
        packages = self._packages(roots)
        located = (_Modules(packages).locate(top) for top in sorted(packages))
        return tuple(path.parent if is_package else path for path, is_package in located)

    def _packages(self, roots: Iterable[str]) -> frozenset[str]:
        return frozenset({self._package, *(root.partition(".")[0] for root in roots)})

    def _closure(self, roots: Iterable[str]) -> tuple[dict[str, str], set[str]]:
        waiting = list(dict.fromkeys(roots))
        packages = self._packages(waiting)
        # The stages of a run share most of their code: what a module leads to is worked out once for all of them.
        followed = self._followed.setdefault(packages, _Followed(_Modules(packages)))
        digests: dict[str, str] = {}
        imported: set[str] = set()
        while waiting:
            module = waiting.pop()
            if module in digests:
                continue
            step = followed.steps.get(module)
            if step is None:
                step = followed.steps[module] = self._step(module, followed.modules)
            digests[module] = step.digest
            imported |= step.libraries
            waiting.extend(step.leads_to)
        self._cache.save()
        return digests, imported

    def _step(self, module: str, modules: _Modules) -> _Step:
        path, is_package = modules.locate(module)
        source = self._cache.read(path, module, is_package=is_package)
        leads_to: list[str] = []
        imported: set[str] = set()
        for found in source.imports:
            top = found.module.partition(".")[0]
            if top in modules.packages:
                leads_to.extend(self._targets(found, modules))
            else:
                imported.add(top)
        # Importing a module runs the packages above it, save the top one (see the module's docstring).
        parent = module.rpartition(".")[0]
        if "." in parent:
            leads_to.append(parent)
        return _Step(source.digest, frozenset(imported), tuple(dict.fromkeys(leads_to)))

    def _targets(self, found: Import, modules: _Modules) -> Iterator[str]:
        """Yield the modules that one import statement names."""
        if not found.names:
            yield found.module
            return
        path, is_package = modules.locate(found.module)
        own = [name for name in found.names if not (is_package and modules.exists(f"{found.module}.{name}"))]
        yield from (f"{found.module}.{name}" for name in found.names if name not in own)
        if not own:
            return
        yield found.module
        # A package that looks its public names up when first used declares them for the type checker alone.
        if is_package:
            for lazy in self._cache.read(path, found.module, is_package=True).for_types:
                if set(lazy.names) & set(own):
                    yield lazy.module


@dataclass(frozen=True)
class _Step:
    """What one module says: its digest, the libraries it imports, and the modules that it leads to."""

    digest: str
    libraries: frozenset[str]
    leads_to: tuple[str, ...]


class _Modules:
    """Finds the files of modules below some top-level packages, listing every folder once."""

    def __init__(self, packages: frozenset[str]) -> None:
        self.packages = packages
        self._tops: dict[str, tuple[Path, bool]] = {}
        self._located: dict[str, tuple[Path, bool]] = {}
        self._listings: dict[Path, frozenset[str]] = {}

    def locate(self, module: str) -> tuple[Path, bool]:
        """Return a module's file and whether it is a package's; the file need not exist (PEP 420)."""
        found = self._located.get(module)
        if found is None:
            found = self._located[module] = self._find(module)
        return found

    def _find(self, module: str) -> tuple[Path, bool]:
        top, _, rest = module.partition(".")
        if top not in self._tops:
            self._tops[top] = _find_top(top)
        path, is_package = self._tops[top]
        if not rest:
            return path, is_package
        stem = path.parent.joinpath(*rest.split("."))
        file = stem.with_name(f"{stem.name}.py")
        is_folder = stem.name in self._list(stem.parent)
        if is_folder and ("__init__.py" in self._list(stem) or file.name not in self._list(stem.parent)):
            return stem / "__init__.py", True
        return file, False

    def exists(self, module: str) -> bool:
        """Tell whether there is such a module or package."""
        path, is_package = self.locate(module)
        return is_package or path.name in self._list(path.parent)

    def _list(self, folder: Path) -> frozenset[str]:
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(path.name for path in folder.iterdir())
            except OSError:
                self._listings[folder] = frozenset()
        return self._listings[folder]


@dataclass(frozen=True)
class _Followed:
    """The modules below some packages that were followed, and what each says."""

    modules: _Modules
    steps: dict[str, _Step] = field(default_factory=dict)


def _find_top(name: str) -> tuple[Path, bool]:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"there is no module {name} to take a fingerprint of"
    assert spec.origin is not None, f"{name} has no source file to take a fingerprint of"
    return Path(spec.origin), spec.submodule_search_locations is not None


class _Cache:
    """What was read from source files, by path and signature. A damaged file is an empty cache."""

    def __init__(self, path: Path | None, now_ns: Callable[[], int]) -> None:
        self._path = path
        self._now_ns = now_ns
        self._read: dict[str, ModuleSource] = {}
        self._stored: dict[str, Any] = {}
        self._dirty = False
        if path is not None:
            with suppress(OSError, RecursionError, ValueError, TypeError, KeyError):
                data = json.loads(path.read_text(encoding="utf-8"))
                self._stored = dict(data["modules"]) if data["format"] == _CACHE_FORMAT else {}

    def read(self, path: Path, module: str, *, is_package: bool) -> ModuleSource:
        """Return what a source file says. One that is not there has a digest of its own."""
        place = str(path)
        if place in self._read:  # one process sees one state of the code: it imported it once
            return self._read[place]
        now_ns = self._now_ns()
        signature = filestat.of(place)
        if signature is None:
            return ModuleSource("absent", (), ())
        with suppress(ValueError, TypeError, KeyError, IndexError):
            stored = self._stored[place]
            if stored["module"] == module and tuple(stored["stat"]) == signature:
                source = _from_json(stored)
                self._read[place] = source
                return source
        source = imports.read(path.read_bytes(), module, is_package=is_package)
        if filestat.settled(signature, now_ns) and filestat.of(place) == signature:
            self._stored[place] = {"module": module, "stat": list(signature), **_as_json(source)}
            self._dirty = True
        self._read[place] = source
        return source

    def save(self) -> None:
        """Write what is new; that it cannot be written is no error."""
        if self._path is None or not self._dirty:
            return
        self._dirty = False
        for place in list(self._stored)[: max(0, len(self._stored) - _MOST_MODULES)]:  # those stored first
            if place not in self._read:
                del self._stored[place]
        text = json.dumps({"format": _CACHE_FORMAT, "modules": self._stored}, separators=(",", ":"))
        with suppress(OSError, MachineError):
            disk.write_atomically(self._path, text, durable=False)


def _as_json(source: ModuleSource) -> dict[str, Any]:
    return {
        "digest": source.digest,
        "imports": [[found.module, found.names] for found in source.imports],
        "for_types": [[found.module, found.names] for found in source.for_types],
    }


def _from_json(data: dict[str, Any]) -> ModuleSource:
    return ModuleSource(
        digest=str(data["digest"]),
        imports=tuple(Import(module, tuple(names)) for module, names in data["imports"]),
        for_types=tuple(Import(module, tuple(names)) for module, names in data["for_types"]),
    )
