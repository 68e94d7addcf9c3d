"""The libraries that an extra of Modelwright brings, as the metadata of the installed package says."""

from __future__ import annotations

import functools
import importlib.metadata
import re

SERVE, LEARN, TRACKING = "serve", "learn", "tracking"
_ALL = ("client", SERVE, "image", "audio", "record", LEARN, "given", TRACKING)  # smallest first
_REQUIRES = re.compile(r"\s*(?P<name>[\w.-]+)[^;]*;.*\bextra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")
_MODULES = {
    "pillow": "PIL",
    "python-multipart": "multipart",
    "scikit-learn": "sklearn",
}  # distributions whose modules are named otherwise


@functools.cache
def distributions(extra: str) -> tuple[str, ...]:
    """Return the names of the distributions that `pip install 'modelwright[EXTRA]'` installs directly."""
    lines = importlib.metadata.requires("modelwright") or ()
    found = (_REQUIRES.fullmatch(line) for line in lines)
    return tuple(one["name"] for one in found if one and one["extra"] == extra)


def extra_of(module: str) -> str | None:
    """Return the smallest extra that brings a module (`torch.nn` → `learn`), or None."""
    root = module.partition(".")[0]
    for extra in _ALL:
        if any(root == _MODULES.get(name, name.replace("-", "_")) for name in distributions(extra)):
            return extra
    return None
