"""Boosted trees (LightGBM) on the columns of a table.

What is learned is a folder:

    learned.json        the learner, the rounds kept for each booster, and the lags of an output that is a series
    booster-{i}.txt     LightGBM's text of booster i, counted over all outputs
    states.json         the signature and the kinds' states
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from modelwright import kinds
from modelwright.core import progress as progress_of
from modelwright.core.messages import Phrase
from modelwright.core.progress import VALIDATION_LOSS, LearningPoint, Progress, ProgressTask
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners import kind_states, known_truths, time_folds, timing
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees import boosting, columns, folds, onnx_graph
from modelwright.learners.trees.columns import BoosterTask, Output
from modelwright.learners.trees.onnx_graph import Feature, TreeDump
from modelwright.learners.trees.spec import TreesOptions, TreesSpec, TreesTraining
from modelwright.package.graphs import open_session
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

_FORMAT = 1
_MOST_TREES_TRIED = 2_000  # of the candidate graph that a forecast times; more are estimated from these
# A second thread must pay for the waiting at the end of every step: on two busy cores, 30,000 rows took 17 ms
# a round with one thread and 138 ms with two, 200,000 rows 31 ms and 17 ms.
_ROWS_A_THREAD = 100_000
_TIMED_REQUESTS = 30
_BYTES_A_LEAF = 200  # of a tree in memory, with its counts and gains


class TreesLearn(Learn[Rows]):
    """Boosts decision trees, one booster for each output or member of a set."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Time a few rounds for every booster, and a graph with as many trees as the budget allows."""
        assert isinstance(options, TreesOptions)
        assert isinstance(training, TreesTraining)
        train, started = data.train, timing.now_s()
        states = kind_states.fit(signature, train, accepted=TreesSpec.inputs)
        known_truths.require(signature, states, train)
        features = columns.features(signature, states)
        encoded = columns.encode(signature, states, train.columns)
        outputs = columns.outputs(signature, states, columns.aheads_of(signature, states, train, encoded))
        encode_s = timing.now_s() - started
        tasks = [task for output in outputs for task in output.tasks]
        timed = [
            boosting.time_rounds(
                _params(task, options, training, threads=1, seed=0),
                columns.table(task, train, encoded, states, features),
            )
            for task in tasks
        ]
        threads = _threads(machine.cores, len(train))
        prepare_s = encode_s + sum(one.prepare_s for one in timed)
        round_s = max(timing.on_threads(sum(one.round_s for one in timed), threads), 1e-6)
        if any(task.ahead is not None for task in tasks):
            round_s *= time_folds.FOLDS  # each fold learns again, from three quarters of the rows
        affordable = int(max(0.0, budget_s - prepare_s) / round_s)
        rounds = training.epochs or max(1, min(affordable, options.most_rounds))
        dumps = [one.booster.dump_model() for one in timed]
        candidate = _Candidate(signature, states, features, outputs, dumps)
        package_bytes, latency_s = candidate.forecast(rounds, train)
        trees = rounds * sum(len(task.targets) for task in tasks)
        return Estimate(
            steps=rounds,
            batch=len(train),
            epochs=float(rounds),  # a round goes over all rows
            seconds=prepare_s + rounds * round_s,
            memory_bytes=peak_memory_bytes() + trees * options.leaves * _BYTES_A_LEAF,
            package_bytes=package_bytes,
            latency_s=latency_s,
            why=Phrase(
                "trees.why",
                timed=min(one.rounds for one in timed),
                rows=len(train),
                round_ms=round_s * 1e3,
                rounds=rounds,
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Boost one booster after the other, and calibrate each output on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, TreesOptions)
        assert isinstance(training, TreesTraining)
        train, validation = data.train, data.held
        states = kind_states.fit(signature, train, accepted=TreesSpec.inputs)
        known_truths.require(signature, states, train)
        features = columns.features(signature, states)
        encoded = columns.encode(signature, states, train.columns)
        held = columns.encode(signature, states, validation.columns)
        aheads = columns.aheads_of(signature, states, train, encoded)
        out.mkdir(parents=True, exist_ok=True)
        history: dict[str, list[float]] = {}
        rounds: dict[str, int] = {}
        threads, place = _threads(setup.threads, len(train)), 0
        for output in columns.outputs(signature, states, aheads):
            sums = []
            for task in output.tasks:
                with progress.task(str(Phrase("work.boosting", output=task.name)), setup.steps) as bar:
                    boosted = boosting.boost(
                        _params(task, options, training, threads=threads, seed=setup.seed),
                        columns.table(task, train, encoded, states, features),
                        columns.table(task, validation, held, states, features),
                        rounds=setup.steps,
                        patience=training.patience,
                        checkpoint=scratch / f"booster-{place}.json",
                        advance=_shown(bar, task.name),
                    )
                    progress_of.record(
                        bar, LearningPoint(boosted.rounds, of=task.name, unit="round", kept=True)
                    )
                sums.append(boosting.raw_answers(boosted.text, columns.matrix_of(task, held, features)))
                columns.booster(out, place).write_text(boosted.text, encoding="utf-8")
                history[task.name], rounds[task.name] = list(boosted.history), boosted.rounds
                place += 1
            name = output.field.name
            kind = kinds.arrays(output.field.kind)
            shown = validation.columns
            if output.ahead is not None:
                params = _params(output.tasks[0], options, training, threads=threads, seed=setup.seed)
                kept, checkpoint = rounds[name], scratch / f"booster-{place}.json"
                tables = _of_folds(output.tasks[0], train, encoded, states, features)
                with progress.task(str(Phrase("work.folds", output=name)), time_folds.FOLDS) as bar:
                    out_of_fold = folds.answers(
                        params, tables, len(train), kept, checkpoint, partial(bar.advance, 1)
                    )
                sums = [np.concatenate([*out_of_fold, *sums])]
                if out_of_fold:
                    shown = {one: [*train.columns[one], *column] for one, column in shown.items()}
            states[name] = kind.calibrate_out_of_fold(
                output.arrays(sums), shown[name], states[name], shown, len(validation)
            )
        kind_states.write(out, signature, states)
        learned: dict[str, object] = {"format": _FORMAT, "learner": setup.learner, "rounds": rounds}
        if aheads:
            learned[columns.AHEAD] = {name: one.as_json() for name, one in aheads.items()}
        (out / columns.NOTE).write_text(json.dumps(learned, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return {"history": history, "rounds": rounds}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with LightGBM itself."""
        signature, states = kind_states.read(learned)
        encoded = columns.encode(signature, states, inputs)
        features = columns.features(signature, states)
        answers, place = {}, 0
        for output in columns.outputs(signature, states, columns.read_aheads(learned)):
            texts = [
                columns.booster(learned, place + number).read_text("utf-8")
                for number in range(len(output.tasks))
            ]
            place += len(texts)
            answers[output.field.name] = output.arrays(
                [
                    boosting.raw_answers(text, columns.matrix_of(task, encoded, features))
                    for task, text in zip(output.tasks, texts, strict=True)
                ]
            )
        return answers


@dataclass(frozen=True)
class _Candidate:
    """A graph as large as the one to come, made of the few timed trees over and over."""

    signature: Signature
    states: Mapping[str, object]
    features: Sequence[Feature]
    outputs: Sequence[Output]
    dumps: Sequence[TreeDump]

    def forecast(self, rounds: int, train: Examples) -> tuple[int, float]:
        """Return the bytes of the graph and the seconds that one row takes to encode and run, on one core."""
        a_round = sum(len(task.targets) for output in self.outputs for task in output.tasks)
        tried = min(rounds, max(2, _MOST_TREES_TRIED // a_round))
        small, large = self._graph(1), self._graph(tried)
        small_s, large_s = self._row_s(small, train), self._row_s(large, train)
        beyond = (rounds - tried) / max(1, tried - 1)
        size = len(large) + beyond * (len(large) - len(small))
        return int(size), large_s + beyond * max(0.0, large_s - small_s)

    def _graph(self, rounds: int) -> bytes:
        """Return a graph of so many rounds, the timed trees repeated."""
        waiting = iter(self.dumps)
        answers = []
        for output in self.outputs:
            repeated = []
            for task, dump in zip(output.tasks, waiting, strict=False):  # as many as the output has
                trees, wanted = dump["tree_info"], rounds * len(task.targets)
                repeated.append({"tree_info": [trees[at % len(trees)] for at in range(wanted)]})
            answers.append(output.answers(repeated))
        return onnx_graph.graph(self.features, answers)

    def _row_s(self, graph: bytes, train: Examples) -> float:
        """Return the median seconds that one row takes to encode and run."""
        session = open_session(graph, 1, "the graph that a forecast times")

        def answer(at: int) -> None:
            row = {name: [column[at]] for name, column in train.columns.items()}
            session.run(None, columns.encode(self.signature, self.states, row))

        return statistics.median(
            timing.least_s(partial(answer, at), 1) for at in range(min(_TIMED_REQUESTS, len(train)))
        )


def _shown(bar: ProgressTask, name: str) -> boosting.Advance:
    """Return what shows and records the loss of each round of a booster."""
    rounds = itertools.count(1)

    def advance(loss: float | None) -> None:
        number = next(rounds)
        bar.advance(1)
        if loss is not None:
            progress_of.seen(bar, {VALIDATION_LOSS: loss})
            progress_of.record(bar, LearningPoint(number, {VALIDATION_LOSS: loss}, name, "round"))

    return advance


def _of_folds(
    task: BoosterTask,
    train: Examples,
    encoded: Mapping[str, Array],
    states: Mapping[str, object],
    features: Sequence[Feature],
) -> folds.Tables:
    """Return what makes tables of some training rows."""
    targets = known_truths.truths(task.field, train, states)

    def features_of(rows: folds.Places) -> folds.Floats:
        return columns.matrix_of(task, {name: array[rows] for name, array in encoded.items()}, features)

    return partial(columns.step_table, task, targets, encoded, features), features_of


def _threads(cores: int, rows: int) -> int:
    return max(1, min(cores, rows // _ROWS_A_THREAD))


def _params(
    task: BoosterTask, options: TreesOptions, training: TreesTraining, *, threads: int, seed: int
) -> dict[str, object]:
    return {
        **task.objective,
        "learning_rate": training.learning_rate,
        "lambda_l2": training.weight_decay,
        "num_leaves": options.leaves,
        "min_data_in_leaf": options.min_rows,
        "min_data_per_group": options.min_rows,
        "num_threads": threads,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,  # else LightGBM times both ways and takes the faster
        # What is missing is NaN of an amount; other kinds mark it in columns of their own.
        "use_missing": True,
        "verbosity": -1,
    }
