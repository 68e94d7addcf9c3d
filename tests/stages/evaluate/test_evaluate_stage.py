"""The stage `evaluate`, on packages written by the real code from graphs made for the purpose."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper
from requirement_texts import parse
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright.core import digests
from modelwright.core.evidence.measurement import Phase, Subject
from modelwright.core.evidence.verdict import Outcome, judge
from modelwright.core.messages import PackageError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.number.arrays import NumberState
from modelwright.kinds.text.arrays import TextState
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.reports.card import render_card
from modelwright.reports.page import render_report
from modelwright.runtime import measuring
from modelwright.stages.evaluate.answers import of_running
from modelwright.stages.evaluate.champions import running_differences
from modelwright.stages.evaluate.config import EvaluateConfig
from modelwright.stages.evaluate.stage import evaluate
from modelwright.storage.formats.evidence import read_details, read_evidence
from modelwright.storage.formats.near_twins import NearTwins

SIGNATURE = Signature.parse(
    "分派(question: text, size: number) -> team: category, urgent: boolean, cost: number"
)
EVIL = "<script>alert(1)</script>"
CLASSES = (EVIL, "=cmd|calc", "医疗保险")  # of small, middle and large sizes
REQUIREMENTS = tuple(
    parse(key, bar, SIGNATURE)
    for key, bar in {
        "team.accuracy": ">= 0.8",
        "team.recall[医疗保险] where market == 'north'": ">= 0.8",
        "urgent.recall": ">= 0.5",
        "cost.rmse": "<= 0.1",
        "latency_p95": "<= 1 s",
        "size": "<= 1 MB",
        "failure_rate": "<= 1 %",
    }.items()
)
RELATIVE = (
    parse("team.accuracy", ">= champion - 0.01", SIGNATURE),
    parse("team.recall[医疗保险]", ">= champion", SIGNATURE),
    parse("size", "<= champion + 1 kB", SIGNATURE),
)
CONFIG = EvaluateConfig(latency_requests=100)
QUICK = EvaluateConfig(latency_requests=100, baselines=False)


@dataclass(frozen=True)
class Production:
    """The champion, as the project layer hands it over."""

    path: Path
    digest: str


def body(*, shift=0.0, classes=CLASSES, signature=SIGNATURE):
    """Return a body that answers by size: teams by thirds of [0, 9] (plus `shift`), urgent above 6."""
    bends = np.array([[-2.0, 0.0, 2.0, 1.0, 1.0]], dtype=np.float32)
    biases = np.array([6.0 - shift, 0.0, -12.0 - shift, -6.0, 0.0], dtype=np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["size.value", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "bends"], ["bent"]),
        helper.make_node("Add", ["bent", "biases"], ["all"]),
        helper.make_node("Split", ["all", "widths"], ["team.logits", "u", "c"], axis=1),
        helper.make_node("Squeeze", ["u", "one"], ["urgent.logit"]),
        helper.make_node("Squeeze", ["c", "one"], ["cost.value"]),
    ]
    constants = {
        "one": np.array([1], np.int64), "widths": np.array([3, 1, 1], np.int64), "bends": bends, "biases": biases,
    }  # fmt: skip
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [value("size.value", TensorProto.FLOAT, ["batch"])],
        [
            value("team.logits", TensorProto.FLOAT, ["batch", 3]),
            value("urgent.logit", TensorProto.FLOAT, ["batch"]),
            value("cost.value", TensorProto.FLOAT, ["batch"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    states = {
        "question": TextState(tokenizer.to_str().encode(), 16, 1),
        "size": NumberState(0.0, 1.0),
        "team": CategoryState(classes),
        "urgent": BooleanState(),
        "cost": NumberState(0.0, 2.0),
    }
    return Body(signature, "once", {"model": model.SerializeToString()}, states)


def rows(count, seed):
    """Return rows whose team follows from their size, but for one in ten."""
    draw = random.Random(seed)
    size = [round(draw.uniform(0, 9), 2) for _ in range(count)]
    team = [CLASSES[min(int(s // 3), 2)] if draw.random() < 0.9 else draw.choice(CLASSES) for s in size]
    return pl.DataFrame(
        {
            "id": [f"{seed}-{row}" for row in range(count)],
            "question": [f"=SUM({s}) <b>退休</b> {t}" for s, t in zip(size, team, strict=True)],
            "size": size,
            "team": team,
            "urgent": [s + draw.gauss(0, 1) > 6 for s in size],
            "cost": [2 * s + draw.gauss(0, 0.2) for s in size],
            "market": [draw.choice(["north", "south"]) for _ in range(count)],
        }
    )


def part(folder, stage):
    return ArtifactPart(stage, "0" * 64, folder.name, digests.of_folder(folder), folder)


def packaged(folder, given):
    packages.write(given, folder, lineage={"learner": "given"}, versions={"numpy": "2.0"}, threads=1)
    return part(folder, "package")


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for seed, (split, count) in enumerate({"train": 300, "validation": 60, "test": 240}.items()):
        (root / split).mkdir()
        rows(count, seed).write_parquet(root / split / "rows.parquet")
    return {name: part(root / name, "data") for name in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return packaged(tmp_path_factory.mktemp("made") / "package", body())


def run(package, splits, out, **changed):
    arguments = {
        "signature": SIGNATURE, "requirements": REQUIREMENTS, "config": CONFIG, "confidence": 0.95, "evaluation": 1,
        "champion": None, "load": None, "purpose": "把问题分派给 <团队>.",
        "group": None, "versus": None, "judge": None, "threads": None, "workers": None,
    }  # fmt: skip
    return evaluate(package, **splits, **{**arguments, **changed}, out=out, progress=Silent())


@pytest.fixture(scope="module")
def made(package, splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, run(package, splits, out)


def verdicts(evidence, requirements=REQUIREMENTS):
    return judge(
        requirements, evidence.measurements, evidence.differences, phases={Phase.TEST, Phase.PACKAGE}
    )


def value(found, metric, output=None, of=None, where=None):
    return next(m for m in found if m.subject == Subject(metric, output, of, where))


def test_evidence_holds_what_the_package_did_on_the_test_rows(made, package, splits):
    evidence = read_evidence(made[0] / "evidence")
    assert (evidence.package, evidence.test, evidence.champion) == (
        package.digest,
        splits["test"].digest,
        None,
    )
    frame = pl.read_parquet(splits["test"].path / "rows.parquet")
    expected = [CLASSES[0] if s < 3 else CLASSES[1] if s <= 6 else CLASSES[2] for s in frame["size"]]
    right = np.mean([a == b for a, b in zip(expected, frame["team"], strict=True)])
    accuracy = value(evidence.measurements, "accuracy", "team")
    assert accuracy.value == pytest.approx(right)
    assert accuracy.low < accuracy.value < accuracy.high
    assert accuracy.n == 240
    off = np.array(frame["cost"]) - 2 * np.array(frame["size"])
    assert value(evidence.measurements, "rmse", "cost").value == pytest.approx(
        np.sqrt((off**2).mean()), rel=1e-4
    )


def test_every_requirement_that_can_be_proved_by_now_is_measured(made):
    found = {one.requirement.key: one for one in verdicts(read_evidence(made[0] / "evidence"))}
    assert set(found) == {one.key for one in REQUIREMENTS} - {"failure_rate"}
    assert not any(one.note for one in found.values())
    outcomes = {key: one.outcome for key, one in found.items()}
    assert outcomes["team.accuracy"] is Outcome.MET
    assert outcomes["rmse"] is Outcome.UNMET
    assert outcomes["size"] is Outcome.MET


def test_each_class_has_recall_precision_and_f1(made):
    measurements = read_evidence(made[0] / "evidence").measurements
    for metric in ("recall", "precision", "f1"):
        for name in CLASSES:
            assert value(measurements, metric, "team", name).n > 0


def test_the_slice_is_of_its_rows_alone(made, splits):
    frame = pl.read_parquet(splits["test"].path / "rows.parquet")
    where = "market == 'north'"
    inside = frame.filter((pl.col("market") == "north") & (pl.col("team") == CLASSES[2]))
    measurement = value(read_evidence(made[0] / "evidence").measurements, "recall", "team", CLASSES[2], where)
    assert measurement.n == len(inside)
    assert measurement.value == pytest.approx((inside["size"] > 6).mean())


@pytest.mark.parametrize(("group", "count"), [("market", 2), ("size", 212)])
def test_rows_of_a_group_count_together(package, splits, tmp_path, group, count):
    run(package, splits, tmp_path, group=group, champion=None)
    evidence = read_evidence(tmp_path / "evidence")
    of_rows = [m for m in evidence.measurements if m.phase is Phase.TEST]
    assert of_rows
    assert all(m.groups is not None for m in of_rows if m.value is not None)
    assert all(m.groups is None for m in evidence.measurements if m.phase is Phase.PACKAGE)
    (accuracy,) = [m for m in of_rows if str(m.subject) == "team.accuracy"]
    assert (accuracy.n, accuracy.groups) == (240, count)
    assert (accuracy.low is None) == (count == 2)  # two groups prove nothing
    (notice,) = [one for one in evidence.warnings if one.id == "evaluate.groups"]
    assert (notice.values["column"], notice.values["count"]) == (group, count)
    assert f"240 in {count} groups" in (tmp_path / "report" / "CARD.md").read_text("utf-8")
    assert f"240 in {count} groups" in (tmp_path / "report" / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def five_times(package, splits, tmp_path_factory):
    """Return the evidence of 48 test rows, and that of the same rows where each comes five times as near twins."""
    root = tmp_path_factory.mktemp("twins")
    once = pl.read_parquet(splits["test"].path / "rows.parquet").head(48)
    every = pl.concat([once.with_columns(id=pl.col("id") + f"~{copy}") for copy in range(5)])
    found = []
    for name, frame in {"once": once, "five": every}.items():
        (root / name).mkdir()
        frame.write_parquet(root / name / "rows.parquet")
        twins = NearTwins.of(frame["id"].to_list(), [hash(one) for one in frame["question"]])
        twins.write(root / name)
        run(package, {**splits, "test": part(root / name, "data")}, root / f"of {name}", config=QUICK)
        found.append(root / f"of {name}")
    return found


def test_rows_that_come_five_times_prove_no_more_than_once(five_times):
    once, five = (read_evidence(folder / "evidence") for folder in five_times)
    for name in ("accuracy", "balanced_accuracy"):
        one, all_of_them = (value(each.measurements, name, "team") for each in (once, five))
        assert (one.n, one.groups) == (48, None)
        assert (all_of_them.n, all_of_them.groups) == (240, 48)
        assert all_of_them.value == pytest.approx(one.value)
        # Student's quantile for 48 groups, and the design effect that is drawn toward the most, widen by a little
        assert 0.95 < (all_of_them.high - all_of_them.low) / (one.high - one.low) < 1.2
    assert not [one for one in once.warnings if one.id == "evaluate.groups"]
    (said,) = [one for one in five.warnings if one.id == "evaluate.groups"]
    assert said.found.startswith(
        "240 of the 240 test rows have a near twin among them, which leaves 48 groups"
    )


def test_the_report_says_what_near_twins_leave(five_times):
    for name in ("report.html", "CARD.md"):
        page = (five_times[1] / "report" / name).read_text("utf-8")
        assert "240 in 48 groups" in page
        assert "240 of the 240 test rows have a near twin among them" in page


def test_answers_by_confidence_have_intervals_of_groups_too(five_times):
    once, five = (read_details(folder / "report").outputs[0].findings["reliability"] for folder in five_times)
    narrow = sum(one["high"] - one["low"] for one in once) / len(once)
    wide = sum(one["high"] - one["low"] for one in five) / len(five)
    assert wide > 0.8 * narrow


def test_a_later_look_at_the_same_rows_has_wider_intervals(made, package, splits, tmp_path):
    run(package, splits, tmp_path, evaluation=3, config=QUICK)
    first, third = (read_evidence(folder / "evidence").measurements for folder in (made[0], tmp_path))
    one, two = value(first, "accuracy", "team"), value(third, "accuracy", "team")
    assert one.value == two.value
    assert two.low < one.low
    assert two.high > one.high


def test_every_answer_is_kept_beside_its_truth(made, splits):
    outcomes = pl.read_parquet(made[0] / "evidence" / "outcomes.parquet")
    frame = pl.read_parquet(splits["test"].path / "rows.parquet")
    assert outcomes["id"].to_list() == frame["id"].to_list()
    assert outcomes["team.truth"].to_list() == frame["team"].to_list()
    probabilities = np.array(outcomes["team.probabilities"].to_list())
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert [CLASSES[i] for i in probabilities.argmax(axis=1)] == outcomes["team.answer"].to_list()
    assert outcomes["team.confidence"].to_numpy() == pytest.approx(probabilities.max(axis=1), abs=1e-6)
    assert outcomes["cost.answer"].to_numpy() == pytest.approx(2 * frame["size"].to_numpy(), rel=1e-5)


def test_baselines_stand_beside_the_package(made):
    baselines = {(b.output, b.name): b for b in read_evidence(made[0] / "evidence").baselines}
    assert set(baselines) == {
        (output, name)
        for output in ("team", "urgent", "cost")
        for name in ("always the same", "linear model")
    }
    constant = baselines["cost", "always the same"].measurements[0]
    assert constant.subject.metric == "rmse"
    assert constant.value > 2
    # A class that follows from thirds of a number is no line, so the package does better there.
    ours = value(read_evidence(made[0] / "evidence").measurements, "accuracy", "team").value
    assert baselines["team", "always the same"].measurements[0].value < ours


def test_a_package_no_better_than_a_baseline_says_so(splits, tmp_path):
    poor = packaged(tmp_path / "poor", body(shift=30.0))  # everything is small to it
    run(poor, splits, tmp_path / "out")
    assert any("always the same" in str(one) for one in read_evidence(tmp_path / "out" / "evidence").warnings)


class Page(HTMLParser):
    """Collects the tags and the text of a page, and fails on tags that do not match."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def page_of(html):
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


