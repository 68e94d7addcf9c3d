"""Ratings as one number around 0."""

import numpy as np

from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import ArraySpec, Dumped, Form


class StarsArrays(Arrays):
    """`value` and `missing`, float32 (batch,); nothing is fitted."""

    input_form = Form.SCALAR

    def fit(self, values, **options):
        """Return nothing."""
        return

    def dump(self, state):
        """Return an empty state."""
        return Dumped({}, {})

    def load(self, dumped):
        """Return nothing."""
        return

    def specs(self, state):
        """Return the two arrays."""
        return {"value": ArraySpec("float32", ("batch",)), "missing": ArraySpec("float32", ("batch",))}

    def encode(self, values, state):
        """Return stars less three."""
        return {
            "value": np.array([0 if value is None else value - 3 for value in values], np.float32),
            "missing": np.array([value is None for value in values], np.float32),
        }
