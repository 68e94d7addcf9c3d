"""Searching by words and by vectors: what is found, and that nothing beside a question changes it."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.learners.indexing.indexed_body import better_by_more_than_chance
from modelwright.runtime.searching import clustered_index, lexical_index, passage_texts
from modelwright.runtime.searching.lexical_index import DamagedIndexError, LexicalIndex
from modelwright.runtime.searching.passage_texts import PassageTexts
from modelwright.runtime.searching.ranked_places import NOWHERE, added, best, fused, padded
from modelwright.runtime.searching.search_terms import terms
from modelwright.runtime.searching.vector_index import VectorIndex, in_eight_bits

PASSAGES = (
    "A lost card is blocked.",
    "Transfers take a day.",
    "信用卡丢失后请挂失。",
    "A card costs nothing.",
)


def vectors(count: int, width: int = 16) -> np.ndarray:
    found = np.random.default_rng(3).normal(size=(count, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_terms_are_words_and_where_no_spaces_are_written_characters_and_pairs():
    assert list(terms("Lost CARD-2, 卡丢失")) == ["lost", "card", "2", "卡", "丢", "失", "卡丢", "丢失"]
    assert list(terms(" ... ")) == []


def test_words_find_what_shares_rare_ones():
    index = lexical_index.build(PASSAGES)
    assert index.search("a lost card", 4)[0].tolist()[:2] == [0, 3]
    assert index.search("信用卡丢失怎么办", 4)[0].tolist() == [2]
    assert index.search("zzz", 4)[0].tolist() == []


def test_bm25_is_the_formula_of_the_paper():
    index = lexical_index.build(["x y", "x x z z"])
    idf, mean = np.log(1 + (2 - 2 + 0.5) / (2 + 0.5)), 3
    wanted = [
        idf * tf * 2.2 / (tf + 1.2 * (1 - 0.75 + 0.75 * length / mean)) for tf, length in ((1, 2), (2, 4))
    ]
    assert index.scores("x") == pytest.approx(wanted, rel=1e-6)


def test_files_of_an_index_are_read_back_and_damaged_ones_are_refused():
    index = lexical_index.build(PASSAGES)
    files = index.files()
    again = LexicalIndex.of_files(files, len(PASSAGES))
    assert np.array_equal(again.scores("lost card 信用卡"), index.scores("lost card 信用卡"))
    for name, content in (("lexical/places.i32", b"\xff\xff\xff\x7f"), ("lexical/starts.i64", b"\x01" * 8)):
        with pytest.raises(DamagedIndexError):
            LexicalIndex.of_files({**files, name: files[name][: -len(content)] + content}, len(PASSAGES))
    texts = passage_texts.text_files(PASSAGES)
    assert [PassageTexts.of_files(texts)[place] for place in range(4)] == list(PASSAGES)
    with pytest.raises(DamagedIndexError):
        PassageTexts.of_files({**texts, "corpus/texts.bin": b"less"})


def test_of_equal_scores_the_first_are_best_wherever_they_are_cut():
    scores = np.array([1, 3, 3, 3, 2], np.float32)
    assert best(scores, 2).tolist() == [1, 2]
    assert best(scores, 9).tolist() == [1, 2, 3, 4, 0]


def test_rankings_are_fused_by_reciprocal_ranks():
    places, scores = fused([np.array([5, 7]), np.array([7, 9])], [1.0, 1.0], 4)
    assert places.tolist() == [7, 5, 9, NOWHERE]
    assert scores[0] == pytest.approx((1 / 62 + 1 / 61) / (2 / 61))
    alone, _ = fused([np.array([5, 7]), np.array([7, 9])], [1.0, 0.0], 3)
    assert alone.tolist() == [5, 7, NOWHERE]
    assert padded(np.array([1]), 2).tolist() == [1, NOWHERE]


def test_scores_are_added_and_of_equal_sums_the_first_place_is_first():
    cosines, words = np.array([0.5, 0.9, 0.6, -0.8], np.float32), np.array([1.0, 0.0, 0.75, 0.0], np.float32)
    places, scores = added([cosines, words], [1.0, 0.4], np.array([3, 5, 8, 9]), 5)
    assert places.tolist() == [3, 5, 8, 9, NOWHERE]  # 0.9, 0.9, 0.9, -0.8
    assert scores == pytest.approx([0.9 / 1.4] * 3 + [0.0, 0.0], abs=1e-6)
    alone, _ = added([cosines, words], [1.0, 0.0], np.array([3, 5, 8, 9]), 2)
    assert alone.tolist() == [5, 8]
    nothing, zeros = added([cosines[:0], words[:0]], [1.0, 0.5], np.zeros(0, np.int64), 2)
    assert (nothing.tolist(), zeros.tolist()) == ([NOWHERE, NOWHERE], [0.0, 0.0])


def test_the_most_that_words_could_give_bounds_every_passage():
    index = lexical_index.build(PASSAGES)
    for text in ("a lost card", "card card card", "信用卡丢失", "zzz", ""):
        scores, most = index.weighed(text)
        assert np.array_equal(scores, index.scores(text))
        assert float(scores.max()) <= most + 1e-6
    assert index.weighed("zzz")[1] == 0.0
    # a passage that is heaviest in every term has all of it
    alone = lexical_index.build(["lost card", "other words here", "more of them"])
    scores, most = alone.weighed("lost card")
    assert scores[0] == pytest.approx(most)


@pytest.mark.parametrize(
    ("scores", "rows", "place"),
    [
        ([0.8, 0.83, 0.8], 30, 0),  # one question more of thirty is chance
        ([0.8, 0.83, 0.8], 3_000, 1),
        ([0.3, 0.2, 0.9], 30, 2),
        ([0.5, 0.5, 0.5], 1_000, 0),
        ([0.0, 0.0, 0.4], 10, 2),
        ([1.0, 1.0], 10, 0),
        ([-1.0, -1.0], 0, 0),  # no validation row has a truth
    ],
)
def test_another_fusion_is_taken_where_it_is_better_by_more_than_chance(scores, rows, place):
    assert better_by_more_than_chance(scores, rows) == place


def test_clusters_say_the_same_of_a_passage_as_all_vectors():
    every, (asked, *_) = vectors(900), vectors(900)[::90]
    places = np.array([3, 17, 899, 0])
    index = clustered_index.built(every)
    assert index.cosines(asked, places).tolist() == VectorIndex(every).cosines(asked, places).tolist()
    assert index.cosines(asked, places) == pytest.approx(every[places] @ asked, abs=1e-5)


@pytest.mark.parametrize("eight_bits", [False, True])
def test_vectors_find_the_nearest_and_alike_in_any_batch(eight_bits):
    every, asked = vectors(700), vectors(40)[:9]
    index = VectorIndex(*in_eight_bits(every)) if eight_bits else VectorIndex(every)
    places, cosines = index.search(asked, 5)
    assert places[:, 0].tolist() == list(range(9))  # each is in the index itself
    exact = asked @ every.T
    wanted = np.sort(exact, axis=1)[:, ::-1][:, :5]
    assert cosines == pytest.approx(wanted, abs=0.02 if eight_bits else 1e-5)
    for row in range(9):
        alone, alone_cosines = index.search(asked[row : row + 1], 5)
        assert alone[0].tolist() == places[row].tolist()
        assert alone_cosines[0].tolist() == cosines[row].tolist()


def test_clusters_find_what_all_vectors_would_and_are_read_back():
    every, asked = vectors(900), vectors(900)[::90]
    index = clustered_index.built(every)
    exact, cosines = VectorIndex(every).search(asked, 5)
    found, near = index.search(asked, 5)
    assert np.mean([len(np.intersect1d(*pair)) for pair in zip(exact, found, strict=True)]) >= 4.8
    assert found[:, 0].tolist() == list(range(0, 900, 90))
    assert near[:, 0] == pytest.approx(cosines[:, 0])
    sizes = (len(index.centres), index.probes)
    again = clustered_index.ClusteredIndex.of_files(index.base, index.files(), *sizes)
    assert again.search(asked, 5)[0].tolist() == found.tolist()
    with pytest.raises(DamagedIndexError):
        clustered_index.ClusteredIndex.of_files(index.base, index.files(), sizes[0] + 1, sizes[1])


def test_an_index_smaller_than_the_ranking_and_no_question():
    assert VectorIndex(vectors(3)).search(vectors(1), 10)[0].shape == (1, 3)
    assert VectorIndex(vectors(3)).search(vectors(0), 2)[0].shape == (0, 2)