def test_the_report_is_one_page_without_scripts_or_requests(made):
    html = (made[0] / "report" / "report.html").read_text(encoding="utf-8")
    page = page_of(html)
    assert "script" not in page.tags
    assert not page.tags & {"link", "img", "iframe", "object", "embed", "form"}
    assert not [a for a in page.attributes if a[0] in {"src", "href", "xlink:href"} or a[0].startswith("on")]
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html.split("</style>")[0])
    assert "<b>" not in html
    assert EVIL not in html


def test_the_report_shows_texts_of_users_as_text(made):
    page = page_of((made[0] / "report" / "report.html").read_text(encoding="utf-8"))
    words = [word.strip() for word in page.words if word.strip()]
    assert EVIL in words  # as text, in the chart and in the tables
    assert "医疗保险" in words
    assert any(word.startswith("“=SUM(") for word in words)


def test_no_table_cell_begins_a_formula(made):
    html = (made[0] / "report" / "report.html").read_text(encoding="utf-8")
    cells = re.findall(r"<t[dh][^>]*>([^<]*)", html)
    assert len(cells) > 50
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@"))]


def test_the_sealed_report_has_no_verdicts_and_the_rendered_one_has(made):
    evidence, details = read_evidence(made[0] / "evidence"), read_details(made[0] / "report")
    sealed = (made[0] / "report" / "report.html").read_text(encoding="utf-8")
    assert sealed == render_report(evidence, details)
    assert "unmet" not in sealed.split("</style>")[1]
    judged = render_report(evidence, details, verdicts(evidence))
    page_of(judged)
    assert '<span class="pill unmet">unmet</span>' in judged
    assert "<code>latency_p95 ≤ 1 s</code>" in judged
    assert "| unmet |" in render_card(evidence, details, verdicts(evidence))


