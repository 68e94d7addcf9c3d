"""Metrics of the family `texts`. A row is one text; one for which nothing was written is left out of what is compared.

How likely the truths are is known of all rows at little cost; what is written, of those rows alone for which it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.metric import NOTHING, Influence, MetricValue
from modelwright.core.evidence.row_means import OF_A_MEAN, spread_out, ways_of_mean
from modelwright.core.evidence.shares import OF_A_SHARE, Ways, row_metric, ways_of_share
from modelwright.core.units import Unit
from modelwright.outcomes.contract.written_answers import WrittenOutcomes
from modelwright.outcomes.texts import similarity
from modelwright.outcomes.texts.outcomes import TextOutcomes

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
COPIED_WORDS = 20  # in a row, that stand in a training row too: more than chance and turns of phrase give

Rows = Callable[[TextOutcomes], Floats]  # (n,), NaN of a row that the metric says nothing of
Costs = Callable[[TextOutcomes], tuple[Floats, Floats]]  # (known,): nats, and what they are spread over


# -- means over rows -------------------------------------------------------------------------------------


def _compared(score: Callable[[str, str], float]) -> Rows:
    """Return what scores the judged rows, NaN elsewhere."""

    def rows(outcomes: TextOutcomes) -> Floats:
        found = np.full(len(outcomes), np.nan)
        found[outcomes.judged] = [score(truth, answer) for truth, answer in outcomes.pairs()]
        return found

    return rows


def _supported(outcomes: TextOutcomes) -> Floats:
    return outcomes.supported


def _points(outcomes: WrittenOutcomes) -> Floats:
    return np.full(len(outcomes), np.nan) if outcomes.points is None else outcomes.points


def _function_points(outcomes: WrittenOutcomes) -> Floats:
    return np.full(len(outcomes), np.nan) if outcomes.function_points is None else outcomes.function_points


def _repetition(outcomes: TextOutcomes) -> Floats:
    rows = np.full(len(outcomes), np.nan)
    for row in np.flatnonzero(outcomes.written).tolist():
        spoken = similarity.repetition(outcomes.predicted[row] or "")
        rows[row] = np.nan if spoken is None else spoken
    return rows


# -- shares of rows --------------------------------------------------------------------------------------


def _exact(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    found = np.zeros(len(outcomes), dtype=np.bool_)
    # (n,): a row that is not judged is no hit, and none among which hits are counted
    found[outcomes.judged] = [bool(similarity.exact_match(*pair)) for pair in outcomes.pairs()]
    return found, outcomes.judged


def _empty(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    nothing = np.array([not one for one in outcomes.predicted.tolist()], dtype=np.bool_)
    return nothing & outcomes.written, outcomes.written


def _cut(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    return outcomes.cut & outcomes.written, outcomes.written


def _copied(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    looked_at = ~np.isnan(outcomes.copied)
    return np.where(looked_at, outcomes.copied >= COPIED_WORDS, False), looked_at


def _refused(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    return outcomes.refused & outcomes.written, outcomes.written


def _without_reply(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    # (n,): what was written for, and has no truth
    return outcomes.refused, outcomes.written & ~outcomes.judged


def _with_reply(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    return outcomes.refused & outcomes.judged, outcomes.judged


def _answered_rightly(outcomes: TextOutcomes) -> tuple[Mask, Mask]:
    found = np.zeros(len(outcomes), dtype=np.bool_)
    # (n,): what is refused is no hit, whatever the words of the refusal
    found[outcomes.judged] = [similarity.says_the_same(*pair) for pair in outcomes.pairs()]
    return found & ~outcomes.refused, outcomes.judged


# -- ratios of nats --------------------------------------------------------------------------------------


def _nats(outcomes: TextOutcomes) -> Floats:
    # (known,): -ln p is never below 0, but for rounding
    return np.maximum(-outcomes.log_likelihood[outcomes.likely], 0.0)


def _by_token(outcomes: TextOutcomes) -> tuple[Floats, Floats]:
    return _nats(outcomes), outcomes.tokens[outcomes.likely]


def _by_byte(outcomes: TextOutcomes) -> tuple[Floats, Floats]:
    return _bits(outcomes), _sizes(outcomes, lambda one: len(one.encode()))


def _by_character(outcomes: TextOutcomes) -> tuple[Floats, Floats]:
    return _bits(outcomes), _sizes(outcomes, len)


def _bits(outcomes: TextOutcomes) -> Floats:
    # 1 bit is ln 2 nats
    return _nats(outcomes) / float(np.log(2))


def _sizes(outcomes: TextOutcomes, size: Callable[[str], int]) -> Floats:
    return np.array([size(one) for one in outcomes.truth[outcomes.likely].tolist()], dtype=np.float64)


def _ratio(costs: Costs, to: Callable[[float], float], slope: Callable[[float], float]) -> Ways:
    """Return how `to` of a ratio r = Σ above/Σ below is measured; slope: the derivative of `to`."""

    def measure(outcomes: TextOutcomes, of: str | None, confidence: float) -> MetricValue:
        above, below = costs(outcomes)
        if not len(above):
            return NOTHING
        low, high = means.ratio(above, below, confidence)
        # `to` rises, so that ends map to ends
        ends = (None if low is None else to(low)), (None if high is None else to(high))
        value = to(float(above.sum() / below.sum()))
        return MetricValue.of(value, ends, len(above), means.method(len(above), confidence))

    def influence(outcomes: TextOutcomes, of: str | None) -> Influence | None:
        above, below = costs(outcomes)
        if not len(above):
            return None
        ratio = float(above.sum() / below.sum())
        # a row moves r by (above - r·below)/mean(below), and `to` of it by the slope there
        moved = spread_out(outcomes.likely, (above - ratio * below) / below.mean())
        return Influence(to(ratio), slope(ratio) * moved)

    return measure, influence


# -- the list --------------------------------------------------------------------------------------------

_OF_A_RATIO = "that of a ratio of two means over rows (Fieller, tilted; `core.evidence.means`)"


_metric = partial(row_metric, "texts")

METRICS = (
    _metric(
        "chrf",
        "mean chrF2 of answer and truth: n-grams of 1 to 6 characters, in any script; unrelated texts score above 0",
        ways_of_mean(_compared(similarity.chrf)),
        OF_A_MEAN,
    ),
    _metric(
        "rouge_l",
        "mean ROUGE-L (F1): the longest sequence of words that answer and truth share, in any script",
        ways_of_mean(_compared(similarity.rouge_l)),
        OF_A_MEAN,
    ),
    _metric(
        "token_f1",
        "mean F1 of the words of answer and truth, whatever their order",
        ways_of_mean(_compared(similarity.token_f1)),
        OF_A_MEAN,
    ),
    _metric(
        "answered_rightly",
        "share of answers that say what the truth says, word by word: the truth stands in the answer, or every "
        "sentence of the answer in the truth; one that is refused is none",
        ways_of_share(_answered_rightly),
        OF_A_SHARE,
    ),
    _metric(
        "refusal_rate",
        "share of messages that are not answered: nothing was found, it was asked back, or a person takes over",
        ways_of_share(_refused),
        OF_A_SHARE,
        better="lower",
    ),
    _metric(
        "refused_rightly",
        "share of the messages without a reply, whose rows say that there is none, that are not answered",
        ways_of_share(_without_reply),
        OF_A_SHARE,
    ),
    _metric(
        "refused_wrongly",
        "share of the messages with a reply that are not answered",
        ways_of_share(_with_reply),
        OF_A_SHARE,
        better="lower",
    ),
    _metric(
        "supported",
        "mean share of an answer's sentences that stand in a passage which it cites: word by word where they are "
        "quoted; where they are written, by their telling words, or as the function `entails` says",
        ways_of_mean(_supported),
        OF_A_MEAN,
    ),
    _metric(
        "win_rate",
        "mean share of rows on which people prefer the answer to that of `evaluate.against`; a tie is half of one, and "
        "of several judges of a row the mean counts",
        ways_of_mean(_points),
        OF_A_MEAN,
    ),
    _metric(
        "judge_win_rate",
        "mean share of rows on which the function that `use.judge` names prefers the answer to that of "
        "`evaluate.against`, asked in both orders; a tie, and a row on which the orders differ, is half of one",
        ways_of_mean(_function_points),
        OF_A_MEAN,
    ),
    _metric(
        "exact_match",
        "share of answers that are the truth to the letter, but for white space",
        ways_of_share(_exact),
        OF_A_SHARE,
    ),
    _metric(
        "perplexity",
        "e to the mean -ln p of a token of the truths: among how many tokens the body is as good as undecided",
        _ratio(_by_token, lambda nats: float(np.exp(nats)), lambda nats: float(np.exp(nats))),
        _OF_A_RATIO,
        better="lower",
        unit=Unit.NUMBER,
    ),
    _metric(
        "bits_per_byte",
        "-log2 p of the truths by their bytes in UTF-8, which does not depend on the tokens",
        _ratio(_by_byte, lambda bits: bits, lambda bits: 1.0),
        _OF_A_RATIO,
        better="lower",
        unit=Unit.NUMBER,
    ),
    _metric(
        "bits_per_character",
        "-log2 p of the truths by their characters, which does not depend on the tokens",
        _ratio(_by_character, lambda bits: bits, lambda bits: 1.0),
        _OF_A_RATIO,
        better="lower",
        unit=Unit.NUMBER,
    ),
    _metric(
        "repetition",
        "mean share of an answer's runs of four words that stood in it before",
        ways_of_mean(_repetition),
        OF_A_MEAN,
        better="lower",
    ),
    _metric(
        "empty_rate", "share of answers that are empty", ways_of_share(_empty), OF_A_SHARE, better="lower"
    ),
    _metric(
        "cut_rate",
        "share of answers that end because they were as long as they may be, and not by themselves",
        ways_of_share(_cut),
        OF_A_SHARE,
        better="lower",
    ),
    _metric(
        "copied_rate",
        f"share of answers with {COPIED_WORDS} words in a row that stand in a training answer",
        ways_of_share(_copied),
        OF_A_SHARE,
        better="lower",
    ),
)
