"""How alike two texts are: exact, by words, by characters. Each figure lies in [0, 1].

They are the figures of SQuAD (Rajpurkar et al. 2016), ROUGE (Lin 2004) and chrF (Popović 2015), of one pair of texts at
a time, so that a mean over rows has an interval. Tests compare them with sacrebleu's and rouge-score's.
"""

from __future__ import annotations

from collections import Counter

from modelwright.outcomes.text_words import sentences, stands_in, words

CHARACTERS = 6  # n-grams of 1 to so many
RECALL_WEIGHT = 2.0  # β of chrF: recall counts β² = 4 times as much as precision


def exact_match(truth: str, answer: str) -> float:
    """Return 1 where both are the same text; white space counts as one space."""
    return float(" ".join(truth.split()) == " ".join(answer.split()))


def says_the_same(truth: str, answer: str) -> bool:
    """Tell whether the truth stands in the answer word by word, or every sentence of the answer in the truth.

    So a quotation is right where the truth is the whole passage, and a passage where the truth is a sentence of it.
    """
    wanted, given = words(truth), words(answer)
    if not wanted or not given:
        return False
    return stands_in(wanted, given) or all(stands_in(words(one), wanted) for one in sentences(answer))


def token_f1(truth: str, answer: str) -> float:
    """Return the harmonic mean of precision and recall of words, as often as each stands there."""
    wanted, given = Counter(words(truth)), Counter(words(answer))
    # Σ over words of the smaller count: |T ∩ A| of multisets
    both = sum((wanted & given).values())
    return _f1(both, wanted.total(), given.total())


def rouge_l(truth: str, answer: str) -> float:
    """Return ROUGE-L's F1: of the longest sequence of words that stands in both, gaps allowed."""
    # recall is |LCS|/|T|, precision |LCS|/|A|
    wanted, given = words(truth), words(answer)
    return _f1(_common(wanted, given), len(wanted), len(given))


def chrf(truth: str, answer: str) -> float:
    """Return chrF2: the F score of n-grams of 1 to 6 characters, white space left out.

    Precision and recall are averaged over those n of which both texts have any, as in sacrebleu 2 (`eps_smoothing`
    off).
    """
    wanted, given = "".join(truth.split()), "".join(answer.split())
    precision = recall = orders = 0.0
    for n in range(1, CHARACTERS + 1):
        of_truth, of_answer = _grams(wanted, n), _grams(given, n)
        if not of_truth or not of_answer:
            continue
        both = sum((of_truth & of_answer).values())
        precision += both / of_answer.total()
        recall += both / of_truth.total()
        orders += 1
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    weight = RECALL_WEIGHT**2
    # F_β = (1 + β²)·P·R / (β²·P + R)
    return (1 + weight) * precision * recall / (weight * precision + recall)


def repetition(answer: str) -> float | None:
    """Return which share of an answer's runs of four words stood in it before; None of one without any such run.

    1 - distinct/all n-grams (Li et al. 2016, `distinct-n`; n = 4 as Welleck et al. 2020 count `rep-4`).
    """
    spoken = words(answer)
    runs = [tuple(spoken[place : place + 4]) for place in range(len(spoken) - 3)]
    return 1 - len(set(runs)) / len(runs) if runs else None


def _f1(both: int, wanted: int, given: int) -> float:
    # 2PR/(P + R) with P = both/given and R = both/wanted; two texts without a word are alike
    return 2 * both / (wanted + given) if wanted + given else 1.0


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[place : place + n] for place in range(len(text) - n + 1))


def _common(one: list[str], other: list[str]) -> int:
    """Return the length of the longest common subsequence, by bits (Hyyrö 2004): one bit a word of `one`."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every  # a 0 stands where the length grows
    for word in other:
        met = row & places.get(word, 0)
        row = (row + met | row - met) & every
    return len(one) - row.bit_count()