def test_the_same_package_gives_the_same_measurements_on_test_rows(made, package, splits, tmp_path):
    run(package, splits, tmp_path, config=QUICK)
    one, two = (read_evidence(folder / "evidence").measurements for folder in (made[0], tmp_path))
    assert [m for m in one if m.phase is Phase.TEST] == [m for m in two if m.phase is Phase.TEST]
    assert digests.of_file(made[0] / "evidence" / "outcomes.parquet") == digests.of_file(
        tmp_path / "evidence" / "outcomes.parquet"
    )


def test_a_better_package_differs_from_the_champion(package, splits, tmp_path):
    worse = packaged(tmp_path / "worse", body(shift=3.0))
    champion = Production(worse.path, "c" * 64)
    run(package, splits, tmp_path / "out", champion=champion, requirements=RELATIVE, config=QUICK)
    evidence = read_evidence(tmp_path / "out" / "evidence")
    difference = value(evidence.differences, "accuracy", "team")
    assert evidence.champion == "c" * 64
    assert difference.value > 0.1
    assert difference.low > 0
    assert difference.method == "paired"
    assert [one.outcome for one in verdicts(evidence, RELATIVE)] == [Outcome.MET] * 3
    html = (tmp_path / "out" / "report" / "report.html").read_text(encoding="utf-8")
    assert "Against the version in production" in html


