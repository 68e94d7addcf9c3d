"""Adapters of a low rank where no layer is left to take them: the message names what leaves none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from torch import nn

from modelwright.core.messages import ProjectError
from modelwright.learners.finetune.learn import _adapt
from modelwright.learners.finetune.spec import FinetuneOptions

pytest.importorskip("peft")


class _Encoder(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(layers))

    def layers(self) -> list[nn.Module]:
        return list(self.blocks)


def _refused(layers: int, frozen: int) -> str:
    encoder = _Encoder(layers)
    network = SimpleNamespace(encoders=[encoder], encoder=lambda place: encoder)
    options = FinetuneOptions.model_validate({"lora": {"rank": 2}, "frozen_layers": frozen})
    with pytest.raises(ProjectError) as refused:
        _adapt(cast("Any", network), options)
    return str(refused.value)


def test_layers_that_are_all_frozen_are_what_is_named() -> None:
    assert "`model.frozen_layers: 3` leaves none" in _refused(layers=3, frozen=3)


def test_an_encoder_without_layers_is_what_is_named() -> None:
    assert "start from a transformer" in _refused(layers=0, frozen=0)
