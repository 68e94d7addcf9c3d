"""The learned function: load a package and call it."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import PackageError, Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Answer, Array
from modelwright.package.folder import Package, read
from modelwright.runtime import drivers
from modelwright.runtime.row_reader import RowReader

BATCH = 32  # rows a pass at most; larger batches cost memory and gain little on a CPU
# A pass over texts costs about their number times the longest. On a six-layer encoder with real questions, 16
# rows in one pass took 9.3 ms a row, and 5.9 ms cut like this; one by one it was 7.5.
MOST_PADDED = 1.15  # times what the texts would cost without padding
ROW_CHARACTERS = 16  # what a row costs beside its text, in characters of text


@dataclass(frozen=True, repr=False)
class Prediction:
    """What the function answered: `prediction.domain`, `prediction.confidence`, or all of it in `outputs`."""

    outputs: Mapping[str, Answer]

    @property
    def confidence(self) -> float | None:
        """Return the confidence; of several outputs the lowest, and None where none has any."""
        known = [answer.confidence for answer in self.outputs.values() if answer.confidence is not None]
        return min(known, default=None)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return the outputs as the server answers them: `{"domain": {"value": …, "confidence": …}}`."""
        return {
            name: {"value": answer.value, "confidence": answer.confidence}
            for name, answer in self.outputs.items()
        }

    def __getattr__(self, name: str) -> Any:
        # called only for names that are no attribute, so an output named `outputs` is reached through it
        outputs = self.__dict__.get("outputs", {})
        if name in outputs:
            return outputs[name].value
        raise AttributeError(f"no output {name!r}; the outputs are {', '.join(outputs)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.outputs]

    def __repr__(self) -> str:
        parts = [f"{name}={answer.value!r}" for name, answer in self.outputs.items()]
        if self.confidence is not None:
            parts.append(f"confidence={self.confidence:.2f}")
        return f"Prediction({', '.join(parts)})"


class Function:
    """A learned function; call it as its signature says, or `predict` many rows at once.

    Safe to call from several threads. Raises RequestError for inputs that the signature does not take.
    """

    def __init__(self, package: Package, threads: int | None = None) -> None:
        """Open the package's graphs with `threads` (None: as many as the package was timed with)."""
        body = package.body
        self.signature: Signature = body.signature
        self.digest = package.digest
        self.threads = threads or package.threads
        self.rows = RowReader(self.signature)
        self._states = body.states
        self._kinds = {
            f.name: kinds.arrays(f.kind) for f in (*self.signature.inputs, *self.signature.outputs)
        }
        self._running = _driver(body.driver)(body.graphs, self.threads)
        self._varying = [f.name for f in self.signature.inputs if self._is_padded(f.name)]
        self._require_arrays()
        self.__name__ = self.signature.name
        self.__doc__ = str(self.signature)
        names = [field.name for field in self.signature.inputs]
        if not any(keyword.iskeyword(name) for name in names):
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])

    def __repr__(self) -> str:
        return f"<Function {self.signature}; package {self.digest[:12]}>"

    def __call__(self, *values: object, **named: object) -> Prediction:
        """Answer one row: inputs in the signature's order, by name, or both."""
        names = [field.name for field in self.signature.inputs]
        twice = sorted(set(names[: len(values)]) & set(named))
        if len(values) > len(names) or twice:
            found = f"`{twice[0]}` twice" if twice else f"{len(values)} values"
            raise RequestError(
                Problem(
                    "request.too-many-inputs",
                    f"the function takes each of its inputs once: {self.signature}",
                    found,
                    "give one value for each input",
                )
            )
        return self.predict([{**dict(zip(names, values, strict=False)), **named}])[0]

    def predict(
        self, rows: Sequence[Mapping[str, object]], *, lenient: bool = False, batch: int = BATCH
    ) -> list[Prediction]:
        """Answer rows in batches, in the order given; `lenient` reads text as a table's cells are read."""
        several = len(rows) > 1
        read_rows = [
            self.rows.read(row, lenient=lenient, where=f"row {number}" if several else None)
            for number, row in enumerate(rows, 1)
        ]
        return [Prediction(answers) for answers in self.answer(self.rows.columns(read_rows), batch)]

    def answer(self, columns: Mapping[str, Sequence[Any]], batch: int = BATCH) -> list[dict[str, Answer]]:
        """Return the answers by output, one mapping a row, for columns of canonical values."""
        arrays = self.infer(columns, batch)
        decoded = {
            field.name: self._kinds[field.name].decode(arrays[field.name], self._states[field.name], columns)
            for field in self.signature.outputs
        }
        return [dict(zip(decoded, row, strict=True)) for row in zip(*decoded.values(), strict=True)]

    def infer(self, columns: Mapping[str, Sequence[Any]], batch: int = BATCH) -> dict[str, dict[str, Array]]:
        """Return the body's raw arrays (output → array → values, one row each) of canonical values.

        Rows are put into batches with others of about their length, so that little is computed on padding,
        and the results are put back into the order given.
        """
        count = len(next(iter(columns.values())))
        batches = _batches(_lengths([columns[name] for name in self._varying], count), batch)
        parts = [
            self._pass({name: [column[i] for i in places] for name, column in columns.items()})
            for places in batches
        ]
        back = np.argsort(np.concatenate(batches)) if count > 1 else None
        return {
            field.name: {
                array: _joined(
                    [part[f"{field.name}.{array}"] for part in parts], back, spec.dtype, spec.shape
                )
                for array, spec in self._answers(field.name)
            }
            for field in self.signature.outputs
        }

    def _pass(self, columns: Mapping[str, Sequence[Any]]) -> Mapping[str, Array]:
        arrays = {
            f"{field.name}.{array}": values
            for field in self.signature.inputs
            for array, values in self._kinds[field.name]
            .encode(columns[field.name], self._states[field.name])
            .items()
        }
        return next(iter(self._running.run(arrays)))

    def _answers(self, output: str) -> Iterator[tuple[str, Any]]:
        yield from self._kinds[output].answers(self._states[output]).items()

    def _is_padded(self, name: str) -> bool:
        """Return whether an input's arrays are as long as the longest value of their batch."""
        specs = self._kinds[name].specs(self._states[name]).values()
        return any(isinstance(axis, str) for spec in specs for axis in spec.shape[1:])

    def _require_arrays(self) -> None:
        given = {
            f"{field.name}.{array}"
            for field in self.signature.inputs
            for array in self._kinds[field.name].specs(self._states[field.name])
        }
        wanted = {f"{f.name}.{array}" for f in self.signature.outputs for array, _ in self._answers(f.name)}
        wrong = sorted(chain(self._running.inputs - given, wanted - self._running.outputs))
        if wrong:
            raise PackageError(
                Problem(
                    "package.graph-arrays",
                    "the graph takes and gives the arrays that the signature's kinds name",
                    f"`{wrong[0]}` on one side only",
                    "make the package again",
                )
            )