def test_a_champion_with_other_classes_is_compared_row_by_row(package, splits, tmp_path):
    other = packaged(tmp_path / "other", body(classes=(EVIL, "=cmd|calc", "养老")))
    run(
        package,
        splits,
        tmp_path / "out",
        champion=Production(other.path, "c" * 64),
        requirements=RELATIVE,
        config=QUICK,
    )
    evidence = read_evidence(tmp_path / "out" / "evidence")
    # it answers one of our three classes by a name that no row has, so it is right on two thirds as often
    difference = value(evidence.differences, "accuracy", "team").value
    share = value(evidence.measurements, "accuracy", "team").value
    assert share * 0.2 < difference < share * 0.5
    assert value(evidence.differences, "recall", "team", "医疗保险").value > 0.5


def test_a_champion_that_cannot_answer_meets_no_relative_bar(package, splits, tmp_path):
    damaged = packaged(tmp_path / "damaged", body())
    (damaged.path / "model.onnx").write_bytes(b"nothing")
    run(
        package,
        splits,
        tmp_path / "out",
        champion=Production(damaged.path, "c" * 64),
        requirements=RELATIVE[:1],
    )
    evidence = read_evidence(tmp_path / "out" / "evidence")
    assert [one.outcome for one in verdicts(evidence, RELATIVE[:1])] == [Outcome.UNMET]
    assert any("cannot answer" in line for line in (str(one) for one in evidence.warnings))


