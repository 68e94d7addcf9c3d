"""Boosted trees (LightGBM) on numbers, categories and truth values; one booster an output.

What is learned is a folder:

    learned.json        the learner, and the rounds kept for each output
    booster-{i}.txt     LightGBM's text of output i
    states.json         the signature and the kinds' states
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from modelwright import kinds
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners import states as _states
from modelwright.learners.base import Forecast, Learner, Machine, Setup, Training
from modelwright.learners.trees import boosting as _boosting
from modelwright.learners.trees import columns as _trees_columns
from modelwright.learners.trees import onnx_graph as _trees_onnx
from modelwright.learners.trees.columns import Task, booster_text
from modelwright.learners.trees.onnx_graph import Feature
from modelwright.package.graphs import open_session
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.rows import Examples

_FORMAT = 1
_LEARNING_RATE, _WEIGHT_DECAY, _PATIENCE = 0.05, 0.0, 50
_MOST_TREES_TRIED = 2_000  # of the candidate graph that a forecast times; more are reckoned from these
# A second thread must pay for the waiting at the end of every step: on two busy cores, 30,000 rows took 17 ms
# a round with one thread and 138 ms with two, 200,000 rows 31 ms and 17 ms.
_ROWS_A_THREAD = 100_000
_TIMED_REQUESTS = 30
_BYTES_A_LEAF = 200  # of a tree in memory, with its counts and gains


class TreesOptions(BaseModel):
    """The keys of `model:` that boosted trees take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leaves: int = Option(31, ge=2, le=4096, description="most leaves of a tree")
    min_rows: int = Option(
        20, ge=1, description="fewest rows in a leaf, and in a group of classes to split by"
    )
    most_rounds: int = Option(1000, ge=1, description="most rounds that a budget is turned into")


class Trees(Learner):
    """Gradient-boosted decision trees."""

    name: ClassVar[str] = "trees"
    summary: ClassVar[str] = "boosted trees on numbers, categories and truth values (LightGBM)"
    Options: ClassVar[type[BaseModel]] = TreesOptions
    # A round reads every row once, so an epoch is a round.
    takes: ClassVar[frozenset[str]] = frozenset({"epochs", "learning_rate", "weight_decay", "patience"})
    rank: ClassVar[int] = 1

    def refuses(self, signature: Signature) -> str | None:
        """Return why not: trees need columns, and answer numbers, categories and truth values."""
        for side, fields in (("read", signature.inputs), ("answer", signature.outputs)):
            for field in fields:
                if field.kind not in _trees_columns.COLUMN_KINDS:
                    return (
                        f"trees {side} numbers, categories and truth values, and `{field}` is none of these"
                    )
        return None

    def forecast(
        self,
        signature: Signature,
        train: Examples,
        options: BaseModel,
        training: Training,
        pretrained: Path | None,
        machine: Machine,
        budget_s: float,
    ) -> Forecast:
        """Time a few rounds for every output, and a graph with as many trees as the budget allows."""
        assert isinstance(options, TreesOptions)
        started = time.perf_counter()
        _trees_columns.require_truths(signature, train)
        states = _states.fit(signature, train)
        features = _trees_columns.features(signature, states)
        encoded = _trees_columns.encode(signature, states, train.columns)
        tasks = _trees_columns.tasks(signature, states)
        encode_s = time.perf_counter() - started
        timed = [
            _boosting.time_rounds(
                _params(task, options, training, len(train), threads=machine.cores, seed=0),
                _trees_columns.table(task, train, encoded, states, features),
            )
            for task in tasks
        ]
        prepare_s = encode_s + sum(one.prepare_s for one in timed)
        round_s = max(sum(one.round_s for one in timed), 1e-6)
        affordable = int(max(0.0, budget_s - prepare_s) / round_s)
        rounds = training.epochs or max(1, min(affordable, options.most_rounds))
        candidate = _Candidate(
            signature, states, features, tasks, [one.booster.dump_model() for one in timed]
        )
        package_bytes, latency_s = candidate.forecast(rounds, train)
        trees = rounds * sum(len(task.targets) for task in tasks)
        return Forecast(
            steps=rounds,
            batch=len(train),
            seconds=prepare_s + rounds * round_s,
            memory_bytes=peak_memory_bytes() + trees * options.leaves * _BYTES_A_LEAF,
            package_bytes=package_bytes,
            latency_s=latency_s,
            why=f"{min(one.rounds for one in timed)} rounds on {len(train)} rows took {round_s * 1e3:.2g} ms "
            f"each; {rounds} are the most, and validation may stop them sooner",
        )

    def learn(
        self,
        signature: Signature,
        train: Examples,
        validation: Examples,
        setup: Setup,
        out: Path,
        scratch: Path,
        progress: Progress,
    ) -> dict[str, Any]:
        """Boost one output after the other, and calibrate each on validation."""
        assert isinstance(setup.options, TreesOptions)
        _trees_columns.require_truths(signature, train)
        states = _states.fit(signature, train)
        features = _trees_columns.features(signature, states)
        encoded = _trees_columns.encode(signature, states, train.columns)
        held = _trees_columns.encode(signature, states, validation.columns)
        out.mkdir(parents=True, exist_ok=True)
        history, rounds = {}, {}
        for place, task in enumerate(_trees_columns.tasks(signature, states)):
            name = task.field.name
            with progress.task(f"boosting {name}", setup.steps) as bar:
                boosted = _boosting.boost(
                    _params(
                        task,
                        setup.options,
                        setup.training,
                        len(train),
                        threads=setup.threads,
                        seed=setup.seed,
                    ),
                    _trees_columns.table(task, train, encoded, states, features),
                    _trees_columns.table(task, validation, held, states, features),
                    rounds=setup.steps,
                    patience=setup.training.patience or _PATIENCE,
                    checkpoint=scratch / f"booster-{place}.json",
                    advance=partial(bar.advance, 1),
                )
            answers = task.arrays(_boosting.raw_answers(boosted.text, _trees_columns.matrix(held, features)))
            kind = kinds.arrays(task.field.kind)
            states[name] = kind.calibrate(answers, validation.columns[name], states[name])
            _trees_columns.booster(out, place).write_text(boosted.text, encoding="utf-8")
            history[name], rounds[name] = list(boosted.history), boosted.rounds
        _states.write(out, signature, states)
        learned = {"format": _FORMAT, "learner": self.name, "rounds": rounds}
        (out / "learned.json").write_text(json.dumps(learned, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return {"history": history, "rounds": rounds}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Array]]:
        """Answer with LightGBM itself."""
        signature, states = _states.read(learned)
        matrix = _trees_columns.matrix(
            _trees_columns.encode(signature, states, inputs), _trees_columns.features(signature, states)
        )
        return {
            task.field.name: task.arrays(_boosting.raw_answers(booster_text(learned, place), matrix))
            for place, task in enumerate(_trees_columns.tasks(signature, states))
        }


