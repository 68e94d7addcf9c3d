"""How alike texts are, and what outcomes of texts say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelwright import kinds, outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Subject
from modelwright.kinds.contract.common import DECODED, LIKELIHOOD, Answer, Form
from modelwright.kinds.shared.plain_state import PlainState
from modelwright.outcomes.contract.section import Section, TestRows
from modelwright.outcomes.text_words import words
from modelwright.outcomes.texts import copying, similarity

WRITTEN = PlainState(Form.WRITTEN)


# sacrebleu 2.6.0: CHRF().sentence_score(answer, [truth]).score / 100
@pytest.mark.parametrize(
    ("truth", "answer", "chrf"),
    [
        ("the cat sat on the mat", "the cat sat on the mat", 1.0),
        ("我喜欢吃苹果。", "我喜欢吃苹果。", 1.0),
        ("a", "", 0.0),
        ("abc", "xyz", 0.0),
        ("ab", "abab", 0.7812499999999999),
        ("the cat sat on the mat", "the mat sat", 0.4047041819781007),
        ("我喜欢吃苹果", "我喜欢梨", 0.31249999999999994),
    ],
)
def test_chrf_is_that_of_sacrebleu(truth, answer, chrf):
    assert similarity.chrf(truth, answer) == pytest.approx(chrf, abs=1e-9)


def test_chrf_equals_an_installed_sacrebleu():
    sacrebleu = pytest.importorskip("sacrebleu")
    generator = np.random.default_rng(0)
    for _ in range(50):
        truth, answer = ("".join(generator.choice([*"ab cd 苹果"], size=30)) for _ in range(2))
        theirs = sacrebleu.metrics.CHRF().sentence_score(answer, [truth]).score
        assert similarity.chrf(truth, answer) == pytest.approx(theirs / 100, abs=1e-6)


# rouge-score 0.1.2: RougeScorer(["rougeL"]).score(truth, answer)["rougeL"].fmeasure
@pytest.mark.parametrize(
    ("truth", "answer", "rouge"),
    [
        ("the cat sat on the mat", "the mat sat", 4 / 9),
        ("The cat sat.", "the cat, sat", 1.0),
        ("one two three four", "four three two one", 0.25),
    ],
)
def test_rouge_is_that_of_rouge_score(truth, answer, rouge):
    assert similarity.rouge_l(truth, answer) == pytest.approx(rouge)


def test_a_chinese_sentence_is_like_itself():
    assert words("我喜欢 iPhone 15。") == ["我", "喜", "欢", "iphone", "15"]
    assert similarity.rouge_l("我喜欢吃苹果", "我喜欢吃苹果。") == 1.0
    assert 0.5 < similarity.token_f1("我喜欢吃苹果", "我喜欢梨") < 1.0


def test_what_is_repeated_counts():
    assert similarity.repetition("a b c") is None
    assert similarity.repetition("a b c d e f") == 0.0
    assert similarity.repetition("a b c d " * 10) > 0.8


def test_copied_runs_are_found_across_punctuation_and_short_ones_are_not():
    source = "One two three, four five six seven eight nine ten."
    answers = ["well, one two three four five six seven eight nine!", "one two three", ""]
    assert copying.longest_runs(answers, [source]).tolist() == [9, 0, 0]
    assert copying.longest_runs(answers, []).tolist() == [0, 0, 0]


def found(answers, truths=("yes it is", "no", None, "a b")):
    decoded = np.empty(len(answers), dtype=object)
    decoded[:] = answers
    likely = np.array([[-6.0, 3], [-2.0, 1], [np.nan, np.nan], [-4.0, 2]])
    return kinds.arrays("text").outcomes(truths, {DECODED: decoded, LIKELIHOOD: likely}, WRITTEN, {})


def value(name, of_rows):
    return measure(Subject(name, "reply"), outcomes.metrics().of(name, "texts"), of_rows, 0.95)


def test_rows_that_were_not_asked_are_left_out_of_what_is_compared():
    rows = found([Answer("yes it is"), None, Answer(None), Answer("b", details={"finish": "length"})])
    assert value("exact_match", rows).value == 0.5
    assert value("exact_match", rows).n == 2
    assert value("empty_rate", rows).value == pytest.approx(1 / 3)
    assert value("cut_rate", rows).value == pytest.approx(1 / 3)
    assert value("copied_rate", rows).n == 0, "nobody has looked"


def test_how_likely_truths_are_is_known_of_all_rows():
    rows = found([None] * 4)
    assert value("perplexity", rows).value == pytest.approx(np.exp(2.0))
    bits = 12.0 / np.log(2) / len("yes it isnoa b")
    assert value("bits_per_byte", rows).value == pytest.approx(bits)
    assert value("bits_per_character", rows).value == pytest.approx(bits), "of letters of one byte each"
    assert value("chrf", rows).n == 0


def test_a_copy_of_a_training_row_is_seen():
    text = " ".join(f"word{one}" for one in range(25))
    rows = found([Answer(text), Answer("no"), None, None]).beside_training([f"so {text} and so on", None])
    assert rows.copied.tolist()[:2] == [25, 0]
    assert value("copied_rate", rows).value == 0.5
    assert "25 words (row b)" in drawn(rows).blocks[0].note
    assert (
        "No answer has 8 words"
        in drawn(found([Answer("no"), None, None, None]).beside_training([text])).blocks[0].note
    )
    assert "training" not in drawn(found([Answer("no"), None, None, None])).blocks[0].note


def drawn(of_rows):
    section = outcomes.facet("texts", Section)
    rows = TestRows(["b", "c", "d", "e"], ["", "", "", ""].__getitem__, lambda _: {}, {})
    findings = section.findings(of_rows, rows, confidence=0.95, most_mistakes=5)
    return section.draw("reply", findings, [])


def test_texts_keep_their_lines_where_they_are_written_and_not_where_they_are_read():
    kind = kinds.value("text")
    options = replace(kinds_options(), lines=True)
    assert kind.read_cell(" a\r\n\tb  c \n", options) == "a\n\tb  c"
    assert kind.read_cell(" a\r\n\tb  c \n") == "a b c"
    assert kind.read_cell(" \n", options) is None


def kinds_options():
    from modelwright.kinds.contract.cells import DEFAULT_OPTIONS

    return DEFAULT_OPTIONS
