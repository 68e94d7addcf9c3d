"""Values as the YAML of a proposed line: what is plain, what is quoted, and what cannot be seen."""

from __future__ import annotations

import pytest
import yaml

from modelwright.core.messages.near import did_you_mean
from modelwright.core.messages.setting import escaped, setting
from modelwright.core.messages.yaml_text import quoted, scalar
from modelwright.core.progress import Silent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-3, "-3"),
        (10**20, "1" + 20 * "0"),
        (2.5, "2.5"),
        (3.0, "3"),
        (1e-7, "1e-07"),
        ("plain", "plain"),
        ("a-b.c_d9", "a-b.c_d9"),
        ("日本", "日本"),
        ("No", '"No"'),
        ("y", '"y"'),
        ("null", '"null"'),
        ("1", '"1"'),
        ("a.", '"a."'),
        ("", '""'),
        ("é: b", '"é: b"'),
    ],
)
def test_a_scalar_is_quoted_where_it_must_be(value, text):
    assert scalar(value) == text


def test_quotes_are_double_and_stay_on_one_line():
    assert quoted("plain") == '"plain"'
    assert quoted("日本 é") == '"日本 é"'
    assert quoted('say "hi"') == '"say \\"hi\\""'
    assert quoted("a\nb") == '"a\\nb"'
    assert quoted("trail \n") == '"trail \\n"'
    long = " ".join(["word"] * 200)
    assert quoted(long) == f'"{long}"'


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"zip": "category"}, "data.kinds: {zip: category}"),
        ({"b": 1, "a": [1, "x: y"]}, "data.kinds: {b: 1, a: [1, 'x: y']}"),
        (["on", "1", "日本"], "data.kinds: ['on', '1', 日本]"),
        ("plain", "data.kinds: plain"),
        (3, "data.kinds: 3"),
        (True, "data.kinds: true"),
        (None, "data.kinds: null"),
        ("zero\u200bwidth", 'data.kinds: "zero\\u200bwidth"'),
        ({"a\u00a0b": "c"}, 'data.kinds: {"a\\u00a0b": c}'),
        ("tag\U000e0041", 'data.kinds: "tag\\U000E0041"'),
        ("wide\u3000space", "data.kinds: wide\u3000space"),
    ],
)
def test_a_setting_is_one_line_that_reads_back(value, line):
    assert setting("data.kinds", value) == line
    assert yaml.safe_load(line) == {"data.kinds": value}


def test_a_long_setting_is_not_folded():
    names = {f"column number {place}": "some kind of value" for place in range(100)}
    line = setting("data.kinds", names)
    assert "\n" not in line
    assert list(yaml.safe_load(line)["data.kinds"]) == list(names)  # in the order that was given


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b\u3000c", "a b\u3000c"),
        ("\x00\x1f\x7f", "\\u0000\\u001f\\u007f"),
        ("\u200b\u202e\u2028\u2029", "\\u200b\\u202e\\u2028\\u2029"),
        ("\ue000\ud800", "\\ue000\\ud800"),
        ("\uffff\U00010000", "\uffff\U00010000"),
        ("\U000e0001\U0010ffff", "\\U000e0001\U0010ffff"),
        ("\U000f0000", "\\U000f0000"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("acuracy", ["recall", "accuracy"], "accuracy"),
        ("recal", ["recalls", "recall"], "recall"),  # the nearest of several
        ("xyz", ["recall", "accuracy"], None),
        ("a", [], None),
        ("abcde", ["abcxy"], "abcxy"),  # 3 of 5 letters each: 0.6
        ("abcde", ["abxyz"], None),
        ("mean_absolute_error", ["rmse", "mae"], "mae"),  # its initials
        ("roc_auc_score", ["accuracy", "auc"], "auc"),  # a part of it
        ("f1_score", ["f1_micro", "f1"], "f1"),
        ("batch_sizes", ["batch", "batch_size"], "batch_size"),  # nearer than a part of it
    ],
)
def test_a_near_word(word, known, meant):
    assert did_you_mean(word, known) == meant


def test_a_silent_progress_takes_everything():
    silent = Silent()
    silent.say("nothing")
    with silent.task("title", 3) as task:
        assert task.advance() is None
        assert task.advance(2, note="x") is None