@dataclass(frozen=True)
class _Candidate:
    """A graph as large as the one to come, made of the few timed trees over and over."""

    signature: Signature
    states: Mapping[str, Any]
    features: Sequence[Feature]
    tasks: Sequence[Task]
    dumps: Sequence[Mapping[str, Any]]

    def forecast(self, rounds: int, train: Examples) -> tuple[int, float]:
        """Return the bytes of the graph and the seconds that one row takes to encode and run, on one core."""
        a_round = sum(len(task.targets) for task in self.tasks)
        tried = min(rounds, max(2, _MOST_TREES_TRIED // a_round))
        small, large = self._graph(1), self._graph(tried)
        small_s, large_s = self._row_s(small, train), self._row_s(large, train)
        beyond = (rounds - tried) / max(1, tried - 1)
        size = len(large) + beyond * (len(large) - len(small))
        return int(size), large_s + beyond * max(0.0, large_s - small_s)

    def _graph(self, rounds: int) -> bytes:
        """Return a graph of so many rounds, the timed trees repeated."""
        answers = []
        for task, dump in zip(self.tasks, self.dumps, strict=True):
            trees, wanted = dump["tree_info"], rounds * len(task.targets)
            answers.append(task.answers({"tree_info": [trees[at % len(trees)] for at in range(wanted)]}))
        return _trees_onnx.graph(self.features, answers)

    def _row_s(self, graph: bytes, train: Examples) -> float:
        """Return the median seconds that one row takes to encode and run."""
        session = open_session(graph, 1, "the graph that a forecast times")
        seconds = []
        for at in range(min(_TIMED_REQUESTS, len(train))):
            row = {name: [column[at]] for name, column in train.columns.items()}
            started = time.perf_counter()
            session.run(None, _trees_columns.encode(self.signature, self.states, row))
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)


def _params(
    task: Task, options: TreesOptions, training: Training, rows: int, *, threads: int, seed: int
) -> dict[str, Any]:
    rate, decay = training.learning_rate, training.weight_decay
    return {
        **task.objective,
        "learning_rate": _LEARNING_RATE if rate is None else rate,
        "lambda_l2": _WEIGHT_DECAY if decay is None else decay,
        "num_leaves": options.leaves,
        "min_data_in_leaf": options.min_rows,
        "min_data_per_group": options.min_rows,
        "num_threads": max(1, min(threads, rows // _ROWS_A_THREAD)),
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,  # else LightGBM times both ways and takes the faster
        "use_missing": False,  # the kinds mark what is missing in columns of their own
        "verbosity": -1,
    }
