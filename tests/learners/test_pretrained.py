"""Where names of pretrained weights lead, and that no pickle is run on the way."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import tiny_encoder
import torch
from safetensors.torch import load_file, save_file

from modelwright.core.messages import MachineError, ProjectError
from modelwright.learners.networks.encoders import transformer as pretrained
from modelwright.learners.weights import resolving
from modelwright.learners.weights.catalogue import MINILM
from modelwright.learners.weights.resolving import DEFAULT, available, credit, resolve


def test_default_leads_to_the_installed_package(tmp_path: Path) -> None:
    found = resolve(None, tmp_path)
    assert found == resolve(DEFAULT, tmp_path)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in found.iterdir()}


def test_weights_are_credited_by_name_and_licence(tmp_path: Path) -> None:
    assert credit(None, "question", resolve(None, tmp_path)) == (DEFAULT, "apache-2.0")
    folder = tiny_encoder.save(tmp_path / "weights" / "tiny")
    assert credit("weights/tiny", "question", folder) == ("weights/tiny", "not stated")
    (folder / "README.md").write_text("---\ntags: [a]\nlicense: 'mit'\n---\nlicense: another\n")
    assert credit(str(folder), "question", folder) == ("tiny", "mit"), "no path of this machine"


def test_tables_need_no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available(None, tmp_path) == resolve(None, tmp_path)
    gone = replace(MINILM, package="no_such_package")
    monkeypatch.setattr(resolving, "MINILM", gone)
    monkeypatch.setattr(resolving, "CATALOGUE", {gone.name: gone})
    assert available(None, tmp_path) is None
    with pytest.raises(MachineError, match="is not installed"):
        available(DEFAULT, tmp_path)


def test_folder_is_relative_to_the_project(tmp_path: Path) -> None:
    tiny_encoder.save(tmp_path / "weights" / "tiny")
    assert resolve("weights/tiny", tmp_path) == (tmp_path / "weights" / "tiny").resolve()


def test_name_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="there is no folder"):
        resolve("./no such/folder", tmp_path)


def test_incomplete_folder_names_all_that_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match=" has no ") as raised:
        resolve("empty", tmp_path)
    assert all(word in str(raised.value) for word in ("config.json", "model.safetensors", "tokenizer.json"))


def test_hub_that_cannot_be_reached_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MachineError, match="could not be fetched"):
        resolve("nobody/no-such-encoder", tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("wieghts/mine", "weights/mine"), ("weights/mien", "weights/mine"), ("mobilenet-v3", "mobilenet-v2")],
)
def test_a_mistyped_name_is_not_taken_for_a_hub_id_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "weights" / "mine").mkdir(parents=True)
    with pytest.raises(MachineError, match="there is no folder") as raised:
        resolve(name, tmp_path)
    assert f"did you mean `{meant}`?" in str(raised.value)


@pytest.mark.parametrize(
    "form", ["file://{}", "file:{}", "{}/%2e%2e/tiny", "{}/%252e%252e/tiny", "hub:{}", "tiny%2f"]
)
def test_a_name_is_read_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = tiny_encoder.save(tmp_path / "tiny")
    assert resolve(str(folder), tmp_path) == folder.resolve()
    with pytest.raises((ProjectError, MachineError), match="there is no folder"):
        resolve(form.format(folder), tmp_path)


def test_reads_config_without_the_machines_paths(tmp_path: Path) -> None:
    read = pretrained.read(tiny_encoder.save(tmp_path / "tiny"))
    assert str(tmp_path) not in json.dumps(read.config)
    assert (read.pooling, read.positions) == ("mean", 32)
    rebuilt = pretrained.build(read.config)
    assert rebuilt.state_dict().keys() == read.transformer.state_dict().keys()


def test_pooling_is_what_the_folder_says(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert pretrained.read(folder).pooling == "first"
    assert pretrained.read(folder, "mean").pooling == "mean"


def test_reading_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    before = torch.random.get_rng_state()
    pretrained.build(pretrained.read(folder).config)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_checkpoint_of_pickled_tensors_is_converted(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    wanted = pretrained.read(folder).transformer.state_dict()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    found = pretrained.read(resolve("tiny", tmp_path)).transformer.state_dict()
    assert all(torch.equal(found[name], values) for name, values in wanted.items())


class _Bomb:
    """A pickle that writes a file when it is run."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def test_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path) -> None:
    folder, place = tiny_encoder.save(tmp_path / "tiny"), tmp_path / "boom"
    (folder / "model.safetensors").unlink()
    torch.save({"weight": _Bomb(place)}, folder / "pytorch_model.bin")
    with pytest.raises(ProjectError, match="is a pickle"):
        pretrained.read(folder)
    assert not place.exists()
    pickle.loads(pickle.dumps(_Bomb(place)))  # the bomb is live, so the test could have failed
    assert place.exists()


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ProjectError, match="1 weight is missing"):
        pretrained.read(folder)


def test_model_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(ProjectError, match="not an encoder of text"):
        pretrained.read(folder)


def test_the_second_of_two_texts_is_another_segment(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    alone, pairs = (pretrained.Transformer().load(folder, {"segments": each}) for each in (False, True))
    assert "separator" not in alone.config
    assert pairs.config["separator"] == 3
    built = pretrained.Transformer().build(pairs.config).eval()
    built.load_state_dict(pairs.encoder.state_dict())
    # [CLS] one [SEP] two, padded [SEP] of another row
    ids, mask = torch.tensor([[2, 5, 3, 6, 7, 3], [2, 6, 3, 0, 0, 0]]), torch.ones(2, 6, dtype=torch.long)
    mask[1, 3:] = 0
    segments = torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]])
    assert pretrained.segments_of(ids, 3).tolist() == segments.tolist()
    wanted = alone.encoder.transformer(input_ids=ids, attention_mask=mask, token_type_ids=segments)[0]
    _, found = built.in_positions(ids, mask)
    torch.testing.assert_close(found.values, wanted)
    # of one text alone all is the first segment
    torch.testing.assert_close(built(ids[1:], mask[1:]), alone.encoder.eval()(ids[1:], mask[1:]))


def test_an_encoder_of_one_segment_is_given_none(tmp_path: Path) -> None:
    folder = tiny_encoder.save(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "type_vocab_size": 1}))
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.token_type_embeddings.weight"] = weights["embeddings.token_type_embeddings.weight"][
        :1
    ].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    loaded = pretrained.Transformer().load(folder, {"segments": True})
    assert "separator" not in loaded.config
