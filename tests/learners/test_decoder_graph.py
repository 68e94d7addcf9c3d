"""A decoder of our own says what the field's library says of the same weights, in 32 bits and in fewer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tiny_decoder as tiny
from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.messages import PackageError, ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.kinds.dialogue.value import DialogueTurn
from modelwright.learners.contract.compression import read
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting.decoder import equal_channels, stored_bits
from modelwright.learners.exporting.decoder.decoder_body import decoder_body
from modelwright.learners.exporting.decoder.decoder_graph import written
from modelwright.learners.generate import prompt_pieces, spaced_pieces
from modelwright.learners.generate.export import GenerateExport
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders.decoder_shape import DecoderShape
from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.runtime import machine
from modelwright.runtime.drivers.decode.cached_graph import CachedGraph
from modelwright.runtime.drivers.decode.decode_settings import parsed
from modelwright.runtime.drivers.decode.driver import DecodeDriver, needs_company
from modelwright.runtime.drivers.decode.signed_bytes import BYTES, SIGNED, opened_graph
from modelwright.storage.formats.examples import Examples

CONTEXT = 64
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def _body(shape: DecoderShape, tensors: Any) -> Body:
    model, weights = written(shape, tensors, CONTEXT)
    signature = Signature.parse("f(a: text) -> b: text")
    return Body(signature, "decode", {"model": model}, {}, {"weights.bin": weights})


def _opened(body: Body) -> CachedGraph:
    settings = parsed({"context": CONTEXT, "ends": [], "prompt": [{"text": "a"}], "chunk": 8, "slots": 3})
    graph, files = opened_graph(body)
    return CachedGraph(open_session(body.graphs[graph], 1, f"{graph}.onnx", files), settings)


def _graph(
    shape: DecoderShape, tensors: Any, bits: int | None = None, *, blocks: bool = False
) -> CachedGraph:
    body = _body(shape, tensors)
    if bits is not None:
        stored = stored_bits.store(body, bits, blocks=blocks)  # type: ignore[arg-type]
        assert stored is not None
        assert stored_bits.store(stored, bits) is None  # type: ignore[arg-type]
        body = stored
    return _opened(body)


def _logits(graph: CachedGraph, ids: list[int]) -> np.ndarray:
    """Return the logits after each token, read by chunks of 8 into slot 1 and then one by one, (tokens, words)."""
    found = []
    cuts = [*range(0, 24, 8), *range(24, len(ids))]
    for begin, end in zip(cuts, [*cuts[1:], len(ids)], strict=True):
        part = np.array([ids[begin:end]], dtype=np.int64)
        found.append(graph.run(1, part, [end], range(end - begin)).copy())
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
        ("llama", {"num_key_value_heads": 2, "rope_parameters": LLAMA3, "head_dim": 32}),
        ("qwen2", {"num_key_value_heads": 1}),
    ],
)
def test_logits_are_those_of_transformers(family: str, more: dict[str, Any]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {**tiny.config(100), "tie_word_embeddings": False, "max_position_embeddings": 128, **more}
    given.pop("model_type")
    torch.manual_seed(0)
    peer = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **given)).eval()
    with torch.no_grad():
        for name, weight in peer.named_parameters():
            weight.normal_(1.0 if "norm" in name else 0.0, 0.2)
    ids = np.random.default_rng(0).integers(0, 100, 40).tolist()
    with torch.no_grad():
        expected = peer(torch.tensor([ids])).logits[0].numpy()
    tensors = {name: value.numpy() for name, value in peer.state_dict().items()}
    found = _logits(_graph(DecoderShape.of(peer.config.to_dict()), tensors), ids)
    assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(("bits", "blocks", "most"), [(8, False, 0.1), (8, True, 0.1), (4, False, 0.5)])
def test_fewer_bits_stay_near(bits: int, blocks: bool, most: float) -> None:
    shape, tensors = DecoderShape.of(tiny.config(100)), tiny.tensors(100)
    ids = np.random.default_rng(1).integers(0, 100, 30).tolist()
    exact = _logits(_graph(shape, tensors), ids)
    off = _logits(_graph(shape, tensors, bits, blocks=blocks), ids) - exact
    assert 0 < np.sqrt(np.square(off).mean()) < most * np.sqrt(np.square(exact).mean())


def _with_odd_channels(words: int = 100) -> dict[str, np.ndarray]:
    """Return weights of which one channel of 16 is far larger than the others and weighs less, as learned ones are."""
    odd = np.where(np.arange(tiny.HIDDEN) % 16, 1.0, 40.0).astype(np.float32)
    found = dict(tiny.tensors(words))
    for name, values in found.items():
        if name.endswith("up_proj.weight"):
            found[name] = values * odd[:, None]
        elif name.endswith("down_proj.weight"):
            found[name] = values / odd
    return found


def test_blocks_lose_less_than_whole_rows_and_alike_channels_less_than_odd_ones() -> None:
    shape, tensors = DecoderShape.of(tiny.config(100)), _with_odd_channels()
    ids = np.random.default_rng(1).integers(0, 100, 30).tolist()
    body = _body(shape, tensors)
    exact = _logits(_opened(body), ids)
    others = np.random.default_rng(2).integers(0, 100, (4, 20)).tolist()
    lost = {}
    for name, more in (("rows", {}), ("blocks", {"blocks": True}), ("alike", {"pieces": others})):
        stored = stored_bits.store(body, 8, **more)  # type: ignore[arg-type]
        assert stored is not None
        lost[name] = np.square(_logits(_opened(stored), ids) - exact).mean()
    assert lost["alike"] < 0.7 * lost["rows"]
    assert lost["blocks"] < lost["rows"]


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": False}),
        ("llama", {"mlp_bias": True}),  # rows of a matrix are divided with what is added to them
    ],
)
def test_channels_are_made_alike_without_a_change_of_what_is_computed(
    family: str, more: dict[str, Any]
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {**tiny.config(100), **more}
    given.pop("model_type")
    torch.manual_seed(0)
    peer = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **given)).eval()
    with torch.no_grad():
        for name, weight in peer.named_parameters():
            weight.normal_(1.0 if "norm" in name else 0.0, 0.2)
            if "up_proj" in name:
                weight[::16] *= 40.0
    body = _body(
        DecoderShape.of(given | {"model_type": family}), {n: v.numpy() for n, v in peer.state_dict().items()}
    )
    ids = np.random.default_rng(1).integers(0, 100, 30).tolist()
    exact = _logits(_opened(body), ids)
    model = onnx.load_from_string(bytes(body.graphs["model"]))
    weights = {one.name: one for one in model.graph.initializer}
    file = bytes(body.files["weights.bin"])

    def values(name: str) -> np.ndarray:
        place = {one.key: one.value for one in weights[name].external_data}
        if not place:
            return onnx.numpy_helper.to_array(weights[name])
        begin, length = int(place["offset"]), int(place["length"])
        return np.frombuffer(file[begin : begin + length], np.float32).reshape(tuple(weights[name].dims))

    products = [
        one
        for one in model.graph.node
        if one.input[1:2] and one.input[1].endswith(("both.weight", "down.weight", "table", "head"))
    ]
    found = equal_channels.factors(model, products, values, body.files, [ids[:20], ids[5:]])
    assert max(factor.max() / factor.min() for factor in found.values()) > 4
    for name, factor in found.items():
        weights[name].CopyFrom(onnx.numpy_helper.from_array(values(name) * factor, name))
    looked = next(node for node in model.graph.node if node.output[0] == "words")
    if (table := found.get(looked.input[0])) is not None:
        model.graph.initializer.append(onnx.numpy_helper.from_array(1 / table.reshape(-1), "divided"))
        place = list(model.graph.node).index(looked)
        looked.output[0] = "looked"
        model.graph.node.insert(place + 1, onnx.helper.make_node("Mul", ["looked", "divided"], ["words"]))
    alike = replace(body, graphs={"model": model.SerializeToString()})
    assert np.abs(_logits(_opened(alike), ids) - exact).max() < 1e-4 * np.abs(exact).max()


def _chat(folder: Path) -> Body:
    """Return the body of a dialogue's decoder."""
    weights = DecoderWeights.read(tiny.brought(folder / "weights"))
    states = {
        "messages": kinds.arrays("dialogue").fit([], form=Form.PROMPT),
        "reply": kinds.arrays("text").fit([], role=Role.OUTPUT),
    }
    return decoder_body(
        tiny.ASK,
        states,
        weights.tensors,
        weights.config,
        weights.tokenizer,
        prompt_pieces.pieces(tiny.ASK, weights.template),
        weights.ends,
        context=CONTEXT,
    )


