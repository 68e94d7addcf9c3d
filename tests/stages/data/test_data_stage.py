from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.storage.formats.examples import column_names, read_columns, read_examples

ROUTE = Signature("route", (Field("question", "text"),), (Field("domain", "category"),))
SPLITS = ("train", "validation", "test")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    path.write_text(out.getvalue(), encoding="utf-8")


def questions(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(f"Question number {number}?", "abc"[number % 3]) for number in range(first, first + count)]


def run(folder: Path, signature: Signature = ROUTE, name: str = "out", **section: Any) -> dict[str, Any]:
    return data(signature, DataConfig(**section), folder, folder / name, Silent())


def refused(folder: Path, signature: Signature = ROUTE, **section: Any) -> DataError:
    with pytest.raises(DataError) as error:
        run(folder, signature, **section)
    return error.value


def ids(error: DataError) -> list[str]:
    return [problem.id for problem in error.problems]


def where(folder: Path, name: str = "out", column: str = "question") -> dict[str, str]:
    """Return the split in which each value of a column stands."""
    found = {}
    for split in SPLITS:
        found |= dict.fromkeys(read_columns(folder / name / split, [column])[column], split)
    return found


def load(folder: Path, part: str) -> Any:
    return json.loads((folder / "out" / part).read_text("utf-8"))


def told(summary: Mapping[str, Any]) -> list[str]:
    """Return the warnings as they are shown, after the way that they take through a file."""
    return [str(Notice.from_wire(one)) for one in json.loads(json.dumps(summary["warnings"]))]


def add_up(summary: Mapping[str, Any]) -> bool:
    return summary["read"] == sum(one["used"] + one["rejected"] for one in summary["splits"].values())


def test_writes_what_the_other_stages_read(tmp_path: Path) -> None:
    rows = [
        (f"Q{n}", " Line 1\n 2 " if n % 2 else "x", "ab"[n % 2], f"{n}.5", f"0{n}", n) for n in range(300)
    ]
    write_csv(tmp_path / "rows.csv", ["nr", "text", "team", "amount", "post code", "when"], rows)
    signature = Signature(
        "f",
        (Field("message", "text"), Field("amount", "number"), Field("nr", "category")),
        (Field("team", "category"),),
    )
    keep = {"code": "post code", "when": "when"}
    summary = run(tmp_path, signature, source="rows.csv", columns={"message": "text"}, keep=keep)
    frame = pl.read_parquet(tmp_path / "out/train/rows.parquet")
    assert frame.schema == {
        "id": pl.String,
        "message": pl.String,
        "amount": pl.Float64,
        "nr": pl.String,
        "team": pl.String,
        "code": pl.String,  # leading zeros: no number
        "when": pl.Float64,
    }
    assert column_names(tmp_path / "out/test") == tuple(frame.columns)
    examples = read_examples(tmp_path / "out/train", signature)
    assert list(examples.columns) == ["message", "amount", "nr", "team"]
    assert len(examples) == summary["rows"]["train"] == frame.height
    assert set(examples.columns["message"]) == {"Line 1 2", "x"}
    assert all(len(one) == 16 for one in examples.ids)
    sealed = load(tmp_path, "profile/signature.json")
    assert (
        Signature("f", *(tuple(Field(**one) for one in sealed[side]) for side in ("inputs", "outputs")))
        == signature
    )
    profile = load(tmp_path, "profile/profile.json")
    assert profile["rows"] == {split: summary["rows"][split] for split in ("train", "validation")}
    assert profile["inputs"]["message"]["figures"]["characters"]["most"] == 8
    assert profile["inputs"]["amount"]["rows"] == sum(profile["rows"].values())
    assert sum(sum(of.values()) for of in profile["outputs"]["team"]["classes"].values()) == sum(
        profile["rows"].values()
    )
    assert profile["columns"]["message"] == "text"
    counts = load(tmp_path, "counts/counts.json")
    assert counts["rows"] == summary["rows"]
    for split in SPLITS:
        assert sum(one[split] for one in counts["classes"]["team"].values()) == counts["rows"][split]
    assert pl.read_parquet(tmp_path / "out/rejected/rows.parquet").height == 0
    assert add_up(summary)
    assert str(tmp_path) not in json.dumps(summary)
    assert summary["signature"] == str(signature)


