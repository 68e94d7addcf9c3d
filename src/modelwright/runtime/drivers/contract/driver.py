"""The facet `driver`: opens a body, and answers batches with it, in one part or in many.

The order of calls:

    running = driver.open(body, threads)     # once, when a package is loaded
    parts = running.run(call)                # for each batch; nothing is computed yet
    for part in parts: ...                   # computes as far as the next part
    parts.close()                            # the caller has left: GeneratorExit is raised at the `yield`

`run` is a generator. Every part is *the answer so far*: a later part replaces an earlier one, so that who reads
slowly may skip parts, and text is not cut within a character; a part may speak of no row yet. **The last part speaks
of every row and is the answer.** A driver that computes everything at once yields that one part. `try … finally`
around a `yield` frees what a batch holds, whether it ends, fails or is closed.

    class Once(Running):
        def run(self, call):
            yield Part(self._answers(call.arrays))

    class Decode(Running):
        streams = True
        def run(self, call):
            for ids, done in self._tokens(call.arrays, call.options):       # ids: (n, length so far)
                yield Part({"answer.ids": ids})
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from modelwright.core.json_types import JsonLike, JsonObject
from modelwright.core.messages import Problem
from modelwright.kinds.contract.common import Answer, Array
from modelwright.package.body import Body


@dataclass(frozen=True)
class Call:
    """A batch of n rows to answer.

    arrays: what the kinds encoded, by `{input}.{array}`, the first axis of each is n; columns: the same rows
    as canonical values, n by input (None: missing), for drivers that hand them on or look into them; options:
    what the caller asks beside the inputs (`max_tokens`), which a driver that does not know it ignores.
    """

    arrays: Mapping[str, Array]
    columns: Mapping[str, Sequence[object]]  # values of whatever kind the input has
    options: Mapping[str, JsonLike] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """The answer so far, to m rows of a call.

    arrays: by `{output}.{array}`, (m, …), as the answers of the outputs' kinds are specified; answers: m answers
    of each output that the driver decodes itself; rows: the places of these rows in the call, ascending (None:
    all of them, so m = n).
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    rows: Sequence[int] | None = None


@dataclass(frozen=True)
class Load:
    """What a body that writes has to do now, and what it has done since it was opened.

    waiting, writing: rows that have no place yet, and those that have one; cache_bytes: keys and values that are held,
    kept beginnings of prompts among them. prompt_tokens, of which kept_tokens were known from an earlier prompt, and
    written_tokens: since it was opened, whoever left meanwhile.
    """

    waiting: int = 0
    writing: int = 0
    cache_bytes: int = 0
    prompt_tokens: int = 0
    kept_tokens: int = 0
    written_tokens: int = 0


class Running(ABC):
    """A body that was opened. Safe to use from several threads at once, each with calls of its own.

    inputs: names of the arrays that it takes, `{input}.{array}`; an array that an export found to be without effect
    may be left out. outputs: names of the arrays that it gives. decoded: outputs that it gives as answers.
    streams: whether a call may have more than one part; then each request is a call of its own and shares no batch.
    at_once: how many of such calls it is worth to have under way. options: what a caller may ask beside the inputs
    (`Call.options`), each with the JSON schema of its values; `misfits` refuses what is none.
    """

    inputs: frozenset[str]
    outputs: frozenset[str]
    decoded: frozenset[str] = frozenset()
    streams: ClassVar[bool] = False
    at_once: int = 8
    options: Mapping[str, JsonObject] = MappingProxyType({})

    @abstractmethod
    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the parts of the answer to a batch. The answer to a row does not depend on the other rows.

        What it raises fails the call; the message is logged where the package runs, and no caller sees it.
        """

    def log_likelihoods(self, call: Call, output: str, values: Sequence[object]) -> Array | None:
        """Return ln p of each value (None: missing) as the answer to its row, and how many tokens it has: (n, 2).

        output: one of `decoded`; the value's end is among its tokens. NaN of a missing value, and of one that does not
        fit. None, the default, of a body that gives no probabilities.
        """
        return None

    def detailed(
        self, output: str, answers: Sequence[Answer], arrays: Mapping[str, Array]
    ) -> Sequence[Answer]:
        """Return answers that a kind decoded of these arrays, by name, with what only the body's files tell of them.

        By default they stay as they are. It changes `Answer.details` alone.
        """
        return answers

    def misfits(self, call: Call) -> Mapping[int, Problem]:
        """Return by row why it cannot be answered, beyond what the kinds know; by default every row can.

        The call has no arrays yet: its columns and options tell. Who asks for an answer nevertheless gets None for such
        a row.
        """
        return {}

    def prompt_tokens(self, call: Call) -> Sequence[int] | None:
        """Return how many tokens the prompt of each row has, fit or not; None, the default, of a body without prompts.

        The call has no arrays. Raises RequestError for a role that the template has not.
        """
        return None

    def load(self) -> Load | None:
        """Return what it has to do and has done; None, the default, of a body that keeps no rows between parts."""
        return None

    def interrupt(self) -> None:  # noqa: B027 - most that are not a graph cannot be stopped
        """Make the calls under way raise soon, where the body can be stopped; by default it cannot.

        Called from another thread, where an example has not been answered in time.
        """


class Driver(ABC):
    """Opens bodies. Stateless."""

    @abstractmethod
    def open(self, body: Body, threads: int) -> Running:
        """Open a body's graphs (`package.graphs.open_session`) with `threads` cores, and its files and settings.

        `body.files` are mapped: read from their buffers (`numpy.frombuffer`) what is needed, when it is needed.
        Raises PackageError where graphs, files or settings are not what the driver runs.
        """

    def open_on_gpu(self, body: Body, threads: int) -> Running | None:
        """Open a body as `open` does, with its graphs on a GPU (`open_session(…, on_gpu=True)`); raises as `open`.

        None, the default, of a driver that stays on the CPU.
        """
        return None
