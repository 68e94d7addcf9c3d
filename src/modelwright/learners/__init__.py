"""Learners by name. A learner is a folder here whose module `learner` holds one final subclass of `Learner`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from modelwright.learners.base import Learner


@cache
def names() -> tuple[str, ...]:
    """Return the names of all learners, sorted."""
    return tuple(
        sorted(
            m.name
            for m in pkgutil.iter_modules(__path__)
            if m.ispkg and (Path(__path__[0]) / m.name / "learner.py").is_file()
        )
    )


@cache
def get(name: str) -> Learner:
    """Return the learner of that name; raises KeyError for a name that `names` does not list."""
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}.learner")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Learner) and value.__module__ == module.__name__
    ]
    assert len(found) == 1, f"{module.__name__} must hold one learner"
    learner: Learner = found[0]()
    assert learner.name == name, f"{module.__name__} holds a learner of another name: {learner.name}"
    return learner
