"""Learners by name. A learner is a folder with the files `spec.py` (light), `learn.py` and `export.py` (heavy).

They are found by the folder's name, or by entry points of other distributions in the group
`modelwright.learners` (see `core.plugins`); there is no table to enter one in. Importing this package, or a
specification, imports no framework:

    learners.spec("trees").refuses(signature)
    learners.learn("trees").forecast(…)              # loads LightGBM
    learners.export("trees").export(folder)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from modelwright.core.plugins import Plugins
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import brief_waits
from modelwright.learners.contract.bring import Bring
from modelwright.learners.contract.export import Export
from modelwright.learners.contract.learn import Learn
from modelwright.learners.contract.spec import Spec

brief_waits.prepare(os.environ)  # here, for nothing below this package has loaded OpenMP yet

_PLUGINS = Plugins("modelwright.learners", marker="spec")
_ENCODED = frozenset({Form.TOKENS, Form.LOCATED})  # texts that an encoder reads, up to so many tokens


def names() -> tuple[str, ...]:
    """Return the names of all learners, sorted."""
    return _PLUGINS.names()


def spec(name: str) -> Spec:
    """Return what a learner declares; raises KeyError for a name that `names` does not list."""
    found = _PLUGINS.instance(name, "spec", Spec)
    assert found.name == name, f"{type(found).__module__} holds a learner of another name: {found.name}"
    return found


def learn(name: str) -> Learn[Any]:
    """Return how a learner learns; loads its framework."""
    return _PLUGINS.instance(name, "learn", Learn)


def export(name: str) -> Export:
    """Return how a learner's result becomes a body; loads its framework."""
    return _PLUGINS.instance(name, "export", Export)


def bring(name: str) -> Bring | None:
    """Return how a learner reads the files that a project brings for it; None of one that learns."""
    return _PLUGINS.instance(name, "bring", Bring) if spec(name).brings else None


def modules(name: str, *facets: str) -> tuple[str, ...]:
    """Return the modules of a learner's facets, for the fingerprint of the code that is used.

    The key of `plan` depends on `spec` and `learn` (whose forecast it makes) of those that accept the
    signature, that of `learn` on `spec` and `learn` of the chosen one, and that of `package` on `export` too.
    """
    return _PLUGINS.modules(name, *facets)


def accepting(signature: Signature, among: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the learners that accept a signature, of those in `among` (None: all that are offered); no others."""
    known = names()
    candidates = offered(signature) if among is None else [name for name in among if name in known]
    return tuple(name for name in sorted(set(candidates)) if spec(name).refuses(signature) is None)


def offered(signature: Signature) -> tuple[str, ...]:
    """Return the learners that are weighed for a signature where the project file names none."""
    return tuple(name for name in names() if spec(name).is_offered(signature))


def needs_pretrained(signature: Signature, among: Sequence[str] | None = None) -> bool:
    """Tell whether any learner that could be chosen for a signature starts from pretrained weights.

    among: the names that the project allows (`model.learner`, else `plan.learners`), None for all. Where this is
    False no weights need be found, fetched or digested: that is so of every project on tables.
    """
    return any(spec(name).needs_pretrained for name in accepting(signature, among))


def plain(signature: Signature) -> str | None:
    """Return the learner for a signature that reads texts whole and by no encoder, None where there is none."""
    found = (name for name in accepting(signature) if not spec(name).inputs & _ENCODED)
    return next(found, None)


def takes_pretrained(signature: Signature, among: Sequence[str] | None = None) -> bool:
    """Tell whether any learner that could be chosen for a signature starts from the weights that a project names."""
    return any(
        found.needs_pretrained or found.takes_pretrained for found in map(spec, accepting(signature, among))
    )