def test_new_rows_move_no_old_ones_and_a_corrected_label_moves_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["question", "domain"], questions(300))
    run(tmp_path, source="a.csv")
    before, before_ids = (
        where(tmp_path),
        {split: read_columns(tmp_path / "out" / split, ["id"]) for split in SPLITS},
    )
    corrected = [(question, "c" if domain == "a" else "a") for question, domain in questions(300)]
    write_csv(tmp_path / "a.csv", ["question", "domain"], corrected)
    run(tmp_path, source="a.csv", name="corrected")
    assert where(tmp_path, "corrected") == before
    for split in SPLITS:
        assert read_columns(tmp_path / "corrected" / split, ["id"]) == before_ids[split]
    write_csv(tmp_path / "a.csv", ["question", "domain"], [*questions(300, first=300), *questions(300)])
    run(tmp_path, source="a.csv", name="more")
    after = where(tmp_path, "more")
    assert {question: after[question] for question in before} == before


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_equal_inputs_never_straddle(
    tmp_path_factory: pytest.TempPathFactory, extra: list[tuple[int, str]], random: Any
) -> None:
    """Neither by themselves, nor with shares by class, nor when they differ in white space only."""
    folder = tmp_path_factory.mktemp("straddle")
    rows = questions(200) + [(f"Question  number {number}? ", label) for number, label in extra]
    random.shuffle(rows)
    write_csv(folder / "a.csv", ["question", "domain"], rows)
    classes = {"a": {"train": 40, "validation": 20, "test": 40}}
    summary = run(folder, source="a.csv", split={"classes": classes})
    found = [set(read_columns(folder / "out" / split, ["question"])["question"]) for split in SPLITS]
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]
    every = [one for split in SPLITS for one in read_columns(folder / "out" / split, ["id"])["id"]]
    assert len(every) == len(set(every))
    assert add_up(summary)


def test_shares_by_class(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["question", "domain"], questions(600))
    classes = {"a": {"train": 30, "validation": 20, "test": 50}}
    summary = run(tmp_path, source="a.csv", split={"classes": classes})
    assert summary["classes"]["domain"]["a"]["test"] == pytest.approx(100, abs=25)
    assert summary["classes"]["domain"]["b"]["test"] == pytest.approx(20, abs=15)
    error = refused(tmp_path, source="a.csv", split={"classes": {"A": classes["a"]}})
    assert ids(error) == ["data.unknown-class"]
    number = Signature("f", ROUTE.inputs, (Field("domain", "number"),))
    assert "data.no-classes" in ids(refused(tmp_path, number, source="a.csv", split={"classes": classes}))


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "a.csv", ["question", "domain", "x"], [(*row, n) for n, row in enumerate(questions(400))]
    )
    run(tmp_path, source="a.csv", keep=["x"])
    before = digests.of_folder(tmp_path / "out")
    program = (
        "import sys; from pathlib import Path; from modelwright.core.progress import Silent;"
        "from modelwright.core.signature import Field, Signature;"
        "from modelwright.stages.data.stage import data;"
        "from modelwright.stages.data.config import DataConfig;"
        "s = Signature('route', (Field('question', 'text'),), (Field('domain', 'category'),));"
        "p = Path(sys.argv[1]); data(s, DataConfig(source='a.csv', keep=['x']), p, p / 'again', Silent())"
    )
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "POLARS_MAX_THREADS": "1",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Shanghai",
    }
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    assert digests.of_folder(tmp_path / "again") == before


