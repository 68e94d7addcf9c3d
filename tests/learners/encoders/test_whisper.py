"""The Whisper encoder is that of transformers, cut to the positions that the frames need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modelwright.core.messages import ProjectError
from modelwright.kinds.contract.common import ArraySpec
from modelwright.learners.networks.encoders.whisper import Whisper, WhisperEncoder
from modelwright.learners.weights.families import family_of

SIZES = {"n_mels": 80, "n_audio_ctx": 24, "n_audio_state": 32, "n_audio_head": 4, "n_audio_layer": 3}
NAMES = {  # ours → theirs
    "blocks.": "layers.",
    "attn_ln.": "self_attn_layer_norm.",
    "attn.query.": "self_attn.q_proj.",
    "attn.key.": "self_attn.k_proj.",
    "attn.value.": "self_attn.v_proj.",
    "attn.out.": "self_attn.out_proj.",
    "mlp_ln.": "final_layer_norm.",
    "mlp.0.": "fc1.",
    "mlp.2.": "fc2.",
    "ln_post.": "layer_norm.",
    "positional_embedding": "embed_positions.weight",
}


def theirs() -> nn.Module:
    # Here, not at the top: every process of tests collects this file, and the import takes seconds.
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder as Theirs

    config = WhisperConfig(
        num_mel_bins=80,
        max_source_positions=24,
        d_model=32,
        encoder_attention_heads=4,
        encoder_layers=3,
        encoder_ffn_dim=128,
    )
    torch.manual_seed(3)
    model = Theirs(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return model


def renamed(name: str) -> str:
    for ours, other in NAMES.items():
        name = name.replace(other, ours)
    return name


def folder_of(path: Path, *, transformers_names: bool) -> Path:
    weights = theirs().state_dict()
    if transformers_names:
        content = {f"model.encoder.{name}": one for name, one in weights.items()}
        config = {
            "model_type": "whisper",
            "num_mel_bins": 80,
            "max_source_positions": 24,
            "d_model": 32,
            "encoder_attention_heads": 4,
            "encoder_layers": 3,
        }
    else:
        content = {f"encoder.{renamed(name)}": one.to(torch.float16) for name, one in weights.items()}
        content["decoder.token_embedding.weight"] = torch.zeros(5, 5)
        config = {"model_type": "whisper-tiny.en", **SIZES}
    path.mkdir()
    save_file({name: one.contiguous() for name, one in content.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(config), "utf-8")
    return path


@pytest.mark.parametrize("transformers_names", [True, False])
def test_it_is_the_encoder_of_transformers(tmp_path: Path, transformers_names: bool) -> None:
    folder = folder_of(tmp_path / "weights", transformers_names=transformers_names)
    assert family_of(folder).name == "whisper"
    loaded = Whisper().load(folder, {})
    encoder = loaded.encoder.eval()
    assert isinstance(encoder, WhisperEncoder)
    assert encoder.width == 64
    assert loaded.fit == {"most_frames": 48}
    frames = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 48, 80)).astype("float32"))
    with torch.no_grad():
        before, last = encoder.states(frames)
        wanted = theirs()(frames.transpose(1, 2), output_hidden_states=True)
    exact = 1e-5 if transformers_names else 2e-2  # halves of 16 bits
    assert torch.allclose(last, wanted.last_hidden_state, atol=exact)
    assert torch.allclose(before, wanted.hidden_states[-2], atol=exact)


def test_only_the_positions_of_the_sound_count() -> None:
    encoder = Whisper().build(SIZES).eval()
    assert isinstance(encoder, WhisperEncoder)
    frames = torch.randn(3, 16, 80)
    mask = torch.tensor([[1] * 16, [1] * 5 + [0] * 11, [0] * 16])
    with torch.no_grad():
        found = encoder(frames, mask)
        heard = torch.cat(encoder.states(frames), dim=-1)
    assert heard.shape == (3, 8, 64)
    assert torch.allclose(found[0], heard[0].mean(0), atol=1e-6)
    assert torch.allclose(found[1], heard[1, :3].mean(0), atol=1e-6)
    assert not found[2].any()  # a missing sound


def test_it_is_built_again_of_its_configuration(tmp_path: Path) -> None:
    loaded = Whisper().load(folder_of(tmp_path / "weights", transformers_names=False), {})
    again = Whisper().build(json.loads(json.dumps(loaded.config)))
    again.load_state_dict(loaded.encoder.state_dict())
    frames, mask = torch.randn(1, 12, 80), torch.ones(1, 12, dtype=torch.int64)
    with torch.no_grad():
        assert torch.equal(again(frames, mask), loaded.encoder(frames, mask))
    assert len(loaded.encoder.layers()) == 3
    assert not any("decoder" in name for name in loaded.encoder.state_dict())


def test_it_keeps_the_positions_that_its_inputs_need(tmp_path: Path) -> None:
    loaded = Whisper().load(folder_of(tmp_path / "weights", transformers_names=False), {})
    frames, mask = torch.randn(1, 15, 80), torch.ones(1, 15, dtype=torch.int64)
    with torch.no_grad():
        whole = loaded.encoder(frames, mask)
    inputs = [{"frames": ArraySpec("float32", ("batch", count, 80))} for count in (8, 15)]
    fitted = Whisper().fitted(loaded, inputs)
    assert fitted.config["n_audio_ctx"] == 8
    again = Whisper().build(fitted.config)
    again.load_state_dict(fitted.encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(again(frames, mask), whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_mels": 128}, "pretrained.other-frames"),
        ({"n_audio_layer": 4}, "pretrained.missing-weights"),
        ({"n_audio_ctx": 30}, "pretrained.missing-weights"),
        ({"n_audio_state": None}, "pretrained.incomplete"),
        ({"n_audio_head": -1}, "pretrained.incomplete"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    folder = folder_of(tmp_path / "weights", transformers_names=False)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **change}), "utf-8")
    with pytest.raises(ProjectError) as error:
        Whisper().load(folder, {})
    assert [one.id for one in error.value.problems] == [message]
