"""`pretrained_rate: 0`: pretrained encoders stay as they are, and read each value once."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_encoder
import torch

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.network import learn as network_learn
from modelwright.learners.networks.encoders.layers import Standard
from modelwright.learners.networks.encoders.transformer import TextEncoder
from modelwright.learners.networks.network_plan import NetworkPlan
from modelwright.learners.training import learned_folder
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

PAIR = Signature(
    "match",
    (Field("said", "text"), Field("meant", "text", optional=True), Field("age", "number")),
    (Field("fits", "boolean"),),
)


def _pairs(rows: int) -> Examples:
    """Return pairs of few texts; every seventh has one of them alone."""
    texts = ["lost card", "late transfer", "fee please", "the bank"]
    return Examples(
        [str(row) for row in range(rows)],
        {
            "said": [texts[row % 4] for row in range(rows)],
            "meant": [None if row % 7 == 0 else texts[row // 4 % 4] for row in range(rows)],
            "age": [float(row) for row in range(rows)],
            "fits": [row % 4 == row // 4 % 4 for row in range(rows)],
        },
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("stays") / "tiny", layers=1)


def _learn(folder: Path, place: Path, **options: object) -> Path:
    spec = learners.spec("network")
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True)
    weights = {"said": folder, "meant": folder}
    setup = Setup(
        "network", 8, 16, 1, "float32", "avx2", 0, spec.Options(**options), spec.Training(), weights
    )
    data = Rows(_pairs(64), _pairs(32))
    learners.learn("network").learn(PAIR, data, setup, place / "out", place / "scratch", Silent())
    return place / "out"


def _encoder(learned: Path) -> dict[str, torch.Tensor]:
    network = learned_folder.read(learned).network
    return network.encoder_of("said").state_dict()


@pytest.mark.parametrize("combiner", ["attention", "stacking"])
def test_they_stay_as_they_are(folder: Path, tmp_path: Path, combiner: str) -> None:
    still = _learn(folder, tmp_path / "still", combiner=combiner, pretrained_rate=0.0)
    moved = _learn(folder, tmp_path / "moved", combiner=combiner, pretrained_rate=1e-2)
    begin = network_learn._begin(
        PAIR, _pairs(64), learners.spec("network").Options(), {"said": folder, "meant": folder}
    )
    first = begin.network.encoder_of("said").state_dict()
    assert all(torch.equal(values, first[name]) for name, values in _encoder(still).items())
    assert not all(torch.equal(values, first[name]) for name, values in _encoder(moved).items())


@pytest.mark.proof  # two transformers in one graph; other tests package one
def test_they_are_packaged_whole(folder: Path, tmp_path: Path) -> None:
    """What was learned from features that were read before answers the values themselves."""
    still = _learn(folder, tmp_path, combiner="attention", pretrained_rate=0.0)
    asked = {field.name: _pairs(32).columns[field.name] for field in PAIR.inputs}
    by_torch = learners.learn("network").predict(still, asked)["fits"]["logit"]
    function = Function(Package(learners.export("network").export(still), "", threads=1))
    served = [row["fits"].value for row in function.answer(asked)]
    assert served == (by_torch >= 0).tolist()


def test_pretrained_features_are_standardised_as_those_of_training_are(folder: Path, tmp_path: Path) -> None:
    network = learned_folder.read(_learn(folder, tmp_path, combiner="attention", pretrained_rate=0.0)).network
    (scale,) = network.scales.values()
    assert isinstance(scale, Standard)
    assert scale.norm.running_mean is not None
    assert bool(scale.norm.running_mean.abs().sum() > 0), "statistics were taken while it learned"
    plan = network.plan.to_json()
    assert NetworkPlan.from_json(plan).scaled
    earlier = {key: value for key, value in plan.items() if key not in {"scaled", "alone"}}
    read = NetworkPlan.from_json(earlier)
    assert not read.scaled
    assert not read.alone


def test_each_value_is_read_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = TextEncoder.forward

    def counted(self: TextEncoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        read.append(len(ids))
        return forward(self, ids, mask)

    monkeypatch.setattr(TextEncoder, "forward", counted)
    _learn(folder, tmp_path, combiner="attention", pretrained_rate=0.0)
    # four texts and none, of two inputs, for training and for validation, and what stands for none
    assert sum(read) <= 2 * (4 + 5) + 2


def test_the_forecast_says_that_nothing_varies_and_times_a_whole_request(folder: Path) -> None:
    found = learners.learn("network").forecast(
        PAIR,
        Rows(_pairs(640), validation_rows=64, augment={"said": {"drop": 0.1}}),
        learners.spec("network").Options(pretrained_rate=0.0, combiner="attention"),
        learners.spec("network").Training(),
        {"said": folder, "meant": folder},
        tiny_encoder.MACHINE,
        5.0,
    )
    assert [one.values["column"] for one in found.warnings if one.id == "network.unvaried"] == ["said"]
    assert found.steps >= 1
    assert found.latency_s > 0
