"""The model card and the report as people read them: a gold file, and what hostile names come to."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from requirement_texts import parse

from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.verdict import judge
from modelwright.core.messages import Notice, Phrase, StateError, catalog
from modelwright.core.signature import Signature
from modelwright.reports.card import render_card
from modelwright.reports.page import render_report
from modelwright.storage.formats import evidence as evidences
from modelwright.storage.formats.evidence import (
    Baseline,
    Contributions,
    Details,
    Evidence,
    OutputDetails,
    read_details,
    read_evidence,
    write_details,
)

GOLD = Path(__file__).parent / "gold" / "CARD.md"
SIGNATURE = "route(question: text) -> domain: category, hours: number"


def share(metric, right, n, of=None, where=None):
    subject = Subject(metric, "domain", of, where)
    low, high = max(right / n - 0.03, 0), min(right / n + 0.03, 1)
    return Measurement(subject, Phase.TEST, right / n, low, high, n, "mid-p", 0.95)


def cost(metric, value, low, high, n, method):
    return Measurement(Subject(metric), Phase.PACKAGE, value, low, high, n, method, 0.95)


EVIDENCE = Evidence(
    signature=SIGNATURE,
    purpose="Send each question to the team that can answer it, 并且 say how long | it takes.",
    package="ab" * 32,
    test="cd" * 32,
    champion=None,
    evaluation=2,
    confidence=0.95,
    measurements=(
        share("accuracy", 460, 500),
        share("recall", 290, 300, of="medicare"),
        share("recall", 160, 180, of="<script>alert(1)</script>"),
        share("recall", 10, 20, of="=annuities|*"),
        share("accuracy", 40, 50, where="lang == 'zh'"),
        Measurement(Subject("rmse", "hours"), Phase.TEST, 1.25, 1.1, 1.4, 500, "hall", 0.95),
        cost("latency_p95", 0.0122, 0.0116, 0.0129, 1000, "order-statistics"),
        cost("latency_p99", 0.0152, 0.0141, None, 40, "order-statistics"),
        cost("size", 23_500_000.0, 23_500_000.0, 23_500_000.0, 1, "exact"),
    ),
    baselines=(
        Baseline(
            "linear model",
            Phrase("evidence.sentence", text="logistic regression on words"),
            "domain",
            (share("accuracy", 400, 500),),
        ),
    ),
    warnings=(Notice("evidence.sentence", text="One class has few rows."),),
)
DETAILS = Details(
    rows={"train": 4000, "validation": 400, "test": 500},
    outputs=(
        OutputDetails(
            "domain",
            "classes",
            {
                "classes": ["medicare", "<script>alert(1)</script>", "=annuities|*"],
                "train_rows": [2400, 1440, 160],
                "test_rows": [300, 180, 20],
                "confusion": [[0, 0, 290], [0, 1, 10], [1, 1, 160], [1, 3, 20], [2, 0, 10], [2, 2, 10]],
                "reliability": [
                    {"confidence": 0.7, "accuracy": 0.72, "low": 0.66, "high": 0.78, "n": 250},
                    {"confidence": 0.98, "accuracy": 0.97, "low": 0.94, "high": 0.99, "n": 250},
                ],
                "mistakes": [
                    {
                        "id": "r-1",
                        "inputs": {"question": "=1+1 <img src=x>"},
                        "truth": "medicare",
                        "answer": "=annuities|*",
                        "confidence": 0.91,
                    }
                ],
                "unknown": 3,
            },
        ),
        OutputDetails("hours", "numbers", {"truth": [1.0, 2.0], "predicted": [1.5, 2.5], "mistakes": []}),
    ),
    latencies_s=(0.010, 0.011, 0.012, 0.0125),
    made={"made from: learner": "probe", "version of numpy": "2.0"},
)
REQUIREMENTS = [
    parse(key, bar, Signature.parse(SIGNATURE))
    for key, bar in {
        "accuracy": ">= 0.9",
        "recall[=annuities|*]": ">= 0.9",
        "latency_p95": "<= 15 ms",
    }.items()
]


def card():
    found = judge(REQUIREMENTS, EVIDENCE.measurements, phases={Phase.TEST, Phase.PACKAGE})
    return render_card(EVIDENCE, DETAILS, found)


def test_the_card_is_as_its_gold_file():
    expected = GOLD.read_text(encoding="utf-8").splitlines()
    shown = "\n".join(difflib.unified_diff(expected, card().splitlines(), "gold", "now", lineterm=""))
    assert not shown, f"{shown}\n\nif this is meant, write it to {GOLD.name}"


def test_no_text_of_a_user_becomes_markup_in_the_card():
    text = card()
    assert "<script>" not in text
    assert "\n=" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    for line in tables:  # a bar inside a name would add a column
        assert line.replace("\\|", "").count("|") in {3, 4, 5, 6}


def test_the_report_escapes_names_and_texts():
    page = render_report(EVIDENCE, DETAILS)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page
    assert "“=1+1 &lt;img src=x&gt;”" in page


@pytest.mark.parametrize("classes", [2, 77, 300])
def test_the_report_shows_any_number_of_classes(classes):
    names = tuple(f"class-{place}" for place in range(classes))
    findings = DETAILS.outputs[0].findings | {
        "classes": list(names),
        "train_rows": [9] * classes,
        "test_rows": [9] * classes,
        "confusion": [[place, (place * 7) % classes, 9] for place in range(classes)],
    }
    measured = tuple(share("recall", 5, 9, of=name) for name in names)
    page = render_report(
        replace(EVIDENCE, measurements=measured, baselines=()),
        replace(DETAILS, outputs=(OutputDetails("domain", "classes", findings),)),
    )
    assert f"All {classes} classes as a table" in page
    assert ("of 300 classes with the most mistakes" in page) == (classes == 300)


def test_evidence_and_details_come_back_as_they_were_written(tmp_path):
    evidences.write_evidence(EVIDENCE, tmp_path / "evidence")
    evidences.write_details(DETAILS, tmp_path / "report")
    assert read_evidence(tmp_path / "evidence") == EVIDENCE
    assert read_details(tmp_path / "report") == DETAILS


@pytest.mark.parametrize(
    ("text", "problem"),
    [("nothing", "format.unreadable"), (None, "format.unreadable"), ('"format": 9', "format.newer")],
)
def test_what_is_no_evidence_is_refused(tmp_path, text, problem):
    path = tmp_path / evidences.EVIDENCE
    evidences.write_evidence(EVIDENCE, tmp_path)
    if text is None:
        path.unlink()
    elif text.startswith('"format"'):
        path.write_text(path.read_text(encoding="utf-8").replace('"format": 2', text), encoding="utf-8")
    else:
        path.write_text(text)
    with pytest.raises(StateError) as caught:
        read_evidence(tmp_path)
    assert caught.value.problems[0].id == problem


OLD = Path(__file__).parent / "evidence_format_1"  # as the version before families sealed it


def test_what_an_earlier_version_sealed_is_read_and_shown():
    evidence, details = read_evidence(OLD), read_details(OLD)
    assert evidence.evaluation == 2
    assert [str(one.describes) for one in evidence.baselines] == ["logistic regression on words"]
    assert [one.found for one in evidence.warnings] == ["One class has few rows."]
    assert evidence == EVIDENCE
    assert [(one.output, one.family) for one in details.outputs] == [
        ("domain", "classes"),
        ("hours", "numbers"),
    ]
    assert (details.load, details.rows) == (None, DETAILS.rows)
    assert details == DETAILS
    found = judge(REQUIREMENTS, evidence.measurements, phases={Phase.TEST, Phase.PACKAGE})
    assert render_card(evidence, details, found) == card()
    assert render_report(evidence, details) == render_report(EVIDENCE, DETAILS)


def test_the_load_of_an_earlier_version_is_a_rate(tmp_path):
    text = (OLD / evidences.DETAILS).read_text(encoding="utf-8")
    assert "one request at a time" in text
    (tmp_path / evidences.DETAILS).write_text(
        text.replace("one request at a time", "50 /s, arriving at random"), encoding="utf-8"
    )
    assert read_details(tmp_path).load == "50 /s"


def measured_importance(*names):
    found = {}
    for place, name in enumerate(names):
        value = 0.2 / (place + 1)
        subject = Subject("log_loss", "domain")
        found[name] = Measurement(subject, Phase.TEST, value, value - 0.03, value + 0.03, 400, "paired", 0.95)
    return found


def wide(inputs=30):
    """Return evidence and details of a function with many inputs, of which the last ones matter most."""
    names = [f"指标_{place}" for place in range(inputs)]
    signature = f"route({', '.join(f'{name}: number' for name in names)}) -> domain: category, hours: number"
    mistake = DETAILS.outputs[0].findings["mistakes"][0] | {
        "inputs": {name: f"{place}.5" for place, name in enumerate(names)}
    }
    output = replace(
        DETAILS.outputs[0],
        findings=DETAILS.outputs[0].findings | {"mistakes": [mistake]},
        importance=measured_importance(*names[:-21:-1]),
        contributions=Contributions(40, True, {name: 0.3 / (place + 1) for place, name in enumerate(names)}),
        point=(Phrase("operating.from", label="medicare", cut=0.31),),
    )
    return replace(EVIDENCE, signature=signature), replace(DETAILS, outputs=(output, DETAILS.outputs[1]))


def test_a_long_signature_folds_and_a_short_one_does_not():
    assert '<details class="signature">' not in render_report(EVIDENCE, DETAILS)
    page = render_report(*wide())
    heading = page[page.index("<h1>") : page.index("</h1>")]
    assert heading == "<h1>route(30 inputs) → domain: category, hours: number"
    assert page.index("指标_29") > page.index('<details class="signature">')


def test_truth_and_answer_come_first_and_then_the_inputs_that_matter():
    page = render_report(*wide())
    table = page[page.index('class="cards mistakes"') :]
    table = table[: table.index("</table>")]
    order = [
        table.index(f">{text}<") for text in ("truth", "answer", "confidence", "指标_29", "26 more", "指标_0")
    ]
    assert order == sorted(order)
    assert table.index("26 more") > table.index("指标_26") > table.index("指标_27")
    assert "指标_25" in table[table.index("26 more") :]


def test_every_cell_of_a_card_says_what_it_is():
    """On a narrow screen the head of a table is not shown, so each cell names its column, or names the row."""
    page = render_report(
        *wide(), judge(REQUIREMENTS, EVIDENCE.measurements, phases={Phase.TEST, Phase.PACKAGE})
    )
    tables = re.findall(r'<table class="cards.*?</table>', page, re.DOTALL)
    assert len(tables) >= 6
    assert page.count("<table") == len(tables), "every table can become cards"
    for cell in re.findall(r"<td[^>]*>", "".join(tables)):
        assert "data-label=" in cell or "head" in cell or "wide" in cell, cell


def test_what_answers_rest_on_and_where_they_are_given_is_shown():
    page = render_report(*wide())
    assert "`medicare` from a probability of 0.31" in page
    assert "What the answers rest on" in page
    assert "5 more inputs" in page  # 15 of 20 are drawn
    assert "15 more inputs" in page  # of 30, in the other chart
    for heading in ("What the answers rest on", "How far the inputs move the answers"):
        assert heading in page
        assert heading not in render_report(EVIDENCE, DETAILS)


def test_figures_of_two_labels_stand_among_the_others():
    two = replace(EVIDENCE, measurements=(share("accuracy", 460, 500), share("auc", 290, 300, of="true")))
    assert "domain.auc[true]" in render_report(two, DETAILS)


def test_details_with_importance_come_back(tmp_path):
    _, details = wide()
    write_details(details, tmp_path)
    assert read_details(tmp_path) == details


def test_the_card_says_of_each_output_what_it_does_beyond_its_labels():
    """Only an output of classes always answers one of them; a set may be empty, and a threshold leaves rows out."""
    tags = {
        "tags": ["a"], "train_rows": [1], "test_rows": [1], "answered": [1], "rows": 1, "empty": 0, "unknown": 0,
        "mistakes": [],
    }  # fmt: skip
    of_sets = replace(DETAILS, outputs=(OutputDetails("topics", "sets", tags),))
    text = render_card(replace(EVIDENCE, measurements=(), baselines=()), of_sets)
    assert "topics answers a set, which may be empty" in text
    assert "one of its classes" not in text
    abstaining = replace(DETAILS.outputs[0], point=(Phrase("operating.abstains", least=0.8),))
    text = render_card(EVIDENCE, replace(DETAILS, outputs=(abstaining, DETAILS.outputs[1])))
    assert "belongs to none of them, unless its confidence is too low for an answer." in text
    assert "nothing below a confidence of 0.8" in text


def test_the_report_and_the_card_speak_the_language_of_their_reader():
    evidence, details = wide()
    verdicts = judge(REQUIREMENTS, EVIDENCE.measurements, phases={Phase.TEST, Phase.PACKAGE})
    english, its_card = render_report(evidence, details, verdicts), render_card(evidence, details, verdicts)
    with catalog.speaking("zh"):
        page, chinese = render_report(evidence, details, verdicts), render_card(evidence, details, verdicts)
    assert '<html lang="en">' in english
    assert '<html lang="zh">' in page
    for text in (
        "Confusion matrix",
        "What the answers rest on",
        "How these numbers were made",
        "Slices",
        "unmet</span>",
    ):
        assert text in english
        assert text not in page
    for text in ("混淆矩阵", "答案依据哪些输入", "这些数字是怎样得出的", "切片", "未达标</span>"):
        assert text in page
    for text in ("## Intended use", "## Limits", "| unmet |", "choices: checkpoint", "licence"):
        assert text not in chinese
    for text in ("## 预期用途", "## 局限", "| 未达标 |", "选择：检查点", "工作点："):
        assert text in chinese
    assert len(its_card.splitlines()) == len(chinese.splitlines()), "the same card, said otherwise"


# what stays as it is in every language: names of metrics, methods, classes and columns, and the project's own texts
OWN = {
    *("route", "medicare", "annuities", "script", "img", "src"),
    *("accuracy", "where", "lang"),
    *(
        "Send",
        "each",
        "question",
        "to",
        "the",
        "team",
        "that",
        "can",
        "answer",
        "it",
        "say",
        "how",
        "long",
        "takes",
    ),
    *("logistic", "regression", "on", "words"),
    *("One", "class", "has", "few", "rows"),
}


@pytest.mark.parametrize("render", [render_card, render_report])
def test_what_is_shown_in_chinese_holds_no_english_sentence(render):
    """Three words of English in a row are a text that was forgotten; names and the project's own texts are not."""
    verdicts = judge(REQUIREMENTS, EVIDENCE.measurements, phases={Phase.TEST, Phase.PACKAGE})
    with catalog.speaking("zh"):
        text = render(EVIDENCE, DETAILS, verdicts)
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    texts = re.sub(r"<(?!title)[^>]*?(?:aria-label=\"([^\"]*)\"[^>]*)?>", r"\n\1\n", text)
    runs = re.findall(r"[A-Za-z][a-z]+(?: [a-z]+){2,}", texts)
    assert [run for run in runs if not set(run.split()) <= OWN] == []


def test_a_mistake_shows_the_pictures_of_its_inputs_and_nothing_of_them_runs():
    evidence, details = wide(1)
    findings = dict(details.outputs[0].findings)
    thumbnail = {"media": "image/png", "data": "AAAA", "width": 90, "height": 60}
    hostile = thumbnail | {"data": '"><script>alert(1)</script>'}
    findings["mistakes"] = [
        {
            "id": "a",
            "inputs": {"指标_0": "PNG 3 × 2"},
            "truth": "x",
            "answer": "y",
            "confidence": 0.9,
            "pictures": {"指标_0": one},
        }
        for one in (thumbnail, hostile)
    ]
    outputs = (replace(details.outputs[0], findings=findings), *details.outputs[1:])
    page = render_report(evidence, replace(details, outputs=outputs))
    assert 'src="data:image/png;base64,AAAA" width="90" height="60" alt="' in page
    assert page.count("PNG 3 × 2") == 4  # what is read aloud, and what a pointer shows
    assert 'src="data:image/png;base64,"' in page
    assert "<script" not in page
    assert "img-src data:" in page
