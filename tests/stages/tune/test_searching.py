"""A search under way, a function standing in for its trials: order of ending, budgets, kills, the last trial."""

import random

import pytest

from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Phrase, ProjectError
from modelwright.core.progress import Silent
from modelwright.stages.tune import blending
from modelwright.stages.tune.axes import LEARNER, Axis, Space
from modelwright.stages.tune.config import TuneConfig
from modelwright.stages.tune.journal import Journal
from modelwright.stages.tune.searching import Searching, SearchTask
from modelwright.stages.tune.stage import tune
from modelwright.stages.tune.trial_runs import LastTrial, TrialEnd
from modelwright.storage.formats.search import Search, SearchTrial, plan_folder

SPACE = Space(
    (Axis("learn.learning_rate", low=1e-3, high=1.0, log=True), Axis("learn.seed", values=(0, 1, 2)))
)


def read(settings):
    """Return settings as a mapping, values as they were written."""
    return dict(one.split("=", 1) for one in settings)


def accuracy(settings):
    if read(settings).get(LEARNER) == '"blend"':
        return 0.9
    return 1 - abs(float(read(settings)["learn.learning_rate"]) - 0.1) / 2


class KilledError(Exception):
    pass


class Runs:
    """Runs trials by a function of their settings, and lets them end in an order of its own."""

    def __init__(
        self,
        folder,
        *,
        answer=accuracy,
        shuffled=None,
        seconds=1.0,
        most=None,
        learn_seconds=1.0,
        settled=False,
    ):
        self.plan = folder / "plan"
        for part in ("choice", "forecast"):
            (self.plan / part).mkdir(parents=True, exist_ok=True)
            (self.plan / part / "file.json").write_text("{}")
        self.answer, self.seconds, self.most, self.learn_seconds = answer, seconds, most, learn_seconds
        self.settled = settled
        self.order = random.Random(shuffled) if shuffled is not None else None
        self.running, self.started, self.at_once = [], [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running = []

    def start(self, number, settings, reported):
        if self.most is not None and len(self.started) >= self.most:
            raise KilledError
        self.started.append(number)
        self.running.append((number, tuple(settings)))
        self.at_once = max(self.at_once, len(self.running))

    def next_end(self):
        place = self.order.randrange(len(self.running)) if self.order else 0
        number, settings = self.running.pop(place)
        found = self.answer(settings)
        if isinstance(found, TrialEnd):
            return number, found
        shown = tuple(
            Measurement(Subject(name, output), phase, value, value, value, 100, "exact", 0.95)
            for name, output, phase, value in (
                ("accuracy", "risk", Phase.TEST, found),
                ("latency_p50", None, Phase.PACKAGE, 0.001),
                ("size", None, Phase.PACKAGE, 1000.0),
            )
        )
        learner = read(settings).get(LEARNER, '"trees"').strip('"')
        end = TrialEnd(
            "done",
            self.seconds,
            learner,
            shown,
            self.learn_seconds,
            self.settled,
            package=str(number),
            plan=self.plan,
        )
        return number, end


def task(**options):
    more = {
        name: options.pop(name)
        for name in ("first", "common", "last", "budget_s", "space")
        if name in options
    }
    config = TuneConfig(**{"space": {"learn.seed": [0]}, "trials": 12, **options})
    return SearchTask(more.pop("space", SPACE), config, (), {"risk": ("accuracy", True)}, **more)


def run(folder, what, runs):
    (folder / "scratch").mkdir(exist_ok=True)
    return Searching(what, runs, Journal(folder / "scratch")).run(Silent())


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
@pytest.mark.parametrize("parallel", [1, 3])
def test_the_same_trials_whatever_the_order_in_which_they_end(tmp_path, sampler, parallel):
    found = []
    for place, shuffled in enumerate((None, 1, 2)):
        folder = tmp_path / str(place)
        folder.mkdir()
        runs = Runs(folder, shuffled=shuffled)
        search = run(folder, task(sampler=sampler, parallel=parallel, trials=9), runs)
        assert runs.at_once <= parallel
        found.append([one.values for one in search.trials])
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 9


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("most", [1, 4, 7])
def test_a_killed_search_repeats_no_finished_trial_and_draws_the_same(tmp_path, most, parallel):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    what = task(parallel=parallel)
    unbroken = run(whole, what, Runs(whole))
    first = Runs(cut, most=most)
    with pytest.raises(KilledError):
        run(cut, what, first)
    then = Runs(cut)
    again = run(cut, what, then)
    assert [one.values for one in again.trials] == [one.values for one in unbroken.trials]
    finished = set(range(12)) - set(then.started)
    assert len(finished) >= most - parallel
    assert finished <= set(first.started)


def test_a_journal_that_a_kill_cut_short_is_read_up_to_there(tmp_path):
    what = task(trials=3)
    run(tmp_path, what, Runs(tmp_path))
    file = tmp_path / "scratch" / "trials.jsonl"
    file.write_text(file.read_text()[:-40])
    then = Runs(tmp_path)
    assert len(run(tmp_path, what, then).trials) == 3
    assert then.started == [2]


def test_the_budget_ends_a_search_and_the_first_trial_always_runs(tmp_path):
    found = run(tmp_path, task(budget_s=5.0), Runs(tmp_path))
    assert (len(found.trials), found.ended) == (5, "budget")
    (tmp_path / "other").mkdir()
    found = run(tmp_path / "other", task(budget_s=1e-6), Runs(tmp_path / "other"))
    assert (len(found.trials), found.ended) == (1, "budget")


def test_a_small_space_is_exhausted(tmp_path):
    found = run(
        tmp_path, task(space=Space((Axis("learn.learning_rate", values=(0.1, 0.2)),))), Runs(tmp_path)
    )
    assert (len(found.trials), found.ended) == (2, "exhausted")


LAST = LastTrial({"learn.budget": "9 s"}, 10.0, 5.0, "blend")


def test_the_best_is_learned_once_more_where_its_budget_cut_it_short(tmp_path):
    found = run(tmp_path, task(budget_s=20.0, last=LAST, trials=50), Runs(tmp_path, learn_seconds=6.0))
    (place,) = (one.number for one in found.trials if "learn.budget" in one.values)
    assert place == 10
    again, before = found.trials[place], found.trials[:place]
    best = max(before, key=lambda one: one.value("accuracy", "risk"))
    assert again.values == {**best.values, "learn.budget": "9 s"}
    assert again.settings[-1] == 'learn.budget="9 s"'
    # it took 1 s of the 10 s that were kept for it: the rest is for more trials
    assert (len(found.trials), found.ended) == (20, "budget")


def test_what_ended_by_itself_is_not_learned_once_more(tmp_path):
    # a larger budget would give the same, and half of the budget be kept for it
    found = run(
        tmp_path, task(budget_s=20.0, last=LAST, trials=50), Runs(tmp_path, learn_seconds=6.0, settled=True)
    )
    assert not any("learn.budget" in one.values for one in found.trials)
    assert (len(found.trials), found.ended) == (20, "budget")


SEVERAL = Space((*SPACE.axes, Axis("model.leaves", values=(3, 7), learners=("trees",))), ("trees", "linear"))
FIRST = ({LEARNER: "trees", "learn.learning_rate": 0.1}, {LEARNER: "linear", "learn.learning_rate": 0.2})


def test_what_the_best_learned_once_more_leaves_of_the_budget_is_for_a_blend(tmp_path):
    what = task(space=SEVERAL, budget_s=40.0, last=LAST, trials=8, first=FIRST)
    found = run(tmp_path, what, Runs(tmp_path, learn_seconds=6.0))
    (again,) = (one for one in found.trials if one.values.get("learn.budget") == "9 s")
    assert again.values[LEARNER] != "blend"
    last = found.trials[-1]
    assert last.values[LEARNER] == "blend"
    assert last.number == again.number + 1 == 9
    assert last.values["learn.budget"] == "31 s"  # of 40 s, nine trials took 1 s each
    assert not any("budget" in one["learn"] for one in last.values["model.of"])
    # a kill goes on to the same blend
    (tmp_path / "cut").mkdir()
    with pytest.raises(KilledError):
        run(tmp_path / "cut", what, Runs(tmp_path / "cut", learn_seconds=6.0, most=9))
    then = Runs(tmp_path / "cut", learn_seconds=6.0)
    resumed = run(tmp_path / "cut", what, then)
    assert [one.values for one in resumed.trials] == [one.values for one in found.trials]
    assert then.started == [9]
    # members that learned for longer than is left are not blended
    (tmp_path / "short").mkdir()
    short = task(space=SEVERAL, budget_s=10.0, last=LAST, trials=8, first=FIRST)
    found = run(tmp_path / "short", short, Runs(tmp_path / "short", learn_seconds=9.0))
    assert not any(one.values[LEARNER] == "blend" for one in found.trials)


@pytest.mark.parametrize("parallel", [1, 3])
def test_without_a_space_two_draws_of_three_are_of_the_best_learner_so_far(tmp_path, parallel):
    def answer(settings):
        return 0.9 if read(settings)[LEARNER] == '"linear"' else 0.5

    what = task(space=SEVERAL, budget_s=100.0, last=LAST, trials=24, first=FIRST, parallel=parallel)
    found = run(tmp_path, what, Runs(tmp_path, answer=answer, learn_seconds=0.1))
    drawn = found.trials[2 + parallel : 24]
    assert {one.learner for one in drawn if one.number % 3 != 1} == {"linear"}
    assert {one.learner for one in drawn if one.number % 3 == 1} == {"linear", "trees"}
    again = run(tmp_path, what, Runs(tmp_path, answer=answer, most=0))  # all of it from the journal
    assert [one.values for one in again.trials] == [one.values for one in found.trials]


def test_the_forms_of_the_best_learner_are_tried_before_its_amounts(tmp_path):
    space = Space(
        (*SEVERAL.axes, Axis("model.codes", values=("sets", "order"), learners=("trees",))), SEVERAL.learners
    )
    what = task(space=space, budget_s=100.0, last=LAST, trials=9, first=FIRST)
    default = FIRST[0]["learn.learning_rate"]
    found = run(
        tmp_path,
        what,
        Runs(tmp_path, answer=lambda settings: accuracy((f"learn.learning_rate={default}", *settings))),
    )
    forms = [one.values for one in found.trials if set(one.values) == {LEARNER, "model.codes"}]
    assert forms == [{LEARNER: "trees", "model.codes": value} for value in ("sets", "order")]
    assert [one.number for one in found.trials if one.values in forms] == [2, 3]


@pytest.mark.parametrize("default", ["sets", "order", "both"])
def test_what_a_default_came_to_is_no_form_of_its_own(tmp_path, default):
    axis = Axis("model.codes", values=("order", "both", "sets"), learners=("trees",))
    space = Space((*SEVERAL.axes, axis), SEVERAL.learners)
    worth = {"order": 0.8, "both": 0.7, "sets": 0.6}

    def answer(settings):
        if read(settings)[LEARNER] != '"trees"':
            return 0.1
        rate = float(read(settings).get("learn.learning_rate", 0.1))
        return worth[read(settings).get("model.codes", f'"{default}"').strip('"')] - abs(rate - 0.1)

    what = task(space=space, budget_s=100.0, last=LAST, trials=9, first=({LEARNER: "trees"}, FIRST[1]))
    found = run(tmp_path, what, Runs(tmp_path, answer=answer))
    forms = [one.values["model.codes"] for one in found.trials if set(one.values) == {LEARNER, "model.codes"}]
    # what is found to answer as the default does was tried; what is left once all others do not, is not
    assert forms == ["order", "both"] if default == "sets" else ["order", "both", "sets"]


def trial(number, learner, **values):
    named = {f"model.{key}": value for key, value in values.items()}
    return SearchTrial(number, {LEARNER: learner, **named}, (), "done", 1.0, learner)


def test_a_blend_has_the_forms_of_the_best_learner_and_one_trial_of_each_other():
    order = [
        trial(0, "trees", codes="both", leaves=5),
        trial(1, "trees", codes="both", leaves=6),
        trial(2, "linear"),
        trial(3, "trees", codes="sets", leaves=5),
        trial(4, "linear", rank=2),
        trial(5, "trees", codes="order", random_splits=True),
        trial(6, "trees", codes="order", random_splits=False),
    ]
    assert [one.number for one in blending.members(order)] == [0, 2, 3, 5]
    # of one form, the second best stands beside other learners, and alone there is nothing to blend
    assert [one.number for one in blending.members(order[:3])] == [0, 1, 2]
    assert blending.members(order[:2]) == ()
    # forms of one learner are blended without others
    assert [one.number for one in blending.members([order[0], order[3]])] == [0, 3]


def test_a_blend_keeps_to_what_is_left_of_the_budget_and_leaves_out_what_is_last():
    lasting = {"trees": 3.0, "linear": 1.0, "network": 20.0}
    order = [
        SearchTrial(
            number, {LEARNER: learner}, (), "done", seconds + 5, learner, learn_seconds=seconds, package="p"
        )
        for number, (learner, seconds) in enumerate(lasting.items())
    ]
    assert blending.seconds(order) == 29
    assert blending.within(order, 29) == tuple(order)
    assert blending.within(order, 28) == tuple(order[:2])
    assert blending.within(order, 1) == tuple(order[:2])  # two are the fewest


@pytest.mark.parametrize(
    ("budget_s", "learners"), [(60.0, {"trees", "linear", "slow"}), (40.0, {"trees", "linear"})]
)
def test_a_slow_learner_is_blended_where_there_is_time_for_it(tmp_path, budget_s, learners):
    took = {"trees": 3.0, "linear": 1.0, "slow": 20.0}
    worth = {"trees": 0.9, "linear": 0.8, "slow": 0.7}

    def learner(settings):
        return read(settings)[LEARNER].strip('"')

    class Uneven(Runs):
        def next_end(self):
            self.learn_seconds = took.get(learner(self.running[0][1]), 1.0)
            self.seconds = self.learn_seconds + 2
            return super().next_end()

    first = tuple({LEARNER: name} for name in took)
    found = run(
        tmp_path,
        task(space=Space((), tuple(took)), budget_s=budget_s, last=LAST, trials=3, first=first),
        Uneven(tmp_path, answer=lambda settings: worth.get(learner(settings), 0.95), settled=True),
    )
    blend = found.trials[-1].values
    assert blend[LEARNER] == "blend"
    assert {one["learner"] for one in blend["model.of"]} == learners


def test_else_the_best_of_each_learner_are_blended(tmp_path):
    found = run(
        tmp_path,
        task(space=SEVERAL, budget_s=20.0, last=LAST, trials=8, first=FIRST),
        Runs(tmp_path),
    )
    assert len(found.trials) == 9
    members = found.trials[-1].values["model.of"]
    assert {one["learner"] for one in members} == {"trees", "linear"}
    assert found.trials[-1].values[LEARNER] == "blend"
    assert all("learning_rate" in one["learn"] for one in members)
    best = max(found.trials[:-1], key=lambda one: one.value("accuracy", "risk"))
    assert members[0]["learn"]["learning_rate"] == best.values["learn.learning_rate"]


def test_one_learner_alone_is_not_blended(tmp_path):
    found = run(tmp_path, task(budget_s=20.0, last=LAST, trials=4), Runs(tmp_path))
    assert [LEARNER in one.values for one in found.trials] == [False] * 4


def sealed(folder, what, runs):
    (folder / "scratch").mkdir(exist_ok=True)
    summary = tune(None, None, None, what, runs, (), folder / "out", folder / "scratch", Silent())
    return summary, Search.read(folder / "out" / "search")


def test_what_fails_is_counted_by_cause_and_the_rest_is_sealed_with_its_plans(tmp_path):
    def answer(settings):
        if read(settings)["learn.seed"] == "1":
            return TrialEnd("failed", 0.5, why=Phrase("tune.killed"), cause="memory")
        if read(settings)["learn.seed"] == "2":
            return TrialEnd("failed", 0.5, why=Phrase("tune.out-of-memory"), cause="crash")
        return accuracy(settings)

    summary, search = sealed(tmp_path, task(sampler="random"), Runs(tmp_path, answer=answer))
    causes = {one.id: one.values["cause"] for one in search.warnings if one.id == "tune.failed"}
    assert causes
    states = [one.state for one in search.trials]
    assert summary["done"] == states.count("done")
    failed = [one for one in search.warnings if one.id == "tune.failed"]
    assert sum(one.values["count"] for one in failed) == states.count("failed")
    for one in search.trials:
        assert plan_folder(tmp_path / "out" / "plans", one.number).is_dir() is (one.state == "done")


def test_where_all_fail_the_next_run_tries_again(tmp_path):
    def answer(settings):
        return TrialEnd("failed", 0.5, why=Phrase("tune.killed"), cause="memory")

    for _ in range(2):
        runs = Runs(tmp_path, answer=answer)
        with pytest.raises(ProjectError) as caught:
            sealed(tmp_path, task(trials=3), runs)
        assert caught.value.problems[0].id == "tune.none-done"
        assert runs.started == [0, 1, 2]


@pytest.mark.parametrize(("cause", "most", "line"), [
    ("memory", "50 MB", "memory: 100 MB"),
    ("time", "1 s", "trial_time: 2 s"),
])  # fmt: skip
def test_where_one_bound_ends_all_trials_the_line_that_widens_it_is_proposed(tmp_path, cause, most, line):
    why = "tune.too-much-memory" if cause == "memory" else "tune.too-long"
    runs = Runs(
        tmp_path, answer=lambda settings: TrialEnd("failed", 0.5, why=Phrase(why, most=most), cause=cause)
    )
    with pytest.raises(ProjectError) as caught:
        sealed(tmp_path, task(trials=2), runs)
    assert line in caught.value.problems[0].next_step


def test_a_grid_that_is_cut_and_a_budget_that_ends_are_said(tmp_path):
    space = Space((Axis("learn.learning_rate", values=(0.1, 0.2, 0.3)),))
    _, search = sealed(tmp_path, task(space=space, sampler="grid", trials=2), Runs(tmp_path))
    assert [one.id for one in search.warnings] == ["tune.grid-cut"]
    (tmp_path / "other").mkdir()
    _, search = sealed(tmp_path / "other", task(budget_s=2.0), Runs(tmp_path / "other"))
    assert [one.id for one in search.warnings] == ["tune.budget-spent"]
    assert all(one.found and one.next_step for one in search.warnings)
