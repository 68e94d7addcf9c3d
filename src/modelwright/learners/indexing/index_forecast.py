"""What an index of passages will take: bytes in the package, and seconds of a request."""

from __future__ import annotations

from modelwright.learners.contract.source import CorpusSize

_OF_TEXTS = 2.0  # times their bytes: with postings 1.3 times of long passages, 2.5 times of short ones
_WORDS_S = 1e-3  # of one request
_WORDS_OF_A_PASSAGE_S = 75e-9  # that is added for each: with common words most postings of a million are read


def index_bytes(corpus: CorpusSize, vector_bytes: int = 0) -> int:
    """Return what texts, postings and vectors take, at least 1; vector_bytes: of each passage."""
    return max(1, round(_OF_TEXTS * corpus.text_bytes) + corpus.passages * vector_bytes)


def words_s(corpus: CorpusSize) -> float:
    """Return about how many seconds it takes to find passages by the words of a question, on one thread."""
    return _WORDS_S + _WORDS_OF_A_PASSAGE_S * corpus.passages
