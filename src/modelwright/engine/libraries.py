"""Which versions of other people's libraries enter a key, and how they are found without importing any."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from modelwright.engine import installed

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
    present = installed.versions()
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in sorted(set(imported) - _WITHOUT_EFFECT - sys.stdlib_module_names):
        distribution = installed.normal(_DISTRIBUTIONS.get(name, name))
        if distribution not in present:
            distribution = installed.normal(next(iter(_declared().get(name, [distribution]))))
        found[distribution] = present.get(distribution, "absent")
    return found


@cache
def _declared() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
