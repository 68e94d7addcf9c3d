"""Learns the mean row of every class."""

import numpy as np

from modelwright import kinds
from modelwright.core.messages import Phrase
from modelwright.learners import kind_states
from modelwright.learners.contract.learn import Learn
from modelwright.learners.contract.setup import Estimate
from modelwright.learners.contract.source import Rows


def matrix(signature, fitted, columns):
    """Return the inputs as (n, inputs) float32."""
    encoded = [
        kinds.arrays(f.kind).encode(columns[f.name], fitted[f.name])["value"] for f in signature.inputs
    ]
    return np.stack(encoded, axis=1)


class CentroidLearn(Learn[Rows]):
    """One pass over the rows."""

    def forecast(self, signature, data, options, training, pretrained, machine, budget_s):
        """Return next to nothing: it is one pass."""
        rows = len(data.train)
        why = Phrase("survey.why", rows=rows)
        return Estimate(1, rows, 1.0, 0.01, 1_000_000, 2_000, 1e-5, why)

    def learn(self, signature, data, setup, out, scratch, progress):
        """Write the means (classes, inputs), and the states."""
        (output,) = signature.outputs
        fitted = kind_states.fit(signature, data.train)
        arrays = kinds.arrays(output.kind)
        truth = arrays.encode_truth(data.train.columns[output.name], data.train.columns, fitted[output.name])
        rows, index = matrix(signature, fitted, data.train.columns), truth["index"]
        means = np.stack([rows[index == one].mean(axis=0) for one in range(index.max() + 1)])
        np.save(out / "means.npy", means.astype(np.float32), allow_pickle=False)
        np.save(out / "sharpness.npy", np.float32(setup.options.sharpness), allow_pickle=False)
        kind_states.write(out, signature, fitted)
        held = self.predict(out, data.held.columns)[output.name]
        fitted[output.name] = arrays.calibrate(held, data.held.columns[output.name], fitted[output.name])
        kind_states.write(out, signature, fitted)
        return {}

    def predict(self, learned, inputs):
        """Return minus the squared distance to each mean, times the sharpness."""
        signature, fitted = kind_states.read(learned)
        means = np.load(learned / "means.npy", allow_pickle=False)
        apart = matrix(signature, fitted, inputs)[:, None, :] - means[None]
        logits = -np.load(learned / "sharpness.npy") * (apart**2).sum(axis=2)
        return {signature.outputs[0].name: {"logits": logits.astype(np.float32)}}
