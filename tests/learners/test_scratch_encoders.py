"""Encoders and combiners from scratch: shapes, masks, what their options say, and that they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from tokenizers import Tokenizer
from torch import Tensor

from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks import combiner
from modelwright.learners.networks.encoder_options import EncoderOptions
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder
from modelwright.learners.networks.encoders.words import PAD, UNKNOWN, tokenizer

TEXTS = ["my card was lost", "the transfer is late", "我的卡丢了", "where is my card", ""] * 8
STEPS, BANDS = 23, 6
SPECS = {
    Form.CODE: {"index": ArraySpec("int64", ("batch",), 30)},
    Form.SCALAR: {name: ArraySpec("float32", ("batch",)) for name in ("value", "missing")},
    Form.VECTOR: {
        "values": ArraySpec("float32", ("batch", 5)),
        "missing": ArraySpec("float32", ("batch",)),
    },
    Form.SET: {"members": ArraySpec("float32", ("batch", 4)), "missing": ArraySpec("float32", ("batch",))},
    Form.PIXELS: {
        "pixels": ArraySpec("uint8", ("batch", 20, 28, 3)),
        "missing": ArraySpec("float32", ("batch",)),
    },
    Form.FRAMES: {
        "frames": ArraySpec("float32", ("batch", STEPS, BANDS)),
        "mask": ArraySpec("int64", ("batch", STEPS)),
    },
    Form.SERIES: {name: ArraySpec("float32", ("batch", STEPS, 2)) for name in ("series", "present")},
    Form.TOKENS: {name: ArraySpec("int64", ("batch", "length")) for name in ("ids", "mask")},
}
PAIRS = [(form, name) for form in SPECS for name in registry.options_of(form)]


def make(form: Form, type_name: str, **options: object) -> Encoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = registry.scratch(form, type_name)
        fitted = made.fit(TEXTS, options)
        config = made.config(form, SPECS[form], options, fitted)
        return registry.build(made.name, config).eval()


def arrays(form: Form, rows: int, length: int = 9) -> list[Tensor]:
    """Return arrays of a form; of tokens and frames the later part of some rows is filled up."""
    draw = np.random.default_rng(1)
    found = []
    for name in ARRAYS[form]:
        spec = SPECS[form][name]
        shape = [rows, *(length if axis == "length" else int(axis) for axis in spec.shape[1:])]
        if name in {"mask", "present"}:
            values = np.ones(shape)
            values[::2, -4:] = 0
        elif name == "missing":
            values = np.zeros(shape)
        elif spec.dtype == "float32":
            values = draw.normal(size=shape)
        else:
            values = draw.integers(1, 25, size=shape)
        found.append(torch.from_numpy(values.astype(spec.dtype)))
    return found


@pytest.mark.parametrize(("form", "type_name"), PAIRS, ids=lambda one: str(getattr(one, "value", one)))
def test_features_are_as_wide_as_said_and_a_row_alone_is_as_among_others(form: Form, type_name: str) -> None:
    encoder, given = make(form, type_name), arrays(form, 6)
    with torch.no_grad():
        together = encoder(*given)
        alone = torch.cat([encoder(*(one[row : row + 1] for one in given)) for row in range(6)])
    assert together.shape == (6, encoder.width)
    assert torch.isfinite(together).all()
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("form", "type_name"), PAIRS, ids=lambda one: str(getattr(one, "value", one)))
def test_every_type_has_options_of_its_name(form: Form, type_name: str) -> None:
    read = TypeAdapter(EncoderOptions).validate_python({"type": type_name})
    assert read.type == type_name


@pytest.mark.parametrize("type_name", ["words", "attention"])
def test_padding_changes_no_text(type_name: str) -> None:
    encoder = make(Form.TOKENS, type_name)
    ids, mask = arrays(Form.TOKENS, 4)
    mask = torch.ones_like(mask)
    wide = [torch.nn.functional.pad(one, (0, 7)) for one in (ids, mask)]
    with torch.no_grad():
        torch.testing.assert_close(encoder(ids, mask), encoder(*wide), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("type_name", registry.options_of(Form.FRAMES))
def test_what_lies_behind_the_mask_changes_nothing(type_name: str) -> None:
    encoder = make(Form.FRAMES, type_name)
    frames, mask = arrays(Form.FRAMES, 4)
    other = torch.where(mask.unsqueeze(-1) > 0, frames, frames + 100.0)
    with torch.no_grad():
        torch.testing.assert_close(encoder(frames, mask), encoder(other, mask))


@pytest.mark.parametrize("type_name", registry.options_of(Form.FRAMES))
def test_while_it_learns_silence_that_fills_up_moves_no_statistic(type_name: str) -> None:
    short, long = (make(Form.FRAMES, type_name, dropout=0.0).train() for _ in range(2))
    frames, mask = arrays(Form.FRAMES, 4)
    short(frames, mask)
    other = torch.where(mask.unsqueeze(-1) > 0, frames, frames + 100.0)
    long(other, mask)
    of_long = dict(long.named_buffers())
    statistics = {name: one for name, one in short.named_buffers() if name.startswith("norm_bands.")}
    assert statistics, "bands are standardised"
    for name, one in statistics.items():
        torch.testing.assert_close(one, of_long[name])


@pytest.mark.parametrize("there", [0, 1])
@pytest.mark.parametrize("type_name", registry.options_of(Form.FRAMES))
def test_a_batch_with_at_most_one_frame_is_learned_from(type_name: str, there: int) -> None:
    encoder = make(Form.FRAMES, type_name).train()
    frames, mask = arrays(Form.FRAMES, 3)
    mask = torch.zeros_like(mask)
    mask[0, :there] = 1
    assert torch.isfinite(encoder(frames, mask)).all()


@pytest.mark.parametrize("type_name", registry.options_of(Form.FRAMES))
def test_levels_of_the_bands_change_nothing_that_was_learned(type_name: str) -> None:
    """Sounds that lie elsewhere and vary less are read alike, once the statistics are theirs."""
    found = []
    for scale, level in ((1.0, 0.0), (0.05, -3.0)):
        encoder = make(Form.FRAMES, type_name, dropout=0.0)
        frames, mask = arrays(Form.FRAMES, 8)
        frames = frames * scale + level
        encoder.train()
        with torch.no_grad():
            for _ in range(200):
                encoder(frames, mask)
            found.append(encoder.eval()(frames, mask))
    torch.testing.assert_close(*found, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("type_name", registry.options_of(Form.FRAMES))
def test_a_network_that_read_bands_as_they_are_is_built_as_it_was(type_name: str) -> None:
    """Configurations of earlier versions say neither `normalised` nor `stride`; their weights still fit."""
    made = registry.scratch(Form.FRAMES, type_name)
    specs = {
        "frames": ArraySpec("float32", ("batch", STEPS, 8)),
        "mask": ArraySpec("int64", ("batch", STEPS)),
    }
    config = made.config(Form.FRAMES, specs, {}, {})
    earlier = {key: value for key, value in config.items() if key not in {"normalised", "stride"}}
    encoder = registry.build(made.name, earlier)
    assert not any(name.startswith("norm_bands.") for name, _ in encoder.named_parameters())
    if type_name == "temporal":
        shapes = {name: tuple(one.shape) for name, one in encoder.named_parameters()}
        assert shapes["lift.weight"] == (96, 8, 1)
        assert not any(name.startswith("norm.") for name in shapes)


@pytest.mark.parametrize("type_name", registry.options_of(Form.SERIES))
def test_a_value_of_0_is_not_one_that_is_missing(type_name: str) -> None:
    encoder = make(Form.SERIES, type_name)
    nothing, there = torch.zeros(1, STEPS, 2), torch.ones(1, STEPS, 2)
    with torch.no_grad():
        assert not torch.allclose(encoder(nothing, there), encoder(nothing, nothing))


@pytest.mark.parametrize(
    ("form", "type_name", "few", "many"),
    [
        (Form.CODE, "embedding", {"width": 3}, {"width": 9}),
        (Form.SCALAR, "mlp", {"layers": 1}, {"layers": 3}),
        (Form.PIXELS, "convolutional", {"blocks": 1}, {"blocks": 2}),
        (Form.PIXELS, "convolutional", {"stages": 2}, {"stages": 3}),
        (Form.FRAMES, "temporal", {"kernel": 3}, {"kernel": 7}),
        (Form.FRAMES, "temporal", {"layers": 1}, {"layers": 3}),
        (Form.FRAMES, "temporal", {"stride": 1}, {"stride": 2}),
        (Form.SERIES, "gru", {"both": False}, {"both": True}),
        (Form.SERIES, "lstm", {"layers": 1}, {"layers": 2}),
        (Form.SERIES, "attention", {"patch": 2}, {"patch": 8}),
        (Form.SERIES, "attention", {"layers": 1}, {"layers": 2}),
        (Form.TOKENS, "words", {"kernels": (2,)}, {"kernels": (2, 3)}),
        (Form.TOKENS, "attention", {"width": 16}, {"width": 32}),
    ],
)
def test_options_change_the_network(
    form: Form, type_name: str, few: dict[str, object], many: dict[str, object]
) -> None:
    shapes = [
        [tuple(weight.shape) for weight in make(form, type_name, **options).parameters()]
        for options in (few, many)
    ]
    assert shapes[0] != shapes[1]


def test_dropout_falls_on_what_learns_alone() -> None:
    encoder = make(Form.FRAMES, "gru", dropout=0.5)
    given = arrays(Form.FRAMES, 3)
    with torch.no_grad():
        assert torch.equal(encoder(*given), encoder(*given))
        encoder.train()
        assert not torch.equal(encoder(*given), encoder(*given))


def pixels(side: int) -> dict[str, ArraySpec]:
    return {"pixels": ArraySpec("uint8", ("batch", side, side, 1))}


@pytest.mark.parametrize(
    ("side", "large", "halved", "stages"),
    [(16, False, False, 2), (28, False, True, 2), (64, False, True, 3), (224, True, True, 4)],
)
def test_pictures_are_halved_before_the_stages_by_their_size(
    side: int, large: bool, halved: bool, stages: int
) -> None:
    made = registry.scratch(Form.PIXELS)
    config = made.config(Form.PIXELS, pixels(side), {}, {})
    assert (config["large"], config["halved"], config["stages"]) == (large, halved, stages)
    encoder, seen = registry.build(made.name, config), list[int]()
    encoder.blocks.register_forward_hook(lambda _, __, found: seen.append(found.shape[-1]))
    with torch.no_grad():
        encoder(torch.zeros(1, side, side, 1, dtype=torch.uint8), torch.zeros(1))
    assert 7 <= seen[0] <= 14, "the last stage sees what the size asks for"


def test_a_network_that_never_halved_after_its_stem_is_built_as_it_was() -> None:
    """Configurations of earlier versions do not say `halved`; their weights still fit, by name and shape."""
    made = registry.scratch(Form.PIXELS)
    config = made.config(Form.PIXELS, pixels(28), {}, {})
    earlier = {key: value for key, value in config.items() if key != "halved"} | {"stages": 3}
    shapes = {name: tuple(one.shape) for name, one in registry.build(made.name, earlier).named_parameters()}
    assert not any(name.startswith("halve.") for name in shapes)
    assert shapes["stem.weight"] == (32, 1, 3, 3)
    assert [shapes[f"blocks.{place}.first.weight"] for place in range(3)] == [
        (32, 32, 3, 3),
        (64, 32, 3, 3),
        (128, 64, 3, 3),
    ]
    assert not any(name.startswith("blocks.3") for name in shapes)


def test_the_default_for_digits_has_about_288_k_weights() -> None:
    specs = {"pixels": ArraySpec("uint8", ("batch", 28, 28, 1))}
    made = registry.scratch(Form.PIXELS)
    encoder = registry.build(made.name, made.config(Form.PIXELS, specs, {}, {}))
    assert 200_000 < sum(weight.numel() for weight in encoder.parameters()) < 400_000


# -- tokenizers --------------------------------------------------------------------------------------------


def test_pieces_are_of_the_training_texts_and_pad_has_the_id_0() -> None:
    built = Tokenizer.from_str(tokenizer([*TEXTS, None], "pieces", 400).decode())
    assert built.token_to_id(PAD) == 0
    assert built.encode("my card").tokens == ["my", "card"]
    assert built.encode("卡丢").tokens == ["卡", "丢"], "a Chinese character stands alone"
    assert built.encode("ß").tokens == [UNKNOWN]


def test_bytes_know_every_text() -> None:
    built = Tokenizer.from_str(tokenizer(TEXTS, "bytes", 400).decode())
    for text in ("Straße", "🙂 ok", "卡"):
        assert built.decode(built.encode(text).ids) == text


@pytest.mark.parametrize("of", ["pieces", "bytes"])
def test_the_order_of_equal_counts_is_settled(of: str) -> None:
    texts = [f"{one}{other} {other}{one}" for one in "abcdefgh" for other in "ijklmnop"]
    assert len({tokenizer(texts, of, 320) for _ in range(5)}) == 1  # type: ignore[arg-type]


# -- combiners ---------------------------------------------------------------------------------------------


def _combine(type_name: str, parts: list[Tensor]) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = {"type": type_name, "width": 8, "dropout": 0.0}
        of = combiner.build(config, [part.shape[1] for part in parts]).eval()
    found = of(parts)
    assert found.shape == (parts[0].shape[0], of.width)
    return found


def _mixed_second_difference(type_name: str) -> float:
    """Return f(a, b) - f(a, b') - f(a', b) + f(a', b') of a sum over the features; 0 where inputs do not interact."""
    torch.manual_seed(3)
    one, two = torch.randn(2, 4, 5).unbind(0), torch.randn(2, 4, 3).unbind(0)
    each = {
        (left, right): _combine(type_name, [one[left], two[right]]) for left in (0, 1) for right in (0, 1)
    }
    # weights that are not alike: the sum over a normalised vector would be 0 whatever it is
    values = {key: (found * torch.arange(found.shape[1])).sum() for key, found in each.items()}
    return abs(float(values[0, 0] - values[0, 1] - values[1, 0] + values[1, 1]))


@pytest.mark.parametrize("type_name", ["attention", "concatenate", "gating"])
def test_parts_are_read_together(type_name: str) -> None:
    with torch.no_grad():
        assert _mixed_second_difference(type_name) > 1e-3


def test_a_sum_keeps_parts_apart() -> None:
    with torch.no_grad():
        assert math.isclose(_mixed_second_difference("sum"), 0.0, abs_tol=1e-4)


def test_a_gate_is_a_mean_of_the_parts() -> None:
    torch.manual_seed(1)
    parts = [torch.randn(3, 5), torch.randn(3, 2)]
    gate = combiner.build({"type": "gating", "width": 8}, [5, 2])
    assert isinstance(gate, combiner.Gate)
    with torch.no_grad():
        lifted, found = gate.lifted(parts), gate(parts)
    assert (found <= lifted.amax(1) + 1e-6).all()
    assert (found >= lifted.amin(1) - 1e-6).all()
