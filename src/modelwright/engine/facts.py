"""Facts of this process and its machine that a stamp compares by name. Read before all else: light imports only."""

from __future__ import annotations

import os
import sys

MACHINE = "machine"
LIBRARIES = "libraries"
LANGUAGE = "language"
PYTHON = "python"


def read(name: str) -> str | None:
    """Return a fact as a text; `environment X` is a variable, None where it is not set."""
    sort, _, variable = name.partition(" ")
    if sort == "environment":
        return os.environ.get(variable)
    return _FACTS[sort]()


def _machine() -> str:
    from modelwright.runtime import machine  # each only where a stamp asks for it

    return ", ".join((f"{machine.cores()} cores", machine.instruction_set(), *machine.gpus()))


def _libraries() -> str:
    from modelwright.engine import installed

    return installed.digest()


def _language() -> str:
    from modelwright.core.messages import catalog

    return catalog.preferred(os.environ)


def _python() -> str:
    return f"{sys.version} in {sys.prefix}"


_FACTS = {MACHINE: _machine, LIBRARIES: _libraries, LANGUAGE: _language, PYTHON: _python}
