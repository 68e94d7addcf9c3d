"""The facet `export`: makes a body of what was learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import Progress
from modelwright.learners.contract.compression import FormChoice, Int8Choice, shown
from modelwright.learners.contract.learn import Predicted
from modelwright.learners.contract.source import Rows
from modelwright.package.body import Body

if TYPE_CHECKING:  # reading passages loads Polars, which a specification has no use for
    from modelwright.storage.formats.corpus import Corpus


@dataclass(frozen=True)
class ServingLimits:
    """What the requirements allow one request to take, and a package; None: anything."""

    latency_s: float | None = None
    package_bytes: int | None = None


class Export(ABC):
    """Exports what a learner learned. `learn` never imports this facet, and this one not `learn`."""

    @abstractmethod
    def export(self, learned: Path) -> Body:
        """Return the body of what lies in the folder `learned`; equal folders give equal bytes.

        Its graphs' inputs and outputs are named `{field}.{array}` as the kinds name their arrays.
        """

    @abstractmethod
    def compress(self, body: Body) -> Body | None:
        """Return a smaller body (int8) whose answers do not depend on their batch, or None without one.

        A learner whose specification says `compresses` has one for every body that is large enough.
        """

    def kept_within(
        self, learned: Path, limits: ServingLimits, rows: Callable[[], Rows], out: Path
    ) -> tuple[Path, tuple[Notice, ...]]:
        """Return the folder of what was learned that keeps the limits, and what is left out of it for them.

        Of a learner that can leave something out; by default all is as it was learned. out: a folder that is not there
        yet, for another one.
        """
        return learned, ()

    def indexed(
        self,
        learned: Path,
        body: Body,
        corpus: Corpus,
        validation: Mapping[str, Sequence[object]],
        out: Path,
        threads: int,
        progress: Progress,
        cache: Path | None = None,
    ) -> Body:
        """Return the exported body with the passages of a corpus, from which it chooses.

        Of a learner that answers choices. validation: columns of rows, on which is chosen how rankings are fused and
        how sure answers are; out: a folder that is not there yet, for files of the body that are too large for memory;
        cache: a folder for what follows from its inputs alone and takes long to make, None: keep nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} chooses from no corpus")

    def answered(self, body: Body, predicted: Predicted, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return what the learner's own framework answers with what `Learn.predict` gave; mostly that itself.

        Of a learner that answers choices: what is found in the body's files with its vectors.
        """
        return predicted

    def says(self, learned: Path) -> tuple[Phrase, ...]:
        """Return what is worth knowing of what was learned, for the screen and the report; by default nothing."""
        return ()

    def compress_on(self, body: Body, rows: Callable[[], Rows]) -> Body | None:
        """Return what `compress` does, with rows at hand.

        rows: reads training rows, on which scales can be measured and heads fitted again, and validation rows, on which
        can be chosen. By default they are not read.
        """
        return self.compress(body)

    def compressor(self, body: Body, rows: Callable[[], Rows]) -> Compressor:
        """Return what makes the forms of a body: this is what `package` calls. By default `int8`, by `compress_on`."""
        return _OwnForm(lambda: self.compress_on(body, rows))


class Compressor(ABC):
    """Makes the forms of one body. What it makes rests on the body and the rows alone: equal ones give equal bytes."""

    @property
    def offers(self) -> Sequence[Sequence[FormChoice]]:
        """Return what `package.compress: auto` tries: each one or more forms, taken one after another."""
        return ((Int8Choice(),),)

    @property
    def otherwise(self) -> Sequence[Sequence[FormChoice]]:
        """Return what `auto` tries where none of the offers may be taken. By default nothing."""
        return ()

    @abstractmethod
    def made(self, chosen: Sequence[FormChoice]) -> Body | Phrase | None:
        """Return the body in these forms, taken one after another.

        Why they change nothing is a phrase; None: the learner has no such form at all.
        """

    def work(self, body: Body) -> float:
        """Return what the graphs of the body in some form compute for a row, in any unit; 0 where that is not known.

        Forms are compared by it, so it must be the same whenever it is asked for: nothing that a clock says.
        """
        return 0.0


@final
class _OwnForm(Compressor):
    """The one form of a learner that makes `int8` by itself, or none."""

    def __init__(self, int8: Callable[[], Body | None]) -> None:
        self._int8 = int8

    def made(self, chosen: Sequence[FormChoice]) -> Body | Phrase | None:
        """Return the body in 8 bits."""
        return self._int8() if shown(chosen) == shown([Int8Choice()]) else None