def test_channels_are_made_alike_by_what_the_training_rows_give(tmp_path: Path) -> None:
    body = _chat(tmp_path)
    odd = Examples(["a", "b"], {"messages": [(DialogueTurn("tool", "4"),)] * 2, "reply": ["It is 4.", None]})

    def stored(rows: Examples) -> Body:
        made = GenerateExport().compressor(body, lambda: Rows(rows)).made(read("int8"))
        assert isinstance(made, Body)
        return made

    found = spaced_pieces.pieces(body, tiny.asked(500))
    assert 1000 < sum(map(len, found)) < 3000
    assert max(map(len, found)) <= CONTEXT
    written = Tokenizer.from_str(bytes(body.files["tokenizer.json"]).decode()).decode(
        found[0], skip_special_tokens=False
    )
    assert "How much is 0 and 0?<|im_end|>\n<|im_start|>assistant\nIt is 0." in written
    assert stored(tiny.asked(20)) == stored(tiny.asked(20)) != stored(tiny.asked(20, "这是 {}。"))
    # without a row that has a prompt, channels stay as they are
    assert spaced_pieces.pieces(body, odd) == spaced_pieces.pieces(body, tiny.asked(0)) == []
    assert stored(odd) == stored_bits.store(body, 8)


def test_a_row_of_zeros_stays_one_in_bytes() -> None:
    tensors = dict(tiny.tensors(100))
    tensors["model.embed_tokens.weight"] = (
        tensors["model.embed_tokens.weight"] * (np.arange(100) != 7)[:, None]
    )
    graph = _graph(DecoderShape.of(tiny.config(100)), tensors, 8)
    alone = graph.run(0, np.array([[7]]), [1], [0]).copy()
    assert not alone.any()
    beside = graph.run(0, np.array([[5], [7], [9]]), [1, 1, 1], [0, 1, 2])
    assert beside[0].any()
    assert beside[2].any()
    assert not beside[1].any()


