"""Export targets by name. A target writes a package in the form that another system takes.

A target is a folder with the file `target.py`. They are found as kinds are (see `core.plugins`); another distribution
declares its own:

    [project.entry-points."modelwright.exports"]
    triton = "my_package.triton"                   # the folder, as a package
"""

from __future__ import annotations

from modelwright.core.messages import Problem, UserError, did_you_mean
from modelwright.core.plugins import Plugins
from modelwright.exports.contract.target import ExportTarget

_PLUGINS = Plugins("modelwright.exports", marker="target")


def names() -> tuple[str, ...]:
    """Return the names of all targets, sorted."""
    return _PLUGINS.names()


def get(name: str) -> ExportTarget:
    """Return a target; raises UserError for a name that `names` does not list."""
    if name not in names():
        near = did_you_mean(name, list(names()))
        raise UserError(Problem("export.unknown-target", target=name, known=list(names()), near=near))
    return _PLUGINS.instance(name, "target", ExportTarget)
