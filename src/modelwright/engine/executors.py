"""Where a stage's function runs. The runner knows only the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from modelwright.core.json_types import JsonLike

StageFunction = Callable[..., Mapping[str, JsonLike]]
"""A stage: parameters by name are its inputs; it fills a folder and returns a JSON summary."""


class Executor(Protocol):
    """Runs a stage's function to its end. Paths among the arguments are on a file system that both see."""

    def execute(self, function: StageFunction, arguments: Mapping[str, object]) -> Mapping[str, JsonLike]:
        """Call the function with these arguments by name and return what it returns; its errors pass."""


class LocalExecutor:
    """Runs it in this process."""

    def execute(self, function: StageFunction, arguments: Mapping[str, object]) -> Mapping[str, JsonLike]:
        """Call the function here."""
        return function(**arguments)
