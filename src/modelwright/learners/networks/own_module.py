"""A network of the project's own: what its factory makes, run from the text that was sealed.

    def build(inputs, outputs):  # input → array → spec, output → array → spec
        return MyNetwork(…)      # a torch.nn.Module, or a model of Keras 3, which with torch as its backend is one

Its `forward` takes one dict, `{"photo.pixels": tensor, …}`, and returns one, `{"digit": tensor, …}`: for each output
an array of the shape that its spec says.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest import mock

import torch
from torch import Tensor, nn

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, ProjectError
from modelwright.kinds.contract.common import ArraySpec
from modelwright.learners.networks.heads import Task

Specs = Mapping[str, Mapping[str, ArraySpec]]
_Build = Callable[[Specs, Specs], object]
_USES_KERAS = re.compile(r"^\s*(import|from)\s+keras\b", re.MULTILINE)


@dataclass(frozen=True)
class OwnCode:
    """A factory, and the text of the files in which it lies, by their path."""

    factory: str
    files: Mapping[str, str]

    @classmethod
    def from_json(cls, content: JsonObject) -> OwnCode:
        """Return what `to_json` gave."""
        return cls(str(content["factory"]), cast("Mapping[str, str]", content["files"]))

    def to_json(self) -> JsonObject:
        """Return it as JSON."""
        return {"factory": self.factory, "files": dict(self.files)}

    @property
    def uses_keras(self) -> bool:
        """Tell whether a file imports Keras."""
        return any(_USES_KERAS.search(text) for text in self.files.values())


class OwnModule(nn.Module):
    """A module of the project: its answers side by side, (batch, columns of all outputs)."""

    def __init__(self, code: OwnCode, inputs: Specs, outputs: Specs, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.code = code
        self.tasks = dict(tasks)
        with _its_errors(code):
            made = _of_keras(code, inputs, outputs) if code.uses_keras else _factory(code)(inputs, outputs)
        if not isinstance(made, nn.Module):
            raise ProjectError(Problem("model.module-made", factory=code.factory, made=type(made).__name__))
        self.module = made
        # A model of Keras does not see whether the module around it trains: it is told at each call.
        self._takes_mode = code.uses_keras and "training" in _parameters(made)
        self.width = sum(task.columns or 1 for task in tasks.values())

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return (batch, width) of the input arrays by name."""
        answers = self._answer(arrays)
        # each output's array, whatever its shape, as (batch, columns)
        columns = [answers[name].reshape(-1, task.columns or 1) for name, task in self.tasks.items()]
        return torch.cat(columns, dim=-1)

    def _answer(self, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        mode = {"training": self.training} if self._takes_mode else {}
        answers: Mapping[str, Tensor] = self.module(dict(arrays), **mode)
        return answers

    def check(self, arrays: Mapping[str, Tensor]) -> None:
        """Run it on a small batch; raises ProjectError where it raises, or answers in another shape."""
        rows = len(next(iter(arrays.values())))
        self.eval()
        with _its_errors(self.code), torch.no_grad():
            answers = self._answer(arrays)
        found = answers if isinstance(answers, Mapping) else {}
        for name, task in self.tasks.items():
            wanted = tuple(task.shaped(torch.zeros(rows, task.columns or 1)).shape)
            answer = found.get(name)
            here = list(answer.shape) if isinstance(answer, Tensor) else None
            if here != list(wanted):
                raise ProjectError(
                    Problem(
                        "model.module-shape",
                        factory=self.code.factory,
                        output=name,
                        wanted=str(wanted),
                        here=None if here is None else str(tuple(here)),
                        type=None if here is not None else type(answers).__name__,
                    )
                )


def offsets(tasks: Sequence[Task]) -> list[int]:
    """Return where the columns of each output begin among those of all."""
    found, place = [], 0
    for task in tasks:
        found.append(place)
        place += task.columns or 1
    return found


def _factory(code: OwnCode) -> _Build:
    """Return the factory, imported from the sealed text; modules of the same name that are loaded stay as they were."""
    name, _, attribute = code.factory.partition(":")
    top = name.partition(".")[0]
    with tempfile.TemporaryDirectory() as place:
        for path, text in code.files.items():
            file = Path(place) / path
            assert file.resolve().is_relative_to(Path(place).resolve()), "sealed paths lie in the project"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        before = {key: sys.modules.pop(key) for key in list(sys.modules) if key.partition(".")[0] == top}
        sys.path.insert(0, place)
        importlib.invalidate_caches()
        # Keras reads its backend when it is first imported, and writes a file of settings into its home.
        settings = {"KERAS_BACKEND": "torch", "KERAS_HOME": place} if code.uses_keras else {}
        try:
            with mock.patch.dict(os.environ, settings):
                found: _Build = getattr(importlib.import_module(name), attribute)
        finally:
            sys.path.remove(place)
            for key in [key for key in sys.modules if key.partition(".")[0] == top]:
                del sys.modules[key]
            sys.modules.update(before)
    return found


def _of_keras(code: OwnCode, inputs: Specs, outputs: Specs) -> object:
    """Return what a factory makes that imports Keras: the same model each time, with all its weights.

    Keras counts the layers of a process in the names of their weights, and draws first weights from seeds of its own:
    both begin anew, from the seed that torch was given.
    """
    factory = _factory(code)
    keras = importlib.import_module("keras")
    keras.utils.clear_session()
    with torch.random.fork_rng(devices=[]):
        keras.utils.set_random_seed(torch.initial_seed() % 2**32)
        made = factory(inputs, outputs)
        if isinstance(made, nn.Module) and not getattr(
            made, "built", True
        ):  # its weights come with a first call
            with torch.no_grad():
                made(
                    {
                        f"{name}.{array}": _zeros(spec)
                        for name, arrays in inputs.items()
                        for array, spec in arrays.items()
                    }
                )
    return made


def _zeros(spec: ArraySpec) -> Tensor:
    """Return an array of zeros; axes without a length have two places."""
    shape = [one if isinstance(one, int) else 2 for one in spec.shape]
    return torch.zeros(shape, dtype=getattr(torch, spec.dtype))


def _parameters(module: nn.Module) -> Collection[str]:
    return inspect.signature(getattr(module, "call", module.forward)).parameters


@contextmanager
def _its_errors(code: OwnCode) -> Iterator[None]:
    """Word what the project's code raises, with the last of its own lines that was reached."""
    try:
        yield
    except ProjectError:
        raise
    except Exception as error:  # whatever the code of a project raises
        trace, line = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.endswith(tuple(code.files)):
                line = trace.tb_lineno
            trace = trace.tb_next
        reason = str(error).splitlines()[0][:200] if str(error) else None
        raise ProjectError(
            Problem(
                "model.module-raised",
                factory=code.factory,
                error=type(error).__name__,
                reason=reason,
                line=line,
            )
        ) from error
