"""Places in texts from what is known of tokens: tags, windows, characters."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright.runtime.drivers.locate import answering, tagging
from modelwright.runtime.drivers.locate.locate_settings import LocateSettings
from modelwright.runtime.drivers.locate.text_windows import WindowReader


def reader(window=8, stride=2, question=4, pieces=None):
    built = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    built.pre_tokenizer = pieces or pre_tokenizers.Whitespace()
    return WindowReader(
        built.to_str().encode(), LocateSettings(window=window, stride=stride, question=question)
    )


def tokens_of(text, **how):
    (tokens,) = reader(**how).tokens([text])
    return tokens


def logits_of(tags, columns=5, sure=9.0):
    found = np.zeros((len(tags), columns))
    found[np.arange(len(tags)), tags] = sure
    return found


@pytest.mark.parametrize(
    "text",
    ["Anna Meier met Bo", "\U0001f600 Anna Meier\u00a0 met Bo", "e\u0301 Anna  Meier met\tBo ."],
)
def test_spans_become_tags_and_tags_the_same_spans(text):
    first, second = text.index("Anna"), text.index("Bo")
    wanted = [(first, text.index("Meier") + 5, 0), (second, second + 2, 1)]
    tokens = tokens_of(text)
    tags, astray = tagging.tags_of(wanted, tokens)
    assert astray == 0
    found = tagging.spans_of(logits_of(tags), tokens)
    assert [tuple(one) for one in found.spans.tolist()] == wanted
    assert found.sure == pytest.approx(1 / (1 + 4 * np.exp(-9.0)))


def test_chinese_has_places_without_spaces():
    text = "王小明住在北京"
    tokens = tokens_of(text, pieces=pre_tokenizers.Split("", "isolated"))
    tags, astray = tagging.tags_of([(0, 3, 0), (5, 7, 1)], tokens)
    assert (tags.tolist(), astray) == ([1, 2, 2, 0, 0, 3, 4], 0)
    assert tagging.spans_of(logits_of(tags), tokens).spans.tolist() == [[0, 3, 0], [5, 7, 1]]


def test_a_place_within_a_token_is_counted_and_answered_as_the_whole_token():
    tokens = tokens_of("Annas hat")
    tags, astray = tagging.tags_of([(0, 4, 0)], tokens)
    assert astray == 1
    assert tagging.spans_of(logits_of(tags), tokens).spans.tolist() == [[0, 5, 0]]


def test_no_span_goes_on_that_has_not_begun():
    tokens = tokens_of("a b c d")
    # the likeliest tags one by one: inside 0, inside 0, outside, inside 1
    logits = logits_of([2, 2, 0, 4], sure=1.0)
    logits[0, 1] = 0.9
    found = tagging.spans_of(logits, tokens)
    assert found.spans.tolist() == [[0, 3, 0]]


def test_windows_cover_every_token_and_a_span_across_their_edge_is_one():
    text = " ".join("w" for _ in range(40))
    one = reader(window=8, stride=4)
    (tokens,) = one.tokens([text])
    windows = list(one.windows(0, tokens, ""))
    assert {window.first for window in windows} == set(range(0, 33, 4))
    wanted = [(2 * 6, 2 * 18 - 1, 0)]  # words 6 to 17
    tags, _ = tagging.tags_of(wanted, tokens)
    parts = [logits_of(tags)[window.first : window.first + window.count] for window in windows]
    whole = tagging.of_tokens(windows, parts, len(tokens))
    assert tagging.spans_of(whole, tokens).spans.tolist() == [list(wanted[0])]


def test_a_token_is_read_where_most_stands_around_it():
    one = reader(window=8, stride=4)
    (tokens,) = one.tokens([" ".join("w" for _ in range(12))])
    first, second = one.windows(0, tokens, "")
    whole = tagging.of_tokens([first, second], [np.full((8, 1), 1.0), np.full((8, 1), 2.0)], 12)
    assert whole[:, 0].tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]


def test_a_question_stands_before_the_text_and_leaves_it_half_of_the_window():
    one = reader(window=8, question=100)
    (tokens,) = one.tokens(["a b c d e f g h"])
    windows = list(one.windows(0, tokens, "q " * 50))
    assert all(len(window.ids) <= 8 and window.count >= 4 for window in windows)
    assert sorted({window.first + place for window in windows for place in range(window.count)}) == [
        *range(8)
    ]


def test_an_answer_is_the_place_that_is_likeliest_against_none():
    one = reader(window=8, stride=4)
    text = " ".join(f"w{place}" for place in range(11))
    (tokens,) = one.tokens([text])
    first, second = one.windows(0, tokens, "q")
    logits = [np.zeros((len(window.ids), 2)) for window in (first, second)]
    # the first window says more of its own place, and as much of there being none
    logits[0][0] = 20.0
    logits[0][first.offset + 1, 0] = logits[0][first.offset + 2, 1] = 21.0
    logits[1][second.offset + 1, 0] = logits[1][second.offset + 2, 1] = 3.0
    best = answering.candidates([first, second], logits, tokens, 5)
    begin = second.first + 1
    wanted = text.index(f"w{begin}"), text.index(f"w{begin + 1}") + len(f"w{begin + 1}")
    assert best[0] == (*wanted, 6.0)
    assert [score for *_, score in best] == sorted((score for *_, score in best), reverse=True)


def test_no_answer_ends_before_it_begins_or_is_white_space():
    one = reader(window=8)
    (tokens,) = one.tokens(["a b"])
    (window,) = one.windows(0, tokens, "")
    logits = np.zeros((len(window.ids), 2))
    logits[window.offset + 1, 0] = logits[window.offset, 1] = 9.0
    places = [pair[:2] for pair in answering.candidates([window], [logits], tokens, 5)]
    assert set(places) == {(0, 1), (2, 3), (0, 3)}
    assert answering.candidates([], [], tokens, 5) == []


@pytest.mark.parametrize(
    ("start", "end", "found"), [(0, 1, (0, 0, True)), (1, 2, None), (0, 5, (0, 2, False))]
)
def test_characters_have_their_tokens(start, end, found):
    assert answering.tokens_of(start, end, tokens_of("a b cd")) == found