def test_a_given_test_file_keeps_its_rows_and_its_copies_leave_training(tmp_path: Path) -> None:
    train, test = questions(400), questions(60, first=400)
    write_csv(
        tmp_path / "train.csv", ["question", "domain"], [*train, ("Question  number 401?", "b"), test[2]]
    )
    write_csv(tmp_path / "test.csv", ["question", "domain"], [*test, test[0]])
    summary = run(tmp_path, train="train.csv", test="test.csv")
    assert summary["rows"]["test"] == 61
    assert summary["also_in_test"] == 2
    assert summary["splits"]["test"]["duplicates"] == 1
    assert summary["rows"]["train"] + summary["rows"]["validation"] == 400
    assert summary["rows"]["validation"] == pytest.approx(40, abs=20)
    rejected = pl.read_parquet(tmp_path / "out/rejected/rows.parquet")
    assert rejected["reason"].to_list() == ["inputs: also stand in test"] * 2
    assert rejected["row"].to_list() == [401, 402]
    found = "2 training or validation rows have inputs that also stand in a later split (2 in test); they"
    assert any(text.startswith(found) for text in told(summary))
    assert add_up(summary)
    kept = run(tmp_path, train="train.csv", test="test.csv", repeated="keep", name="kept")
    assert kept["also_in_test"] == 2
    assert kept["rows"]["train"] + kept["rows"]["validation"] == 402


def test_when_most_inputs_repeat_someone_must_decide(tmp_path: Path) -> None:
    signature = Signature("f", (Field("size", "category"),), (Field("domain", "category"),))
    rows = [("SML"[number % 3], "ab"[number % 2]) for number in range(90)]
    for name in ("train", "validation", "test"):
        write_csv(tmp_path / f"{name}.csv", ["size", "domain"], rows)
    files = {name: f"{name}.csv" for name in ("train", "validation", "test")}
    assert ids(refused(tmp_path, signature, **files)) == ["data.repeated-inputs"]
    summary = run(tmp_path, signature, repeated="keep", **files)
    assert summary["rows"] == {"train": 90, "validation": 90, "test": 90}
    assert summary["splits"]["train"]["conflicts"] == {"domain": 3}
    found = "9 inputs occur with more than one `domain` (3 in train, 3 in validation, 3 in test)"
    assert any(text.startswith(found) for text in told(summary))


def test_refused_values_are_named_with_rows_and_counts(tmp_path: Path) -> None:
    signature = Signature("f", (Field("age", "number"), Field("city", "category")), (Field("y", "boolean"),))
    rows = [[str(20 + n), "X", "yes" if n % 2 else "no"] for n in range(100)]
    for bad in (3, 4, 10, 11, 12, 13, 14):
        rows[bad][0] = "abc"
    rows[20][0] = "NaN"
    rows[30][1] = " "
    rows[40][2] = ""
    write_csv(tmp_path / "a.csv", ["age", "city", "y"], rows)
    error = refused(tmp_path, signature, source="a.csv")
    assert ids(error) == ["data.invalid-value", *["data.missing-value"] * 3]
    numbers, age, city, truth = error.problems
    assert numbers.rule == "must be a number"
    assert numbers.found.startswith("`age`: the text 'abc' in row 4, the text 'abc' in row 5, ")
    assert numbers.found.endswith("7 such rows")
    assert age.found.startswith("`age` has no value in row 21")
    assert city.found == "`city` has no value in row 31"
    assert "city: category?" in city.next_step
    assert truth.found == "`y` has no value in row 41"
    assert truth.where == "a.csv"


