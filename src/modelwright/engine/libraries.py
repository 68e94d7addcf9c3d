"""Which versions of other people's libraries enter a key, and how they are found without importing any."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

# Their version cannot change what a stage makes: they read the project file (whose values are in the key),
# show, serve, keep state or watch. Jinja2 lays out pages whose figures come from elsewhere.
_WITHOUT_EFFECT = frozenset(
    {
        "alembic", "annotated_types", "click", "httpx", "jinja2", "markupsafe", "prometheus_client",
        "psutil", "pydantic", "pydantic_core", "rich", "sqlalchemy", "starlette", "typer",
        "typing_extensions", "uvicorn", "yaml",
    }
)  # fmt: skip

# Where the import's name is not the distribution's. Others that differ are found the slow way.
_DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn"}
)


def versions(imported: Iterable[str]) -> dict[str, str]:
    """Return distribution → version for top-level import names; one that is not installed is `absent`.

    Python itself counts with its minor version: its Unicode tables decide how text is cleaned.
    """
    installed = _installed()
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in sorted(set(imported) - _WITHOUT_EFFECT - sys.stdlib_module_names):
        distribution = _normal(_DISTRIBUTIONS.get(name, name))
        if distribution not in installed:
            distribution = _normal(next(iter(_declared().get(name, [distribution]))))
        found[distribution] = installed.get(distribution, "absent")
    return found


def _normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> dict[str, str]:
    # The folder's name says both (PEP 427); reading the metadata itself would take 100 times as long.
    found: dict[str, str] = {}
    for place in sys.path:
        for folder in _listing(place):
            if folder.endswith((".dist-info", ".egg-info")):
                name, _, version = folder.rpartition(".")[0].partition("-")
                found.setdefault(_normal(name), version)
    return found


def _listing(place: str) -> list[str]:
    try:
        return os.listdir(place or ".")  # noqa: PTH208 - names alone, and cheap
    except OSError:
        return []


@cache
def _declared() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
