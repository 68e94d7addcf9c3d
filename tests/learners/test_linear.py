"""Linear heads on fixed features: the optimum, the scale folded in, and the L2 that validation prefers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.heads import Head, Task, task
from modelwright.learners.training import linear_fit
from modelwright.learners.training.linear_fit import Scale, StandardRows

CLASSES = task(Form.CODE, {"logits": ArraySpec("float32", ("batch", 3))})
NUMBER = task(Form.SCALAR, {"value": ArraySpec("float32", ("batch",))})
MEMBERS = task(Form.SET, {"logits": ArraySpec("float32", ("batch", 3))})


def _data(rows: int, seed: int, noise: float = 1.0) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 6)).astype(np.float32)
    scores = features[:, :3] + noise * generator.normal(size=(rows, 3))
    return torch.from_numpy(features), {"index": torch.from_numpy(scores.argmax(axis=1))}


def test_classes_reach_the_optimum_that_scikit_learn_finds() -> None:
    features, truths = _data(300, 0)
    weight, bias = linear_fit.fit(CLASSES, StandardRows(features, truths), 10.0, None, 200, 0.0)
    known = LogisticRegression(C=1 / 10.0, max_iter=2000, tol=1e-8).fit(
        features.numpy(), truths["index"].numpy()
    )
    found = torch.softmax(features @ weight.T + bias, dim=1).numpy()
    np.testing.assert_allclose(found, known.predict_proba(features.numpy()), atol=2e-3)


def test_numbers_reach_the_optimum_of_ridge_regression() -> None:
    features, _ = _data(200, 1)
    truth = features @ torch.arange(6, dtype=torch.float32) + 0.5
    truth[::10] = torch.nan
    weight, bias = linear_fit.fit(NUMBER, StandardRows(features, {"value": truth}), 4.0, None, 200, 0.0)
    known = ~torch.isnan(truth)
    ridge = Ridge(alpha=2.0).fit(features[known].numpy(), truth[known].numpy())
    np.testing.assert_allclose(weight[0].numpy(), ridge.coef_, atol=2e-3)
    assert float(bias) == pytest.approx(ridge.intercept_, abs=2e-3)


def test_a_set_is_fitted_as_if_each_member_were_alone() -> None:
    features, truths = _data(200, 4)
    members = torch.nn.functional.one_hot(truths["index"], 3).float()
    members[::9, 1] = torch.nan
    weight, bias = linear_fit.fit(MEMBERS, StandardRows(features, {"members": members}), 10.0, None, 300, 0.0)
    for one in (0, 2):  # L2 counts in all rows, and every row of these two is known
        known = LogisticRegression(C=1 / 10.0, max_iter=2000, tol=1e-8)
        known.fit(features.numpy(), members[:, one].numpy())
        np.testing.assert_allclose(weight[one].numpy(), known.coef_[0], atol=5e-3)
        assert float(bias[one]) == pytest.approx(known.intercept_[0], abs=5e-3)


def test_scale_is_folded_into_the_head() -> None:
    raw = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 9.0, 0.1, 0.0])
    raw = raw + torch.tensor([0.0, -40.0, 2.0, 7.0])  # the last is constant
    scale = Scale.of(raw)
    fitted = linear_fit.LinearFit(torch.arange(12.0).reshape(3, 4), torch.ones(3), 1.0, 0.0, 0.0)
    head = Head(4, CLASSES)
    fitted.into(head, scale)
    torch.testing.assert_close(
        head(raw), scale.apply(raw) @ fitted.weight.T + fitted.bias, atol=1e-3, rtol=1e-4
    )


@pytest.mark.parametrize(("noise", "weak"), [(0.02, True), (30.0, False)])
def test_l2_follows_validation(tmp_path: Path, noise: float, weak: bool) -> None:
    best, tried = _fit(tmp_path, noise)
    assert best.loss == min(one.loss for one in tried)
    assert (best.strength == linear_fit.STRENGTHS[-1]) is weak


def test_same_bits_again_and_after_a_kill(tmp_path: Path) -> None:
    whole, _ = _fit(tmp_path / "whole", 1.0)
    broken = tmp_path / "broken"
    _fit(broken, 1.0)
    for path in sorted(broken.iterdir())[2:]:  # the kill came after two strengths
        path.unlink()
    resumed, _ = _fit(broken, 1.0)
    assert torch.equal(whole.weight, resumed.weight)
    assert torch.equal(whole.bias, resumed.bias)


def test_without_any_truth_the_head_says_nothing(tmp_path: Path) -> None:
    features = torch.randn(5, 6)
    nothing = StandardRows(features, {"index": torch.full((5,), -1)})
    best, _ = linear_fit.fit_best(
        CLASSES, nothing, nothing, iterations=5, strengths=(1.0,), smoothing=0.0, scratch=tmp_path
    )
    assert not best.weight.any()


def _fit(
    scratch: Path, noise: float, of: Task = CLASSES
) -> tuple[linear_fit.LinearFit, list[linear_fit.LinearFit]]:
    return linear_fit.fit_best(
        of,
        StandardRows(*_data(120, 2, noise)),
        StandardRows(*_data(400, 3, noise)),
        iterations=60,
        strengths=linear_fit.STRENGTHS,
        smoothing=0.0,
        scratch=scratch,
    )