@pytest.mark.parametrize("field", ["labels", "topics"])
def test_a_blank_set_is_not_known_and_the_message_says_how_none_is_written(
    tmp_path: Path, field: str
) -> None:
    signature = Signature("f", (Field("labels", "tags"),), (Field("topics", "tags"),))
    rows = [["a;b", "x" if n % 2 else "[]"] for n in range(60)]
    rows[7][0 if field == "labels" else 1] = ""
    write_csv(tmp_path / "a.csv", ["labels", "topics"], rows)
    (problem,) = refused(tmp_path, signature, source="a.csv", repeated="keep").problems
    assert problem.found == f"`{field}` has no value in row 8"
    assert "(`[]` says that there is none)" in problem.next_step


def test_dropped_rows_are_counted_and_kept_with_their_reason(tmp_path: Path) -> None:
    signature = Signature(
        "f", (Field("age", "number"), Field("city", "category", optional=True)), (Field("y", "boolean"),)
    )
    rows = [[str(20 + n), "" if n == 5 else "X", "yes" if n % 2 else "no"] for n in range(100)]
    rows[3][0], rows[4][0], rows[4][2] = "abc", "", "maybe"
    write_csv(tmp_path / "a.csv", ["age", "city", "y"], rows)
    summary = run(tmp_path, signature, source="a.csv", invalid="drop")
    assert sum(one["rejected"] for one in summary["splits"].values()) == 2
    assert sum(summary["rows"].values()) == 98
    rejected = pl.read_parquet(tmp_path / "out/rejected/rows.parquet")
    assert rejected["row"].to_list() == [4, 5]
    assert rejected["reason"][0] == "age: must be a number; found the text 'abc'"
    assert rejected["reason"][1].startswith("age: must be there; y: must be yes or no")
    assert json.loads(rejected["raw"][1]) == {"age": None, "city": "X", "y": "maybe"}
    assert add_up(summary)
    cities = [city for split in SPLITS for city in read_columns(tmp_path / "out" / split, ["city"])["city"]]
    assert cities.count(None) == 1


def test_a_text_of_a_megabyte_is_refused_by_its_kind(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["question", "domain"], [*questions(200), ("x" * 1_000_000, "a")])
    problem = refused(tmp_path, source="a.csv").problems[0]
    assert problem.rule == "must have at most 100,000 characters"
    assert problem.found == "`question`: a text of 1,000,000 characters in row 201"
    summary = run(tmp_path, source="a.csv", invalid="drop")
    assert sum(summary["rows"].values()) == 200


def test_a_class_without_test_rows_is_an_error_that_says_how(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "a.csv",
        ["question", "domain"],
        [*questions(300), ("rare one", "rare"), ("rare two", "rare")],
    )
    error = refused(tmp_path, source="a.csv")
    assert ids(error) == ["data.class-without-test-rows"]
    assert error.problems[0].found == "`domain` has classes without test rows: `rare`"
    shares = error.problems[0].next_step.split("{rare: {")[1].split("}")[0]
    advised = {name: float(value) for name, value in (pair.split(": ") for pair in shares.split(", "))}
    summary = run(tmp_path, source="a.csv", split={"classes": {"rare": advised}})
    assert summary["classes"]["domain"]["rare"]["test"] == 1
    allowed = run(tmp_path, source="a.csv", untested=["rare"], name="allowed")
    assert allowed["classes"]["domain"]["rare"]["test"] == 0
    assert any("`rare` (2)" in text for text in told(allowed))
    assert "data.unknown-class" in ids(refused(tmp_path, source="a.csv", untested=["rar", "rare"]))


def test_what_is_advised_takes_every_class_without_test_rows_into_test(tmp_path: Path) -> None:
    rare = [(f"rare {row} of {name}", name) for name in ("no", "odd: one", "罕见") for row in range(2)]
    write_csv(tmp_path / "a.csv", ["question", "domain"], [*questions(300), *rare])
    error = refused(tmp_path, source="a.csv")
    (line,) = re.findall("`data.split.classes: (.*?)` would test", error.problems[0].next_step)
    advised = yaml.safe_load(line)
    summary = run(tmp_path, source="a.csv", split={"classes": advised})
    assert len(advised) > 1
    assert all(summary["classes"]["domain"][name]["test"] == 1 for name in advised)


