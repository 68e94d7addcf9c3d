"""Drivers by name. A driver turns a batch of encoded inputs into answers by running a body's graphs.

A driver is a folder with the file `driver.py` (and `samples.py`, which its contract test reads); the manifest of a
package names it. They are found as kinds are (see `core.plugins`); another distribution declares its own:

    [project.entry-points."modelwright.drivers"]
    beam = "my_package.beam"                       # the folder, as a package
"""

from __future__ import annotations

from modelwright.core.messages import PackageError, Problem
from modelwright.core.plugins import Plugins
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.driver import Driver, Running
from modelwright.runtime.drivers.contract.samples import Samples

_PLUGINS = Plugins("modelwright.runtime.drivers", marker="driver")


def names() -> tuple[str, ...]:
    """Return the names of all drivers, sorted."""
    return _PLUGINS.names()


def module(name: str) -> str:
    """Return the package of a driver; raises KeyError for a name that `names` does not list."""
    return _PLUGINS.module(name)


def get(name: str) -> Driver:
    """Return a driver; raises KeyError for a name that `names` does not list."""
    return _PLUGINS.instance(name, "driver", Driver)


def samples(name: str) -> Samples:
    """Return the bodies that a driver is tried with."""
    return _PLUGINS.instance(name, "samples", Samples)


def open_body(body: Body, threads: int) -> Running:
    """Open a body with the driver that it names; raises PackageError."""
    return _of(body).open(body, threads)


def open_on_gpu(body: Body, threads: int) -> Running | None:
    """Open a body with its graphs on a GPU, None where its driver stays on the CPU; raises PackageError."""
    return _of(body).open_on_gpu(body, threads)


def _of(body: Body) -> Driver:
    if body.driver not in names():
        raise PackageError(Problem("package.unknown-driver", driver=body.driver, known=", ".join(names())))
    return get(body.driver)
