"""Adapters where no layer is left to take them, or none has their rank: the message names what is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from torch import nn

from modelwright.core.messages import ProjectError
from modelwright.learners.finetune.learn import _adapt
from modelwright.learners.finetune.spec import FinetuneOptions

pytest.importorskip("peft")
adapters = pytest.importorskip("modelwright.learners.networks.adapters")


class _Encoder(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(layers))

    def layers(self) -> list[nn.Module]:
        return list(self.blocks)


def _refused(layers: int, frozen: int, rank: int = 2) -> str:
    encoder = _Encoder(layers)
    network = SimpleNamespace(encoders=[encoder], encoder=lambda place: encoder)
    options = FinetuneOptions.model_validate({"lora": {"rank": rank}, "frozen_layers": frozen})
    with pytest.raises(ProjectError) as refused:
        _adapt(cast("Any", network), options)
    return str(refused.value)


def test_layers_that_are_all_frozen_are_what_is_named() -> None:
    assert "`model.frozen_layers: 3` leaves none" in _refused(layers=3, frozen=3)


def test_an_encoder_without_layers_is_what_is_named() -> None:
    assert "start from a transformer" in _refused(layers=0, frozen=0)


def test_a_rank_beyond_that_of_every_layer_is_refused() -> None:
    assert "more than 4, the full rank" in _refused(layers=2, frozen=0, rank=5)
    model = nn.Sequential(nn.Linear(2, 9), nn.Linear(9, 6))
    with pytest.raises(ProjectError, match="more than 6"):
        adapters.insert_into(model, [model], rank=7, alpha=1.0)
    assert adapters.insert_into(model, [model], rank=6, alpha=1.0) == 2