def test_a_given_test_file_must_show_every_class_too(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ["question", "domain"], questions(300))
    write_csv(tmp_path / "test.csv", ["question", "domain"], [("q1", "a"), ("q2", "b"), ("q3", "new")])
    error = refused(tmp_path, train="train.csv", test="test.csv")
    assert [problem.found for problem in error.problems] == ["`domain` has classes without test rows: `c`"]
    assert "add test rows" in error.problems[0].next_step
    summary = run(tmp_path, train="train.csv", test="test.csv", untested=["c"])
    assert any("no training row shows: `new`" in text for text in told(summary))


def test_an_output_with_one_class_is_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["question", "domain"], [(question, "a") for question, _ in questions(100)])
    assert ids(refused(tmp_path, source="a.csv")) == ["data.single-class"]


def test_too_few_rows_are_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["question", "domain"], questions(2))
    error = refused(tmp_path, source="a.csv")
    assert set(ids(error)) == {"data.no-rows-left"}
    for problem in error.problems:  # none was set aside: there are too few
        assert "none of the data's 2 falls into this split" in problem.found


@pytest.mark.parametrize(
    ("section", "problem", "says"),
    [
        ({"columns": {"question": "text"}}, "data.missing-column", "leave `question` out of `data.columns`"),
        ({"columns": {"question": "questoin"}}, "data.missing-column", "leave `question` out"),
        ({"columns": {"qestion": "question"}}, "data.unknown-name", "did you mean `question`?"),
        ({"keep": ["languag"]}, "data.missing-column", "`data.keep: {languag: language}`"),
        ({"keep": {"id": "language"}}, "data.reserved-name", "another name"),
        ({"keep": ["domain"]}, "data.name-twice", "`domain`"),
        ({"columns": {"question": "domain"}}, "data.answer-as-input", "different columns"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, section: dict[str, Any], problem: str, says: str) -> None:
    rows = [(*row, "en") for row in questions(50)]
    write_csv(tmp_path / "a.csv", ["question", "domain", "language"], rows)
    error = refused(tmp_path, source="a.csv", **section)
    assert ids(error) == [problem]
    assert says in str(error)


def test_every_source_tells_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,domain\n1\n")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.csv").write_text("")
    error = refused(tmp_path, source=["*.csv", "b.json"])
    assert ids(error) == ["data.row-width", "data.empty-file", "data.json"]
    (tmp_path / "a.csv").write_text("quest,domain\nx,y\n")
    (tmp_path / "c.csv").write_text("question,dom\nx,y\n")
    assert ids(refused(tmp_path, source="*.csv")) == ["data.missing-column"] * 2


def test_inputs_star_takes_every_other_column_with_its_kind(tmp_path: Path) -> None:
    rows = [
        [
            n,
            n % 2,
            "yes" if n % 3 else "no",
            n * 1.5,
            "" if n == 7 else n,
            "xyz"[n % 3],
            f"text {n}",
            "",
            n % 2,
            f"0{n}",
        ]
        for n in range(120)
    ]
    header = ["id", "flag", "word", "emp.var.rate", "gap", "few", "1st note", "empty", "y", "class"]
    write_csv(tmp_path / "a.csv", header, rows)
    signature = Signature("f", (), (Field("y", "boolean"),))
    summary = run(tmp_path, signature, source="a.csv", keep={"where": "few"}, columns={"amount": "gap"})
    assert summary["signature"] == (
        "f(flag: boolean, word: boolean, emp_var_rate: number, amount: number?, x1st_note: text) -> y: boolean"
    )
    assert told(summary)[0].startswith("the column `id` names rows, and is not taken as an input")
    profile = load(tmp_path, "profile/profile.json")
    assert profile["columns"]["emp_var_rate"] == "emp.var.rate"
    assert profile["keep"] == {"where": "few"}
    kept = run(tmp_path, signature, source="a.csv", name="all")
    assert "few: category" in kept["signature"]
    open_inputs = data(
        Signature("f", (), signature.outputs),
        DataConfig(source="a.csv"),
        tmp_path,
        tmp_path / "x",
        Silent(),
        open_inputs=True,
    )
    assert open_inputs["signature"] == kept["signature"]


def test_inputs_star_needs_names_of_their_own_and_something_to_read(tmp_path: Path) -> None:
    signature = Signature("f", (), (Field("y", "boolean"),))
    write_csv(tmp_path / "a.csv", ["a.b", "a b", "y"], [(1, 2, n % 2) for n in range(40)])
    assert ids(refused(tmp_path, signature, source="a.csv")) == ["data.column-clash"]
    write_csv(tmp_path / "a.csv", ["a", "y"], [("", n % 2) for n in range(40)])
    error = refused(tmp_path, signature, source="a.csv")
    assert ids(error) == ["data.no-inputs"]


def test_kinds_are_inferred_from_rows_that_train_and_validate(tmp_path: Path) -> None:
    signature = Signature("f", (), (Field("y", "boolean"),))
    write_csv(tmp_path / "train.csv", ["a", "y"], [(n * n % 47, n % 2) for n in range(60)])
    write_csv(tmp_path / "test.csv", ["a", "y"], [(100, 0), ("abc", 1)])
    problem = refused(tmp_path, signature, train="train.csv", test="test.csv").problems[0]
    assert (problem.id, problem.where, problem.found) == (
        "data.invalid-value",
        "test.csv",
        "`a`: the text 'abc' in row 2",
    )


def test_a_changed_test_label_changes_neither_train_nor_profile(tmp_path: Path) -> None:
    """So that correcting the test set evaluates again, and learns nothing again."""
    write_csv(tmp_path / "train.csv", ["question", "domain"], questions(200))
    found = []
    for label in ("a", "b"):
        write_csv(
            tmp_path / "test.csv", ["question", "domain"], [*questions(30, first=500), ("one more", label)]
        )
        run(tmp_path, train="train.csv", test="test.csv", name=label)
        found.append(
            [
                digests.of_folder(tmp_path / label / part)
                for part in ("train", "validation", "profile", "test")
            ]
        )
    assert found[0][:3] == found[1][:3]
    assert found[0][3] != found[1][3]


def test_csv_and_parquet_of_one_table_split_alike(tmp_path: Path) -> None:
    rows = [(question, number, domain) for number, (question, domain) in enumerate(questions(200))]
    write_csv(tmp_path / "a.csv", ["question", "n", "domain"], rows)
    pl.DataFrame(rows, schema=["question", "n", "domain"], orient="row").write_parquet(tmp_path / "b.parquet")
    signature = Signature("f", (Field("question", "text"), Field("n", "number")), ROUTE.outputs)
    run(tmp_path, signature, source="a.csv", name="a")
    run(tmp_path, signature, source="b.parquet", name="b")
    assert digests.of_folder(tmp_path / "a" / "train") == digests.of_folder(tmp_path / "b" / "train")


def test_chinese_names_and_gb18030(tmp_path: Path) -> None:
    lines = ["问题,部门"] + [f"第{n}个问题是什么？,{'医疗' if n % 2 else '银行'}" for n in range(80)]
    (tmp_path / "问题.csv").write_bytes("\n".join(lines).encode("gb18030"))
    signature = Signature("分派", (Field("问题", "text"),), (Field("部门", "category"),))
    summary = run(tmp_path, signature, source="*.csv")
    assert summary["sources"][0]["encoding"] == "gb18030"
    assert any("问题.csv was read as gb18030" in text for text in told(summary))
    assert sum(summary["rows"].values()) == 80


@pytest.mark.skipif(find_spec("insuranceqa_data") is None, reason="insuranceqa_data is not installed")
def test_questions_of_an_installed_package(tmp_path: Path) -> None:
    package = "package:insuranceqa_data==1.2/"
    files = {"train": "train.json.gz", "validation": "valid.json.gz", "test": "test.json.gz"}
    sections = {split: package + file for split, file in files.items()}
    summary = run(tmp_path, columns={"question": "en"}, keep=["zh", "key"], **sections)
    assert summary["rows"] == {"train": 12_889, "validation": 2_000, "test": 2_000}
    assert len(summary["classes"]["domain"]) == 12
    assert (summary["also_in_test"], summary["also_in_validation"]) == (0, 0)
    assert told(summary) == ["`domain` has classes with fewer than 10 test rows: `other-insurance` (3)"]
    assert "What Happens When Term Life Insurance Is Paid Up?" in where(tmp_path)
    assert "insuranceqa_data" not in sys.modules


def test_a_table_of_scikit_learn(tmp_path: Path) -> None:
    signature = Signature("f", (), (Field("species", "category"),))
    source = "package:scikit-learn/datasets/data/iris.csv"  # its header row holds counts and names of classes
    summary = run(tmp_path, signature, source=source, columns={"species": "virginica"})
    assert summary["signature"] == (
        "f(x150: number, x4: number, setosa: number, versicolor: number) -> species: category"
    )
    assert sum(summary["rows"].values()) == 150


CODED = Signature.parse("churn(branch: category, marks: tags?) -> outcome: category")


@pytest.mark.parametrize(
    ("trained", "tested", "stored"),
    [
        (("1", "2"), ("1.0", "2.0"), {"1", "2"}),
        (("1.0", "2.0"), ("1", "2"), {"1.0", "2.0"}),
        (("true", "false"), ("True", "False"), {"true", "false"}),
        (("1.0", "1.1"), ("1.0", "1.10"), {"1.0", "1.10"}),
        (("007", "008"), ("7.0", "8.0"), {"7.0", "8.0"}),
    ],
)
def test_a_test_file_may_spell_a_code_in_another_way(
    tmp_path: Path, trained: tuple[str, str], tested: tuple[str, str], stored: set[str]
) -> None:
    header = ["branch", "marks", "outcome"]
    train = [(trained[n % 2], f"t{n};{trained[0]}", trained[n % 2]) for n in range(60)]
    test = [(tested[n % 2], f"t{n};{tested[0]}", trained[n % 2]) for n in range(100, 120)]
    write_csv(tmp_path / "train.csv", header, train)
    write_csv(tmp_path / "test.csv", header, test)
    summary = run(tmp_path, CODED, train="train.csv", test="test.csv")
    columns = read_columns(tmp_path / "out" / "test", ["branch", "marks"], CODED.inputs)
    assert set(columns["branch"]) == stored
    respelled = stored == set(trained)
    first = trained[0] if respelled else tested[0]
    assert all(first in marks for marks in columns["marks"])
    notices = [one for one in told(summary) if "spell a value" in one]
    changed = sum(given != taken for given, taken in zip(tested, trained, strict=True))
    assert len(notices) == (2 if respelled and changed else 0)
    if notices:
        assert "20 cells of `branch`" in notices[0]
        assert f"`{tested[0]}` for `{trained[0]}`" in notices[0]


def test_labels_of_a_test_file_are_those_of_training_in_another_spelling(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ["question", "domain"], [(f"q {n}", n % 2) for n in range(60)])
    write_csv(tmp_path / "test.csv", ["question", "domain"], [(f"t {n}", f"{n % 2}.0") for n in range(20)])
    run(tmp_path, train="train.csv", test="test.csv")
    assert set(read_columns(tmp_path / "out" / "test", ["domain"])["domain"]) == {"0", "1"}
    assert load(tmp_path, "counts/counts.json")["classes"]["domain"].keys() == {"0", "1"}
