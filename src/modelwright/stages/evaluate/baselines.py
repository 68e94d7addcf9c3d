"""The least that learning must beat: always the commonest answer, and a linear model on plain features.

Both learn from the training split alone. Texts become TF-IDF weights (Sparck Jones 1972) of words and word
pairs, or of characters where a script has no spaces; categories become indicators; numbers are standardised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelwright.core import metrics
from modelwright.core.outcomes import ClassOutcomes, NumberOutcomes, Outcomes
from modelwright.core.signature import Field, Signature
from modelwright.stages.evaluate import measuring
from modelwright.stages.evaluate.measuring import Answered
from modelwright.storage.formats.evidence import Baseline

FEATURES = 50_000  # words a text input may bring
ITERATIONS = 200
READS = frozenset({"text", "category", "number", "boolean"})

Columns = Mapping[str, Sequence[Any]]


def constant(truths: Sequence[Any], reference: Outcomes) -> Outcomes:
    """Return the outcomes of always answering the commonest class, or the mean, of the training split.

    `truths` are the training split's values (None: unknown); `reference` the package's outcomes on the test
    rows, whose truths and classes are taken over. Probabilities are the shares of the training split.
    """
    known = [value for value in truths if value is not None]
    if isinstance(reference, NumberOutcomes):
        mean = float(np.mean(known)) if known else 0.0
        return NumberOutcomes(reference.truth, np.full(len(reference), mean))
    places = _places(known, reference.classes)
    shares = np.bincount(places, minlength=len(reference.classes)) / max(len(places), 1)
    best = np.full(len(reference), int(shares.argmax()), dtype=np.int64)
    return ClassOutcomes(
        reference.classes, reference.truth, best, np.tile(shares, (len(reference), 1)).astype(np.float64)
    )


def linear(
    signature: Signature, output: Field, train: Columns, test: Columns, reference: Outcomes, most_rows: int
) -> Outcomes | None:
    """Return the outcomes of a linear model on the test rows, or None where it cannot be learned.

    It cannot where an input is of a kind that has no plain features, or where training shows one class only.
    At most `most_rows` rows of the training split, evenly spaced, are learned from.
    """
    if any(field.kind not in READS for field in signature.inputs):
        return None
    known = [row for row, value in enumerate(train[output.name]) if value is not None]
    spaced = np.linspace(0, len(known) - 1, min(len(known), most_rows)).astype(np.int64)
    known = [known[place] for place in spaced.tolist()]
    if not known:
        return None
    truths = [train[output.name][row] for row in known]
    seen, asked = _features(
        signature, {f.name: [train[f.name][i] for i in known] for f in signature.inputs}, test
    )
    if isinstance(reference, NumberOutcomes):
        model = Ridge(alpha=1.0, solver="lsqr").fit(seen, np.asarray(truths, dtype=np.float64))
        return NumberOutcomes(reference.truth, np.asarray(model.predict(asked), dtype=np.float64))
    places = _places(truths, reference.classes)
    if len(np.unique(places)) < 2:
        return None
    classifier = LogisticRegression(C=10.0, max_iter=ITERATIONS, tol=1e-3)
    classifier.fit(seen, places)
    probabilities = np.zeros((len(reference), len(reference.classes)))
    probabilities[:, classifier.classes_] = classifier.predict_proba(asked)
    return ClassOutcomes(
        reference.classes, reference.truth, probabilities.argmax(axis=1).astype(np.int64), probabilities
    )


def _places(values: Sequence[Any], classes: Sequence[str]) -> NDArray[np.int64]:
    position = {name: place for place, name in enumerate(classes)}
    named = (str(value).lower() if isinstance(value, bool) else value for value in values)
    return np.array([position[name] for name in named if name in position], dtype=np.int64)


def _features(signature: Signature, train: Columns, test: Columns) -> tuple[Any, Any]:
    """Return the sparse features of the training and the test rows, fitted on the former."""
    left, right = [], []
    for field in signature.inputs:
        make = {"text": _words, "category": _indicators}.get(field.kind, _numbers)
        fitted, applied = make(train[field.name], test[field.name])
        left.append(fitted)
        right.append(applied)
    return sparse.hstack(left, format="csr"), sparse.hstack(right, format="csr")


def _words(train: Sequence[Any], test: Sequence[Any]) -> tuple[Any, Any]:
    texts = [value or "" for value in train]
    spaced = sum(text.count(" ") for text in texts) > 0.05 * sum(map(len, texts))
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


def _numbers(train: Sequence[Any], test: Sequence[Any]) -> tuple[Any, Any]:
    """Return standardised values, 0 where missing, beside an indicator of what is missing."""
    values = _floats(train)
    known = values[np.isfinite(values)]
    scaler = StandardScaler().fit((known if len(known) else np.zeros(1)).reshape(-1, 1))

    def of(column: NDArray[np.float64]) -> Any:
        missing = ~np.isfinite(column)
        standard = scaler.transform(np.where(missing, 0.0, column).reshape(-1, 1))[:, 0]
        return sparse.csr_matrix(np.stack([np.where(missing, 0.0, standard), missing.astype(float)], axis=1))

    return of(values), of(_floats(test))


def _floats(column: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in column], dtype=np.float64)


def describe(signature: Signature, output: Field) -> str:
    """Say in words what `linear` learns."""
    model = "ridge regression" if output.kind == "number" else "logistic regression"
    features = {
        "text": "TF-IDF weights of words and word pairs (of characters where a script has no spaces)",
        "category": "indicators of categories",
        "number": "standardised numbers",
        "boolean": "truth values",
    }
    used = dict.fromkeys(features[field.kind] for field in signature.inputs)
    return f"{model} on {', '.join(used)}"


def measured(
    signature: Signature, train: Columns, answered: Answered, most_rows: int, confidence: float
) -> Iterator[Baseline]:
    """Yield what both baselines, learned from the training split, show on the rows that the package answered."""
    for field in signature.outputs:
        reference = answered.outcomes[field.name]
        same = constant(train[field.name], reference)
        if isinstance(same, ClassOutcomes):
            commonest = same.classes[int(same.predicted[0])]
            says = f"answers “{commonest}”, the commonest class of the training split, to everything"
        else:
            says = f"answers {float(same.predicted[0]):.4g}, the mean of the training split, to everything"
        yield _baseline("always the same", says, field, same, confidence)
        line = linear(signature, field, train, answered.columns, reference, most_rows)
        if line is not None:
            yield _baseline("linear model", describe(signature, field), field, line, confidence)


def _baseline(name: str, says: str, field: Field, outcomes: Outcomes, confidence: float) -> Baseline:
    subjects = measuring.plain_subjects(field)
    return Baseline(
        name, says, field.name, tuple(metrics.measure(one, outcomes, confidence) for one in subjects)
    )
