"""Plain features of a signature's inputs, by their array forms: what a linear baseline learns from.

Texts become TF-IDF weights (Sparck Jones 1972) of words and word pairs, or of characters where a script has no
spaces; codes become indicators; numbers, vectors and sets stand as their kinds encode them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder

from modelwright import kinds
from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role

FEATURES = 50_000  # words that a text input may bring
SPACED = 0.05  # share of spaces in a text, above which its script separates words by them

Columns = Mapping[str, Sequence[Any]]

_SAYS = {
    Form.TOKENS: "baseline.words",
    Form.CODE: "baseline.indicators",
    Form.SCALAR: "baseline.numbers",
    Form.VECTOR: "baseline.vectors",
    Form.SET: "baseline.members",
    Form.SERIES: "baseline.series",
}


def readable(signature: Signature) -> bool:
    """Tell whether every input is of a form that has plain features."""
    return all(kinds.arrays(field.kind).input_form in _SAYS for field in signature.inputs)


def describe(signature: Signature) -> Phrase:
    """Return in words what the features are."""
    forms = dict.fromkeys(kinds.arrays(field.kind).input_form for field in signature.inputs)
    words = [Phrase(_SAYS[form]) for form in forms if form is not None]
    return Phrase("baseline.features", features=words)


def features(
    signature: Signature, train: Columns, test: Columns
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the features (rows, features) of the training and of the test rows, fitted on the former."""
    left, right = [], []
    for field in signature.inputs:
        form = kinds.arrays(field.kind).input_form
        if form is Form.TOKENS:
            fitted, applied = _words(train[field.name], test[field.name])
        elif form is Form.CODE:
            fitted, applied = _indicators(train[field.name], test[field.name])
        else:
            fitted, applied = _encoded(field.kind, train[field.name], test[field.name])
        left.append(fitted)
        right.append(applied)
    return sparse.hstack(left, format="csr"), sparse.hstack(right, format="csr")


def _words(train: Sequence[Any], test: Sequence[Any]) -> tuple[Any, Any]:
    texts = [value or "" for value in train]
    spaced = sum(text.count(" ") for text in texts) > SPACED * sum(map(len, texts))
    vectorizer = TfidfVectorizer(
        analyzer="word" if spaced else "char",
        ngram_range=(1, 2),
        max_features=FEATURES,
        sublinear_tf=True,
    )
    try:
        fitted = vectorizer.fit_transform(texts)
    except ValueError:  # no text holds a single word
        return sparse.csr_matrix((len(train), 1)), sparse.csr_matrix((len(test), 1))
    return fitted, vectorizer.transform([value or "" for value in test])


def _indicators(train: Sequence[Any], test: Sequence[Any]) -> tuple[Any, Any]:
    encoder = OneHotEncoder(handle_unknown="ignore")
    column = [[value or ""] for value in train]
    return encoder.fit_transform(column), encoder.transform([[value or ""] for value in test])


def _encoded(kind: str, train: Sequence[Any], test: Sequence[Any]) -> tuple[Any, Any]:
    """Return the kind's own arrays side by side: standardised values, and an indicator of what is missing."""
    arrays = kinds.arrays(kind)
    state = arrays.fit(train, role=Role.INPUT)

    def of(column: Sequence[Any]) -> Any:
        found = arrays.encode(column, state)
        return sparse.csr_matrix(
            np.hstack([array.reshape(len(column), -1).astype(np.float64) for array in found.values()])
        )

    return of(train), of(test)
