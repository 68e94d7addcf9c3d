"""The libraries that an image needs, each at the version that is installed here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelwright import kinds
from modelwright.core import extras
from modelwright.core.messages import MachineError, Problem
from modelwright.core.signature import Signature
from modelwright.runtime import drivers

OURS = "modelwright"


def requirements(signature: Signature, driver: str) -> list[str]:
    """Return `name==version` of all that serves a function, sorted: the extra `serve`, and what its kinds read with.

    The distributions of plug-ins are among them. Raises MachineError where one of them is not installed here.
    """
    used = {one.kind for one in (*signature.inputs, *signature.outputs)}
    # An extra that has a kind's name is what this kind reads its values with (image: pillow).
    wanted = {extras.SERVE, *(kind for kind in used if extras.distributions(kind))}
    found: dict[str, str] = {}
    _follow(Requirement(f"{OURS}[{','.join(sorted(wanted))}]"), found, set())
    del found[OURS]  # its wheel lies beside, for its version alone does not say which code it is
    modules = [*(path for kind in used for path in kinds.modules(kind, "value")), drivers.module(driver)]
    for distribution in _of_plugins(modules):
        _follow(Requirement(distribution), found, set())
    found.pop(OURS, None)
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _follow(wanted: Requirement, found: dict[str, str], seen: set[str]) -> None:
    """Add a distribution, and all that it requires with these extras on this machine, to `found`."""
    name = canonicalize_name(wanted.name)
    if str(wanted) in seen:
        return
    seen.add(str(wanted))
    try:
        one = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise MachineError(Problem("export.not-installed", name=name, needs=str(wanted))) from None
    found[name] = one.version
    for line in one.requires or ():
        needed = Requirement(line)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
            needed.marker = None
            _follow(needed, found, seen)


def _of_plugins(modules: Iterable[str]) -> list[str]:
    """Return the distributions, other than ours, that these modules come from."""
    roots = {module.partition(".")[0] for module in modules} - {OURS}
    by_root = importlib.metadata.packages_distributions() if roots else {}
    return sorted({name for root in roots for name in by_root.get(root, ())})
