"""Statistics of normalisations where a step's rows are read in parts."""

from __future__ import annotations

import torch
from torch import nn

from modelwright.learners.steps.batch_statistics import BatchStatistics, Seen

LAYERS = nn.Sequential(nn.BatchNorm1d(3, momentum=0.25), nn.Linear(3, 2), nn.BatchNorm1d(2, affine=False))


def test_running_averages_follow_in_the_order_of_the_parts() -> None:
    network, statistics = LAYERS.train(), BatchStatistics(LAYERS)
    parts = [torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    before = {name: values.clone() for name, values in network.named_buffers()}
    found = []
    for part in parts:
        with statistics.of_part() as seen:
            network(part)
        found.append(seen)
    assert all(torch.equal(values, before[name]) for name, values in network.named_buffers())
    assert statistics.widths == [3, 2]
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.momentum == 0.25
    expected = torch.zeros(3)
    for part, seen in zip(parts, found, strict=True):
        mean_and_variance = seen.of_layers[0]
        assert mean_and_variance is not None
        torch.testing.assert_close(mean_and_variance, torch.stack([part.mean(0), part.var(0)]))
        statistics.add(seen)
        expected = 0.75 * expected + 0.25 * part.mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert int(norm.num_batches_tracked) == 3  # type: ignore[arg-type]


def test_a_layer_that_saw_nothing_stays_as_it_was() -> None:
    network, statistics = LAYERS.eval(), BatchStatistics(LAYERS)
    before = {name: values.clone() for name, values in network.named_buffers()}
    with statistics.of_part() as seen:
        network(torch.ones(4, 3))
    assert seen == Seen([None, None])
    statistics.add(seen)
    assert all(torch.equal(values, before[name]) for name, values in network.named_buffers())
