"""Boosted trees (LightGBM) on the columns of a table.

What is learned is a folder:

    learned.json        the learner, the rounds kept for each booster, the lags of an output that is a series, and how a
                        number was learned as its logarithm
    booster-{i}.txt     LightGBM's text of booster i, counted over all outputs; of several whose mean is answered the
                        others are booster-{i}-{bag}.txt
    states.json         the signature and the kinds' states
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from modelwright import kinds
from modelwright.core import progress as progress_of
from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import VALIDATION_LOSS, LearningPoint, Progress, ProgressTask
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners import kind_states, known_truths, time_folds, timing
from modelwright.learners.contract.ending import SETTLED, TrainingEnd
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees import bagging, boosting, columns, folds, onnx_graph
from modelwright.learners.trees.bagging import Stopping
from modelwright.learners.trees.boosting import Boosted, FeatureTable
from modelwright.learners.trees.columns import BoosterTask, Output
from modelwright.learners.trees.growth import Growth
from modelwright.learners.trees.onnx_graph import Feature, TreeDump
from modelwright.learners.trees.spec import Codes, TreesOptions, TreesSpec, TreesTraining
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
_LIKELY_ROUNDS = 250  # of 1,000 that are allowed, small tables took 80 to 200, and 11,000 rows of rentals 900
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
        encoded = columns.encode(signature, states, train.columns)
        aheads, aim = columns.aheads_of(signature, states, train, encoded), options.aim or "mean"
        by_logarithm = columns.logarithms_of(signature, states, train, insists=options.logarithm, aim=aim)
        outputs = columns.outputs(signature, states, aheads, by_logarithm, aim)
        encode_s = timing.now_s() - started
        tasks = [task for output in outputs for task in output.tasks]
        features = columns.features(signature, states, _codes(options, len(train), tasks))
        width = sum(feature.columns for feature in features)
        growths = [_growth(options, len(train), width, task) for task in tasks]
        timed = [
            boosting.time_rounds(
                {**_params(task, training, threads=1, seed=0), **growth.params()},
                columns.table(task, train, encoded, states, features),
            )
            for task, growth in zip(tasks, growths, strict=True)
        ]
        threads = _threads(machine.cores, len(train))
        bags = [growth.bags for growth in growths]
        prepare_s = encode_s + sum(one.prepare_s * each for one, each in zip(timed, bags, strict=True))
        a_round_s = sum(one.round_s * each for one, each in zip(timed, bags, strict=True))
        round_s = max(timing.on_threads(a_round_s, threads), 1e-6)
        if any(task.ahead is not None for task in tasks):
            round_s *= time_folds.FOLDS  # each fold learns again, from three quarters of the rows
        affordable = int(max(0.0, budget_s - prepare_s) / round_s)
        rounds = training.epochs or max(1, min(affordable, options.most_rounds))
        dumps = [one.booster.dump_model() for one in timed]
        candidate = _Candidate(signature, states, features, outputs, dumps, bags)
        package_bytes, latency_s = candidate.forecast(rounds, train)
        leaves = sum(
            len(task.targets) * growth.bags * growth.leaves
            for task, growth in zip(tasks, growths, strict=True)
        )
        return Estimate(
            steps=rounds,
            batch=len(train),
            epochs=float(rounds),  # a round goes over all rows
            seconds=prepare_s + rounds * round_s,
            memory_bytes=peak_memory_bytes() + rounds * leaves * _BYTES_A_LEAF,
            package_bytes=package_bytes + kind_states.packed_bytes(signature, states),
            latency_s=latency_s,
            likely_steps=min(rounds, _LIKELY_ROUNDS),
            why=Phrase(
                "trees.why",
                timed=min(one.rounds for one in timed),
                rows=len(train),
                round_ms=round_s * 1e3,
                rounds=rounds,
                bags=max(bags) if max(bags) > 1 else None,
            ),
            warnings=tuple(
                Notice("plan.logarithm", column=name, median=options.aim == "median")
                for name in by_logarithm
                if options.logarithm is None
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Boost one booster after the other, and calibrate each output on validation."""
        options = setup.options
        assert isinstance(options, TreesOptions)
        train, validation = data.train, data.held
        states = kind_states.fit(signature, train, accepted=TreesSpec.inputs)
        known_truths.require(signature, states, train)
        encoded = columns.encode(signature, states, train.columns)
        held = columns.encode(signature, states, validation.columns)
        aheads = columns.aheads_of(signature, states, train, encoded)
        out.mkdir(parents=True, exist_ok=True)
        aim = options.aim or "mean"
        by_logarithm = columns.logarithms_of(signature, states, train, insists=options.logarithm, aim=aim)
        notes, bags = _Notes(), dict[str, int]()
        boosters = itertools.count()
        every = columns.outputs(signature, states, aheads, by_logarithm, aim)
        tasks = [task for output in every for task in output.tasks]
        codes, count = _codes(options, len(train), tasks), len(tasks)
        features = columns.features(signature, states, codes)
        for planned in every:
            output, sums = planned, []
            for task in planned.tasks:
                table = columns.table(task, train, encoded, states, features)
                width = table.features.shape[1]
                growth = _growth(options, len(train), width, task)
                shown = columns.table(task, validation, held, states, features)
                place = next(boosters)
                boosted = _boosted(
                    task, table, shown, growth, setup, scratch / _checkpoint(place), progress, (place, count)
                )
                texts = [one.text for one in boosted]
                sums.append(bagging.raw_answers(texts, columns.matrix_of(task, held, features)))
                for bag, text in enumerate(texts):
                    columns.booster(out, place, bag).write_text(text, encoding="utf-8")
                notes.add(task.name, boosted)
                bags |= {task.name: len(texts)} if len(texts) > 1 else {}
                if task.logarithm is not None and options.aim != "median":
                    line = bagging.left_out_answers(texts, table, setup.seed)
                    logarithm = task.logarithm.smeared(line, table.targets)
                    output = replace(output, logarithm=logarithm)
                    by_logarithm[output.field.name] = logarithm
            name, beside = output.field.name, validation.columns
            if output.ahead is not None:
                tables = _of_folds(output.tasks[0], train, encoded, states, features)
                out_of_fold = _answers_of_folds(
                    output,
                    tables,
                    len(train),
                    boosted[0].rounds,
                    growth,
                    setup,
                    scratch / _checkpoint(place),
                    progress,
                )
                sums = [np.concatenate([*out_of_fold, *sums])]
                if out_of_fold:
                    beside = {one: [*train.columns[one], *column] for one, column in beside.items()}
            states[name] = kinds.arrays(output.field.kind).calibrate_out_of_fold(
                output.arrays(sums), beside[name], states[name], beside, len(validation)
            )
        kind_states.write(out, signature, states)
        learned: dict[str, object] = {
            "format": _FORMAT,
            "learner": setup.learner,
            "rounds": notes.rounds,
            **({columns.AHEAD: {name: one.as_json() for name, one in aheads.items()}} if aheads else {}),
            **(
                {columns.LOGARITHMS: {name: asdict(one) for name, one in by_logarithm.items()}}
                if by_logarithm
                else {}
            ),
            **({columns.BAGS: bags} if bags else {}),
            **({columns.CODES: codes} if codes != "sets" else {}),
        }
        (out / columns.NOTE).write_text(json.dumps(learned, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return {
            "history": notes.history,
            "rounds": notes.rounds,
            "logarithms": sorted(by_logarithm),
            SETTLED: not setup.ending.last_steps
            and all(0 < len(losses) < setup.steps for losses in notes.history.values()),
        }

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with LightGBM itself."""
        signature, states = kind_states.read(learned)
        encoded = columns.encode(signature, states, inputs)
        features = columns.read_features(learned, signature, states)
        return {
            one.output.field.name: one.output.arrays(
                [
                    bagging.raw_answers(texts, columns.matrix_of(task, encoded, features))
                    for task, texts in zip(one.output.tasks, one.texts, strict=True)
                ]
            )
            for one in columns.read_outputs(learned, signature, states)
        }


@dataclass(frozen=True)
class _Candidate:
    """A graph as large as the one to come, made of the few timed trees over and over."""

    signature: Signature
    states: Mapping[str, object]
    features: Sequence[Feature]
    outputs: Sequence[Output]
    dumps: Sequence[TreeDump]
    bags: Sequence[int]

    def forecast(self, rounds: int, train: Examples) -> tuple[int, float]:
        """Return the bytes of the graph and the seconds that one row takes to encode and run, on one core."""
        tasks = [task for output in self.outputs for task in output.tasks]
        a_round = sum(len(task.targets) * each for task, each in zip(tasks, self.bags, strict=True))
        tried = min(rounds, max(2, _MOST_TREES_TRIED // a_round))
        small, large = self._graph(1), self._graph(tried)
        small_s, large_s = self._row_s(small, train), self._row_s(large, train)
        beyond = (rounds - tried) / max(1, tried - 1)
        size = len(large) + beyond * (len(large) - len(small))
        return int(size), large_s + beyond * max(0.0, large_s - small_s)

    def _graph(self, rounds: int) -> bytes:
        """Return a graph of so many rounds, the timed trees repeated."""
        waiting = iter(zip(self.dumps, self.bags, strict=True))
        answers = []
        for output in self.outputs:
            repeated = []
            for task, (dump, bags) in zip(output.tasks, waiting, strict=False):  # as many as the output has
                trees, wanted = dump["tree_info"], rounds * len(task.targets) * bags
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


@dataclass
class _Notes:
    """What is kept of boosters beside their trees, by what each is called: of several of one task with its number."""

    history: dict[str, list[float]] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)

    def add(self, task: str, boosted: Sequence[Boosted]) -> None:
        """Note the boosters of a task."""
        for bag, one in enumerate(boosted):
            name = bagging.name_of(task, bag, len(boosted))
            self.history[name], self.rounds[name] = list(one.history), one.rounds


def _checkpoint(place: int) -> str:
    return f"booster-{place}.json"


def _boosted(
    task: BoosterTask,
    table: FeatureTable,
    shown: FeatureTable,
    growth: Growth,
    setup: Setup,
    checkpoint: Path,
    progress: Progress,
    among: tuple[int, int],
) -> list[Boosted]:
    """Return the boosters of a task; table, shown: of training and of validation; among: its place, and how
    many tasks there are.
    """
    training = setup.training
    assert isinstance(training, TreesTraining)
    threads = _threads(setup.threads, len(table))
    total = setup.steps * growth.bags
    place, count = among
    # of a forecast, the boosters of the folds come after it, and take as many rounds
    part = 1.0 if task.ahead is None else 1.0 / time_folds.FOLDS

    def end(bag: int) -> TrainingEnd:
        share = (place + part * (bag + 1) / growth.bags) / count
        return setup.ending.of(bagging.name_of(task.name, bag, growth.bags), share)

    with progress.task(str(Phrase("work.boosting", output=task.name)), total) as bar:
        boosted = bagging.boost(
            _params(task, training, threads=threads, seed=setup.seed),
            growth,
            table,
            shown,
            Stopping(setup.steps, training.patience),
            setup.seed,
            checkpoint=checkpoint,
            advance=lambda bag: _shown(bar, bagging.name_of(task.name, bag, growth.bags)),
            end=end,
        )
        for bag, one in enumerate(boosted):
            name = bagging.name_of(task.name, bag, growth.bags)
            progress_of.record(bar, LearningPoint(one.rounds, of=name, unit="round", kept=True))
        return boosted


def _answers_of_folds(
    output: Output,
    tables: folds.Tables,
    rows: int,
    rounds: int,
    growth: Growth,
    setup: Setup,
    checkpoint: Path,
    progress: Progress,
) -> list[folds.Floats]:
    """Return what training rows of a forecast are answered, fold after fold, each without its own stretch of time."""
    training = setup.training
    assert isinstance(training, TreesTraining)
    params = _params(output.tasks[0], training, threads=_threads(setup.threads, rows), seed=setup.seed)
    with progress.task(str(Phrase("work.folds", output=output.field.name)), time_folds.FOLDS) as bar:
        return folds.answers(growth, params, tables, rows, rounds, checkpoint, partial(bar.advance, 1))


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


def _growth(options: TreesOptions, rows: int, width: int, task: BoosterTask) -> Growth:
    return Growth.of(
        options,
        rows,
        width,
        numbers=task.is_of_numbers,
        bagged=task.ahead is None,
        smeared=task.logarithm is not None and options.aim != "median",
    )


def _codes(options: TreesOptions, rows: int, tasks: Sequence[BoosterTask]) -> Codes:
    """Return how classes that are read are split; the boosters of all outputs read the same features."""
    if options.codes is not None:
        return options.codes
    both = all(
        task.is_of_numbers and task.ahead is None and _growth(options, rows, 0, task).random_splits
        for task in tasks
    )
    return "both" if both else "sets"


def _threads(cores: int, rows: int) -> int:
    return max(1, min(cores, rows // _ROWS_A_THREAD))


def _params(task: BoosterTask, training: TreesTraining, *, threads: int, seed: int) -> dict[str, object]:
    return {
        **task.objective,
        "learning_rate": training.learning_rate,
        "lambda_l2": training.weight_decay,
        "num_threads": threads,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,  # else LightGBM times both ways and takes the faster
        # What is missing is NaN of an amount; other kinds mark it in columns of their own.
        "use_missing": True,
        "verbosity": -1,
    }