def _driver(name: str) -> drivers.Start:
    if name not in drivers.names():
        raise PackageError(
            Problem(
                "package.unknown-driver",
                f"a package names a driver of this version of Modelwright ({', '.join(drivers.names())})",
                f"the driver `{name}`",
                "upgrade Modelwright on this machine",
            )
        )
    return drivers.get(name)


def load(path: str | Path, *, threads: int | None = None) -> Function:
    """Load the function from a package's folder, checking every byte of it; raises PackageError.

    `threads` changes the number of cores used; None takes the number that the package was timed with.
    """
    return Function(read(Path(path)), threads)


def _lengths(columns: Sequence[Sequence[Any]], count: int) -> NDArray[np.int64]:
    lengths = np.zeros(count, dtype=np.int64)
    for column in columns:
        lengths += [len(value or ()) for value in column]
    return lengths


def _batches(lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Return the rows of each batch, shortest first; a batch that is padded to its longest wastes little."""
    if len(lengths) == 1:
        return [np.zeros(1, dtype=np.int64)]
    order = np.argsort(lengths, kind="stable")
    work = lengths[order] + ROW_CHARACTERS
    cuts, begin, total = [], 0, 0
    for place, cost in enumerate(work.tolist()):
        rows = place - begin
        if rows and (rows == most or (rows + 1) * cost > MOST_PADDED * (total + cost)):
            cuts.append(place)
            begin, total = place, 0
        total += cost
    return [part for part in np.split(order, cuts) if len(part)]


def _joined(
    parts: Sequence[Array], back: NDArray[np.int64] | None, dtype: str, shape: tuple[str | int, ...]
) -> Array:
    if not parts:
        return np.zeros((0, *(size for size in shape if isinstance(size, int))), dtype=dtype)
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole if back is None else whole[back]
