"""The learned function: load a package and call it."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.json_types import JsonLike, JsonObject
from modelwright.core.messages import PackageError, Phrase, Place, Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import DECODED, Answer, Array, ArraySpec
from modelwright.package.packages import Package, read
from modelwright.runtime import drivers
from modelwright.runtime.batching import BATCH, MOST_PADDED, batches, row_sizes
from modelwright.runtime.data_frames import is_frame, named, rows_of
from modelwright.runtime.drivers.contract.driver import Call, Load, Part
from modelwright.runtime.in_time import in_time
from modelwright.runtime.prediction import Prediction
from modelwright.runtime.row_reader import RowReader
from modelwright.tables.files.held_files import HeldFiles

__all__ = ["BATCH", "Function", "Prediction", "load"]

Columns = Mapping[str, Sequence[object]]  # canonical values by input; what they are, their kinds know
Answers = dict[str, Answer]  # of one row, by output


class Function:
    """A learned function; call it as its signature says, or `predict` many rows at once.

    Safe to call from several threads. Raises RequestError for inputs that the signature does not take.
    """

    def __init__(self, package: Package, threads: int | None = None, *, on_gpu: bool = False) -> None:
        """Open the package's graphs with `threads` (None: as many as the package was timed with).

        on_gpu: on a GPU, unless the driver stays on the CPU; `on_gpu` says which. Raises PackageError.
        """
        body = package.body
        self.signature: Signature = body.signature
        self.digest = package.digest
        self.typical = package.typical
        self.columns = package.columns  # input: its name in the data, where the two differ
        self.threads = threads or package.threads
        self.settled = package.settled  # None: the package was made before it said how inputs are written
        self.rows = RowReader(self.signature, self.settled or {})
        self._states = body.states
        self._kinds = {
            f.name: kinds.arrays(f.kind) for f in (*self.signature.inputs, *self.signature.outputs)
        }
        self._output_kinds = {field.name: field.kind for field in self.signature.outputs}
        self._shaped = [
            f for f in self.signature.inputs if type(self._kinds[f.name]).misfit is not Arrays.misfit
        ]
        self._can_be_unseen = [
            field.name
            for field in self.signature.inputs
            if kinds.value(field.kind).closed
            or self._kinds[field.name].span(self._states[field.name]) is not None
        ]
        running = drivers.open_on_gpu(body, self.threads) if on_gpu else None
        self.on_gpu = running is not None
        self._running = running or drivers.open_body(body, self.threads)
        self._sizes = [
            (f.name, kinds.value(f.kind).size) for f in self.signature.inputs if self._is_padded(f.name)
        ]
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
        twice = next(iter(sorted(set(names[: len(values)]) & set(named))), None)
        if len(values) > len(names) or twice is not None:
            raise RequestError(
                Problem(
                    "request.too-many-inputs",
                    twice=twice,
                    values=len(values),
                    inputs=len(names),
                    signature=str(self.signature),
                )
            )
        return self.predict([{**dict(zip(names, values, strict=False)), **named}])[0]

    def predict(
        self,
        rows: Any,
        *,
        lenient: bool = False,
        batch: int = BATCH,
        probabilities: bool = False,
        columns: Mapping[str, str] | None = None,
    ) -> list[Prediction]:
        """Answer rows in batches, in the order given.

        rows: mappings by input, or a data frame of Polars or pandas, whose cells are read as a table's (a path is
        that of a file in the current folder) and whose other columns are left out; lenient: read text as the cells of
        the training data were read; columns: input → column, where the rows have other names (by default those of the
        training data); probabilities: also give the probability of every label.
        """
        frame = is_frame(rows)
        if (
            columns is None
        ):  # where a name of the data is also one of the signature's, the signature's is meant
            own = {field.name for field in self.signature.inputs}
            columns = {name: column for name, column in self.columns.items() if column not in own}
        if frame or columns:
            names = [field.name for field in self.signature.inputs]
            rows = named(rows_of(rows) if frame else rows, columns, names, drop=frame)
        files = HeldFiles.within(Path.cwd()) if frame else None  # as in a table: from here, and not beyond
        several = len(rows) > 1
        places = [Phrase("place.row", row=number) if several else None for number in range(1, len(rows) + 1)]
        read_rows = [
            self.rows.read(row, lenient=lenient or frame, where=place, files=files)
            for row, place in zip(rows, places, strict=True)
        ]
        values = self.rows.columns(read_rows)
        self.require_fit(values, places)
        unseen = self.unseen(values)
        return [
            self.prediction(answers, unseen.get(place, ()))
            for place, answers in enumerate(self.answer(values, batch, probabilities=probabilities))
        ]

    def prediction(self, answers: Answers, unseen: tuple[str, ...] = ()) -> Prediction:
        """Return the answers to one row as its caller reads them."""
        return Prediction(answers, self._output_kinds, unseen)

    def misfits(
        self, columns: Columns, options: Mapping[str, JsonLike] | None = None
    ) -> dict[int, tuple[Problem, ...]]:
        """Return by row, of columns of canonical values, why the states cannot encode it or the body not answer it.

        options: what the caller asks beside the inputs. Rows without any are left out.
        """
        found: dict[int, tuple[Problem, ...]] = {}
        for field in self._shaped:
            kind, state = self._kinds[field.name], self._states[field.name]
            for row, value in enumerate(columns[field.name]):
                misfit = None if value is None else kind.misfit(value, state)
                if misfit is not None:
                    problem = Problem(
                        "request.wrong-value", field=field.name, kind=field.kind, problem=misfit.message
                    )
                    found[row] = (*found.get(row, ()), problem)
        count = len(next(iter(columns.values())))
        rows = [row for row in range(count) if row not in found]
        fit = {name: [column[row] for row in rows] for name, column in columns.items()}
        refused = self._running.misfits(Call({}, fit, options or {})) if rows else {}
        return found | {rows[place]: (problem,) for place, problem in refused.items()}

    def require_fit(self, columns: Columns, places: Sequence[Place | None]) -> None:
        """Raise RequestError for every value that the states cannot encode; places: of the rows, for messages."""
        problems = [one.at(places[row]) for row, found in self.misfits(columns).items() for one in found]
        if problems:
            raise RequestError(problems)

    def unseen(self, columns: Columns) -> dict[int, tuple[str, ...]]:
        """Return by row, of columns of canonical values, which inputs are something that training never showed.

        Rows without any are left out.
        """
        found: dict[int, tuple[str, ...]] = {}
        for name in self._can_be_unseen:
            for row, new in enumerate(self._kinds[name].unseen(columns[name], self._states[name])):
                if new:
                    found[row] = (*found.get(row, ()), name)
        return found

    def known(self, name: str) -> Sequence[str]:
        """Return the names that an input of a kind with a closed set may be, or hold; none of other kinds."""
        return self._kinds[name].known(self._states[name])

    def state(self, name: str) -> object:
        """Return what the kind of an input or an output remembers; what it is, its kind knows."""
        return self._states[name]

    @property
    def can_be_unseen(self) -> tuple[str, ...]:
        """Return the inputs of kinds whose values can be unseen: of a closed set, or of a known span."""
        return tuple(self._can_be_unseen)

    @property
    def streams(self) -> bool:
        """Tell whether `parts` may yield more than one part."""
        return self._running.streams

    @property
    def at_once(self) -> int:
        """Return how many calls of `parts` it is worth to have under way."""
        return self._running.at_once

    @property
    def options(self) -> Mapping[str, JsonObject]:
        """Return what a caller may ask beside the inputs, each with the JSON schema of its values."""
        return self._running.options

    def load(self) -> Load | None:
        """Return what a body that writes has to do and has done; None of others."""
        return self._running.load()

    def prompt_tokens(self, columns: Columns) -> Sequence[int] | None:
        """Return how many tokens the prompt of each row of canonical values has; None of a body that reads none."""
        return self._running.prompt_tokens(Call({}, columns))

    def tokens(self, columns: Columns) -> list[int] | None:
        """Return how many tokens the body reads of each row of canonical values; None of one that reads no tokens."""
        arrays = self._call(columns, {}).arrays
        # (n, longest) of each input that is read as tokens: 1 of a token, 0 of what fills up
        masks = [
            arrays[f"{name}.mask"] for name in columns if f"{name}.ids" in arrays and f"{name}.mask" in arrays
        ]
        return None if not masks else np.sum([mask.sum(axis=1) for mask in masks], axis=0).tolist()

    def interrupt(self) -> None:
        """Make what is under way raise soon, where the body can be stopped."""
        self._running.interrupt()

    def sizes(self, columns: Columns) -> list[int]:
        """Return the size of each row of canonical values, which decides what a pass over it costs."""
        count = len(next(iter(columns.values())))
        found: list[int] = row_sizes([(size, columns[name]) for name, size in self._sizes], count).tolist()
        return found

    def answer(
        self,
        columns: Columns,
        batch: int = BATCH,
        *,
        probabilities: bool = False,
        most_padded: float = MOST_PADDED,
    ) -> list[Answers]:
        """Return the answers by output, one mapping per row, for columns of canonical values.

        probabilities: with the probability of every label, where the kind of an output has them. most_padded: what a
        pass may cost with its padding, as a multiple of what it costs without.
        """
        finals, back = self._finals(columns, batch, most_padded)
        arrays = self._joined(finals, back)
        decoded: dict[str, Sequence[Answer]] = {
            name: _joined_answers([part.answers[name] for part in finals], back)
            if name in self._running.decoded
            else self._running.detailed(
                name, self._kinds[name].decode(arrays[name], self._states[name], columns), arrays[name]
            )
            for name in self._output_kinds
        }
        if probabilities:
            decoded |= self._with_probabilities(decoded, arrays)
        return [dict(zip(decoded, row, strict=True)) for row in zip(*decoded.values(), strict=True)]

    def _with_probabilities(
        self, decoded: Mapping[str, Sequence[Answer]], arrays: Mapping[str, Mapping[str, Array]]
    ) -> dict[str, Sequence[Answer]]:
        """Return the answers of the outputs that have probabilities, with these."""
        found: dict[str, Sequence[Answer]] = {}
        for name in arrays:
            rows = self._kinds[name].probabilities(arrays[name], self._states[name])
            if rows is not None:
                pairs = zip(decoded[name], rows, strict=True)
                found[name] = [replace(answer, probabilities=row) for answer, row in pairs]
        return found

    def infer(
        self, columns: Columns, batch: int = BATCH, options: Mapping[str, JsonLike] | None = None
    ) -> dict[str, dict[str, Array]]:
        """Return the body's raw arrays (output → array → values, one row each) of canonical values.

        Rows are put into batches with others of about their size, so that little is computed on padding,
        and the results are put back into the order given. Of an output that the driver decodes, its answers stand
        under `DECODED`. options: as of `parts`.
        """
        finals, back = self._finals(columns, batch, options=options or {})
        found = self._joined(finals, back)
        for name in self._running.decoded:
            answers = _joined_answers([part.answers[name] for part in finals], back)
            array = np.empty(len(answers), dtype=object)
            array[:] = answers
            found[name] = {DECODED: array}
        return found

    def log_likelihoods(self, output: str, columns: Columns, values: Sequence[object]) -> Array | None:
        """Return ln p of values as the answers of an output to n rows, and their tokens, (n, 2).

        None where the body gives no probabilities; NaN of a missing value (None), and of one that does not fit.
        """
        if output not in self._running.decoded:
            return None
        return self._running.log_likelihoods(self._call(columns, {}), output, values)

    def parts(
        self, columns: Columns, options: Mapping[str, JsonLike] | None = None
    ) -> Generator[dict[int, Answers], None, None]:
        """Yield the answers so far, by row, as the driver makes them; the last part has every row.

        All rows are one call. Close the generator to end the work early.
        """
        if not len(next(iter(columns.values()))):
            return
        with closing(self._running.run(self._call(columns, options or {}))) as running:
            for part in running:
                yield self._decoded(part, columns)

    def _decoded(self, part: Part, columns: Columns) -> dict[int, Answers]:
        count = len(next(iter(columns.values())))
        rows = list(range(count)) if part.rows is None else list(part.rows)
        given = columns if part.rows is None else {n: [c[row] for row in rows] for n, c in columns.items()}
        by_output: dict[str, Sequence[Answer]] = {}
        for name in self._output_kinds:
            if name in self._running.decoded:
                by_output[name] = part.answers[name]
            else:
                arrays = {array: part.arrays[f"{name}.{array}"] for array, _ in self._answers(name)}
                decoded = self._kinds[name].decode(arrays, self._states[name], given)
                by_output[name] = self._running.detailed(name, decoded, arrays)
        answers = zip(*by_output.values(), strict=True)
        return {row: dict(zip(by_output, one, strict=True)) for row, one in zip(rows, answers, strict=True)}

    def _finals(
        self,
        columns: Columns,
        batch: int,
        most_padded: float = MOST_PADDED,
        options: Mapping[str, JsonLike] = MappingProxyType({}),
    ) -> tuple[list[Part], NDArray[np.int64] | None]:
        """Return the last part of each batch, and how their rows go back into the order given."""
        count = len(next(iter(columns.values())))
        sizes = row_sizes([(size, columns[name]) for name, size in self._sizes], count)
        cut = batches(sizes, batch, most_padded)
        finals = [
            self._final({name: [column[i] for i in places] for name, column in columns.items()}, options)
            for places in cut
        ]
        return finals, np.argsort(np.concatenate(cut)) if count > 1 else None

    def _final(self, columns: Columns, options: Mapping[str, JsonLike]) -> Part:
        last = None
        for part in self._running.run(self._call(columns, options)):
            last = part
        assert last is not None, "a driver yields at least one part"
        assert last.rows is None, "the last part of a driver speaks of every row"
        return last

    def _call(self, columns: Columns, options: Mapping[str, JsonLike]) -> Call:
        arrays = {
            f"{field.name}.{array}": values
            for field in self.signature.inputs
            for array, values in self._kinds[field.name]
            .encode(columns[field.name], self._states[field.name])
            .items()
        }
        return Call(arrays, columns, options)

    def _joined(self, finals: Sequence[Part], back: NDArray[np.int64] | None) -> dict[str, dict[str, Array]]:
        return {
            name: {
                array: _joined([part.arrays[f"{name}.{array}"] for part in finals], back, spec)
                for array, spec in self._answers(name)
            }
            for name in self._output_kinds
            if name not in self._running.decoded
        }

    def _answers(self, output: str) -> Iterator[tuple[str, ArraySpec]]:
        yield from self._kinds[output].answers(self._states[output]).items()

    def _is_padded(self, name: str) -> bool:
        """Return whether an input's arrays are as long as the longest value of their batch."""
        specs = self._kinds[name].specs(self._states[name]).values()
        return any(isinstance(axis, str) for spec in specs for axis in spec.shape[1:])

    def example(self, rows: int = 1) -> Columns:
        """Return rows alike that the kinds make of their states: values as training showed, and none missing."""
        return {
            field.name: [self._kinds[field.name].example(self._states[field.name])] * rows
            for field in self.signature.inputs
        }

    def longest(self) -> Columns:
        """Return one row of values as long as the states let them be, and `example`'s where all are of one size."""
        found = dict(self.example())
        for name in found:
            value = self._kinds[name].longest(self._states[name])
            if value is not None:
                found[name] = [value]
        return found

    def require_answer(self) -> None:
        """Answer an example that the kinds make of their states; raises PackageError where that comes to nothing.

        The arrays must be as wide as the states say. A body that streams is not tried: it may wait for something.
        """
        if self.streams:
            return
        columns = self.example()
        with in_time(self._running.interrupt):
            self._require_example(columns)
            self._require_longest(columns)

    def _require_example(self, columns: Columns) -> None:
        """Raise PackageError where an example is not answered as the states say."""
        try:
            wrong = self._misshapen(self.infer(columns))
            confidences = [] if wrong else [one.confidence for one in self.answer(columns)[0].values()]
        except Exception as error:  # whatever the graph, the driver and the kinds raise
            reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
            raise PackageError(Problem("package.cannot-answer", error=reason)) from None
        if wrong:
            raise PackageError(Problem("package.cannot-answer", array=wrong))
        if any(one is not None and not 0.0 <= one <= 1.0 for one in confidences):
            raise PackageError(Problem("package.cannot-answer"))

    def _require_longest(self, example: Columns) -> None:
        """Raise PackageError where the body fails on values as long as the states let them be: on no short one."""
        for name, kind in self._kinds.items():
            value = kind.longest(self._states[name]) if name in example else None
            if value is None:
                continue
            try:
                self.infer({**example, name: [value]})
            except Exception as error:  # whatever the graph and the driver raise
                reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
                raise PackageError(Problem("package.cannot-answer", error=reason, name=name)) from None

    def _misshapen(self, found: Mapping[str, Mapping[str, Array]]) -> str | None:
        """Return the first array that is not as its state says."""
        for output, arrays in found.items():
            if output in self._running.decoded:
                continue
            for name, spec in self._answers(output):
                array, axes = arrays[name], spec.shape[1:]
                same = len(array.shape) == len(spec.shape) and np.dtype(spec.dtype).kind == array.dtype.kind
                sizes = zip(array.shape[1:], axes, strict=True) if same else ()
                if not same or any(isinstance(axis, int) and size != axis for size, axis in sizes):
                    return f"{output}.{name} {list(array.shape)} {array.dtype}"
        return None

    def _require_arrays(self) -> None:
        given = {
            f"{field.name}.{array}"
            for field in self.signature.inputs
            for array in self._kinds[field.name].specs(self._states[field.name])
        }
        wanted = {
            f"{name}.{array}"
            for name in self._output_kinds
            if name not in self._running.decoded
            for array, _ in self._answers(name)
        }
        unknown = min(self._running.inputs - given, default=None)
        absent = min(wanted - self._running.outputs, default=None)
        if unknown is not None or absent is not None:
            raise PackageError(Problem("package.graph-arrays", unknown=unknown, absent=absent))


def load(path: str | Path, *, threads: int | None = None) -> Function:
    """Load the function from a package's folder, checking every byte of it; raises PackageError.

    A package that cannot answer an example of its own is refused.

    `threads` changes the number of cores used; None takes the number that the package was timed with.
    """
    function = Function(read(Path(path)), threads)
    function.require_answer()
    return function


def _joined(parts: Sequence[Array], back: NDArray[np.int64] | None, spec: ArraySpec) -> Array:
    if not parts:
        return np.zeros((0, *(size for size in spec.shape if isinstance(size, int))), dtype=spec.dtype)
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole if back is None else whole[back]


def _joined_answers(parts: Sequence[Sequence[Answer]], back: NDArray[np.int64] | None) -> list[Answer]:
    whole = [answer for part in parts for answer in part]
    return whole if back is None else [whole[place] for place in back]