def test_a_damaged_package_is_refused(splits, tmp_path):
    given = packaged(tmp_path / "package", body())
    (given.path / "manifest.json").write_text(
        (given.path / "manifest.json").read_text(encoding="utf-8").replace('"threads": 1', '"threads": 2')
    )
    with pytest.raises(PackageError) as caught:
        run(given, splits, tmp_path / "out")
    assert caught.value.problems[0].id == "package.altered-file"
    assert not (tmp_path / "out" / "evidence").exists()


def test_a_package_of_another_signature_is_refused(package, splits, tmp_path):
    other = Signature.parse("分派(size: number) -> team: category, urgent: boolean, cost: number")
    with pytest.raises(PackageError) as caught:
        run(package, splits, tmp_path, signature=other, requirements=())
    assert caught.value.problems[0].id == "evaluate.other-signature"


def test_latency_is_measured_at_the_stated_load(package, splits, tmp_path):
    run(package, splits, tmp_path, load="200 /s", config=QUICK)
    details = read_details(tmp_path / "report")
    assert details.load == "200 /s"
    assert len(details.latencies_s) == 100
    assert json.loads((tmp_path / "evidence" / "evidence.json").read_text())["format"] == 2


def test_how_fast_a_function_writes_beside_a_champion_that_wrote_nothing_proves_nothing():
    writes = Signature.parse("reply(message: text) -> answer: text")
    bars = [
        parse("ttft_p95", "<= champion + 1 s", writes),
        parse("tokens_per_second", ">= champion - 1", writes),
    ]
    plan = measuring.Plan()
    ours = measuring.Measured(plan, (0.2,) * 200, (9.0,), 1, 1, 1, 1, (0.1,) * 200, (50.0,) * 200)
    silent = replace(ours, first_s=(), tokens_per_second=())
    slow = replace(ours, first_s=(0.3,) * 200, tokens_per_second=(40.0,) * 200)
    for theirs, outcome in ((silent, Outcome.INCONCLUSIVE), (slow, Outcome.MET)):
        found = running_differences(of_running(ours, 0.95), theirs, bars, 0.95)
        verdicts = judge(bars, (), found, phases={Phase.PACKAGE})
        assert [one.outcome for one in verdicts] == [outcome] * 2