@pytest.mark.parametrize(
    "words", [100, 20]
)  # a table in the file of bytes, and one so small that graphs hold it
@pytest.mark.parametrize("tied", [True, False])
def test_bytes_read_as_signed_ones_say_the_same_to_the_bit(
    words: int, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where bytes are multiplied exactly either way; before VNNI sums of signed ones saturate, and are not used."""
    if not machine.multiplies_signed_bytes():
        pytest.skip("this processor has no VNNI")
    config = tiny.config(words) | {"tie_word_embeddings": tied}
    body = _body(
        DecoderShape.of(config), tiny.tensors(words) | ({} if tied else {"lm_head.weight": _head(words)})
    )
    made = stored_bits.store(body, 8, pieces=[[3, 5, 7, 9]])
    assert made is not None
    ids = np.random.default_rng(2).integers(0, words, 30).tolist()
    signed = _logits(_opened(made), ids)
    monkeypatch.setattr(machine, "multiplies_signed_bytes", lambda: False)
    assert opened_graph(made) == ("model", made.files)
    assert np.array_equal(_logits(_opened(made), ids), signed)
    assert signed.any()


def test_a_graph_of_signed_bytes_without_all_its_bytes_is_refused(tmp_path: Path) -> None:
    made = stored_bits.store(_chat(tmp_path), 8)
    assert made is not None
    DecodeDriver().open(made, 1)
    without = {name: data for name, data in made.files.items() if name != BYTES}
    with pytest.raises(PackageError, match=r"bytes\.bin"):
        DecodeDriver().open(replace(made, files=without), 1)
    short = {**made.files, BYTES: bytes(made.files[BYTES])[:-64]}
    with pytest.raises(PackageError):
        DecodeDriver().open(replace(made, files=short), 1)
    with pytest.raises(PackageError, match="signed"):
        DecodeDriver().open(replace(made, graphs={SIGNED: made.graphs[SIGNED]}), 1)


def _head(words: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.3, (words, 32)).astype(np.float32)


def test_a_decoder_has_forms_of_8_and_of_4_bits_and_no_others(tmp_path: Path) -> None:
    body = _chat(tmp_path)
    compressor = GenerateExport().compressor(body, lambda: Rows(tiny.asked(20)))
    layers = tiny.config(100)["num_hidden_layers"]
    for name, whole, most in (("int8-blocks", 0, 0.5), ("int8", 2 * layers + 1, 0.5), ("int4", 0, 0.4)):
        made = compressor.made(read(name))
        assert isinstance(made, Body)
        nodes = onnx.load_from_string(bytes(made.graphs["model"])).graph.node
        assert sum(node.op_type == "MatMulIntegerToFloat" for node in nodes) == whole
        assert made.files.keys() - body.files.keys() == ({"bytes.bin"} if whole else set())
        stored = sum(len(made.files[file]) for file in ("weights.bin", "bytes.bin") if file in made.files)
        assert stored < most * len(body.files["weights.bin"])
    assert compressor.made(read({"form": "int4", "block": 64})) is None
    assert compressor.made(read(["int8", "int4"])) is compressor.made(read("prune")) is None
    assert [*compressor.offers, *compressor.otherwise] == [read("int8"), read("int8-blocks")]


def test_a_row_says_the_same_alone_and_among_others() -> None:
    shape, tensors = DecoderShape.of(tiny.config(100)), tiny.tensors(100)
    for bits, blocks in ((None, False), (8, False), (8, True), (4, False)):
        graph = _graph(shape, tensors, bits, blocks=blocks)
        graph.needs_company = needs_company(graph)
        ids = np.array([[5], [17], [99]])
        alone = [graph.write(ids[row : row + 1], [1]).copy()[0] for row in range(3)]
        graph.write(ids[::-1].copy(), [1, 1, 1])
        together = graph.write(ids, [1, 1, 1]).copy()
        assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
        # whatever this machine's products do: beside another one a row has the bits that it has among several
        graph.needs_company = True
        beside = [graph.write(ids[row : row + 1], [1]).copy()[0] for row in range(3)]
        assert np.array_equal(beside, together)


def test_a_runtime_that_multiplies_one_row_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = _graph(DecoderShape.of(tiny.config(100)), tiny.tensors(100))
    assert not needs_company(graph), "products in float32 do not depend on how many rows there are"
    run = graph.run

    def of_one_otherwise(slot: int, ids: Any, *others: Any) -> Any:
        return run(slot, ids, *others) * (1 + 1e-6 * (len(ids) == 1))

    monkeypatch.setattr(graph, "run", of_one_otherwise)
    assert needs_company(graph)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.norm.weight": None}, r"no tensor `model\.norm\.weight` \(32\)"),
        ({"model.norm.weight": np.ones(31, np.float32)}, r"`model\.norm\.weight` .* is 31, .* says 32"),
        ({"model.norm.weight": np.full(32, np.nan, np.float32)}, "no numbers"),
        ({"model.layers.7.extra": np.ones(3, np.float32)}, r"1 more than .*: model\.layers\.7\.extra"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    tensors = {name: one for name, one in {**tiny.tensors(100), **change}.items() if one is not None}
    with pytest.raises(ProjectError, match=message):
        written(DecoderShape.of(tiny.config(100)), tensors, CONTEXT)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"model_type": "gpt2"}, "model_type"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"num_key_value_heads": 3}, "num_key_value_heads"),
        ({"head_dim": 24}, "head_dim"),
        ({"rope_scaling": {"type": "yarn"}}, "rope_scaling"),
        ({"sliding_window": 16}, "sliding_window"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"rms_norm_eps": -1.0}, "rms_norm_eps"),
        ({"rms_norm_eps": "nan"}, "rms_norm_eps"),
    ],
)
def test_configurations_of_other_forms_are_refused(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(f"`{key}`")):
        DecoderShape.of({**tiny.config(100), **change})


def test_the_context_is_never_more_than_the_weights_were_made_for() -> None:
    words = tiny.tokenizer().get_vocab_size()
    states = {
        "a": kinds.arrays("text").fit([], form=Form.PROMPT),
        "b": kinds.arrays("text").fit([], role=Role.OUTPUT),
    }

    def made(**more: Any) -> Body:
        return decoder_body(
            Signature.parse("f(a: text) -> b: text"),
            states,
            tiny.tensors(words),
            tiny.config(words),
            tiny.tokenizer().to_str().encode(),
            [{"input": "a"}],
            [2],
            **more,
        )

    assert made(context=10**6).settings["context"] == 256
    assert made(context=32).settings["context"] == 32
    with pytest.raises(PackageError, match="slots"):
        made(slots=0)
    assert replace(made(), driver="decode") == made()


def test_the_page_makes_a_package_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "decoding.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    tiny.save(tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/decoding.md", "exec"), {})  # what the page says, as it stands there
    assert "answer" in capsys.readouterr().out
