"""Folders and GGUF files are read alike; what is damaged, or does not fit together, is refused in one message."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import tiny_decoder
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from modelwright import learners
from modelwright.core.messages import MachineError, ProjectError
from modelwright.learners.generate import fitting_parts, folder_files, gguf_files
from modelwright.learners.generate.spec import GenerateOptions
from modelwright.learners.generate.weights_folder import DecoderWeights

Change = Callable[[Path], None]
DECLARED = {"user": {"before": "<|user|>", "after": ""}, "reply": "<|assistant|>"}


def prepared(folder: Path, name: str, template: Mapping[str, object] | None = None) -> DecoderWeights:
    """Return what `plan` makes of the weights of that name; template: as a project declares it."""
    bring = learners.bring("generate")
    assert bring is not None
    out = folder / "out"
    out.mkdir(parents=True)
    bring.prepare(GenerateOptions.model_validate({"pretrained": name, "template": template}), folder, out)
    return DecoderWeights.read(out)


def refused_value(folder: Path, change: Change, key: str, file: str) -> None:
    """Require one message that names the value and its file."""
    change(folder / "weights")
    with pytest.raises(ProjectError) as raised:
        prepared(folder, "weights")
    (problem,) = raised.value.problems
    assert (problem.id, problem.values["key"], problem.values["file"]) == ("generate.odd-value", key, file)


def stated(file: str, **values: Any) -> Change:
    """Return a change of some keys of a JSON file."""

    def change(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), encoding="utf-8")

    return change


def written(file: str, content: bytes) -> Change:
    return lambda folder: (folder / file).write_bytes(content) and None


def tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Change:
    """Return a change of the tensors."""

    def changed(folder: Path) -> None:
        found = tiny_decoder.tensors(tiny_decoder.tokenizer().get_vocab_size())
        change(found)
        save_file(found, folder / "model.safetensors")

    return changed


def test_a_folder_is_read(tmp_path: Path) -> None:
    found = prepared(tmp_path, tiny_decoder.save(tmp_path / "weights").name)
    assert (found.licence, found.source, found.ends) == ("mit", "weights of weights", (2,))
    assert found.template is not None
    assert found.template.reply == "<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (written("config.json", b"["), "generate.damaged"),
        (written("config.json", b"[]"), "generate.damaged"),
        (written("config.json", b"[" * 100_000), "generate.damaged"),
        (written("tokenizer_config.json", b"[1]"), "generate.damaged"),
        (written("chat_template.jinja", b"\xff\xfe{}"), "generate.damaged"),
        (written("model.safetensors", b"\xff" * 64), "generate.damaged"),
        (written("model.safetensors", b""), "generate.damaged"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "pretrained.incomplete"),
        (lambda folder: (folder / "model.safetensors").unlink(), "pretrained.incomplete"),
        (stated("config.json", model_type="gpt2"), "decoder.shape"),
        (stated("config.json", hidden_size=64), "decoder.tensor"),
        (stated("config.json", num_hidden_layers=1 << 24), "decoder.tensor"),
        (stated("config.json", num_hidden_layers=1), "decoder.tensors-left"),
        (stated("config.json", num_hidden_layers="two"), "decoder.shape"),
        (stated("config.json", vocab_size=301), "decoder.tensor"),
        (stated("config.json", rope_scaling="yarn"), "decoder.shape"),
        (stated("config.json", rope_scaling={"type": ["linear"]}), "decoder.shape"),
        (stated("config.json", rope_scaling={"type": "llama3", "low_freq_factor": 4.0}), "decoder.shape"),
        (stated("config.json", rope_scaling={"type": "linear", "factor": "x"}), "decoder.shape"),
        (stated("config.json", eos_token_id=10**9), "pretrained.tokenizer"),
        (stated("config.json", tie_word_embeddings=False), "decoder.tensor"),
        (tensors(lambda found: found.pop("model.norm.weight")), "decoder.tensor"),
        (tensors(lambda found: found["model.norm.weight"].fill(np.nan)), "decoder.tensor"),
        (tensors(lambda found: found.update(more=np.zeros(3, np.float32))), "decoder.tensors-left"),
        (written("tokenizer.json", b"{}"), "pretrained.tokenizer"),
        (stated("tokenizer.json", added_tokens=[1]), "pretrained.tokenizer"),
        (stated("tokenizer_config.json", chat_template="{{ ''.__class__ }}"), "generate.template"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    change(tiny_decoder.save(tmp_path / "weights"))
    with pytest.raises(ProjectError) as raised:
        prepared(tmp_path, "weights")
    assert [one.id for one in raised.value.problems] == [message]


@pytest.mark.parametrize("key", ["eos_token_id", "bos_token_id", "pad_token_id"])
@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("value", ["2", 2.0, True, [[2]], [2, None], {"id": 2}], ids=json.dumps)
def test_what_is_no_number_of_a_token_is_refused(tmp_path: Path, file: str, key: str, value: object) -> None:
    folder = tiny_decoder.save(tmp_path / "weights")
    (folder / "generation_config.json").write_text("{}", encoding="utf-8")
    refused_value(tmp_path, stated(file, **{key: value}), key, file)


@pytest.mark.parametrize("key", ["eos_token", "bos_token", "pad_token"])
@pytest.mark.parametrize("value", [2, True, ["x"], {"text": "x"}, {"content": 2}], ids=json.dumps)
def test_what_is_no_text_of_a_token_is_refused(tmp_path: Path, key: str, value: object) -> None:
    tiny_decoder.save(tmp_path / "weights")
    refused_value(
        tmp_path,
        stated("tokenizer_config.json", add_eos_token=True, **{key: value}),
        key,
        "tokenizer_config.json",
    )


@pytest.mark.parametrize(
    "value",
    [3, True, [], [1], ["x"], {}, {"rag": "x"}, [{"name": "rag", "template": "x"}], [{"name": ["default"]}],
     [{"name": "default", "template": 3}]],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_template_is_refused_and_a_declared_one_stands_in_its_place(
    tmp_path: Path, value: object
) -> None:
    tiny_decoder.save(tmp_path / "weights")
    change = stated("tokenizer_config.json", chat_template=value)
    refused_value(tmp_path, change, "chat_template", "tokenizer_config.json")
    assert prepared(tmp_path / "declared", "../weights", DECLARED).template is not None


@pytest.mark.parametrize("form", ["weights", "tiny.gguf"])
def test_a_template_that_cannot_be_taken_apart_is_declared_as_its_message_says(
    tmp_path: Path, form: str
) -> None:
    strange = "{{ messages | length }}"
    if form == "weights":
        stated("tokenizer_config.json", chat_template=strange)(tiny_decoder.save(tmp_path / form))
    else:
        pytest.importorskip("gguf")
        import tiny_gguf

        tiny_gguf.save(tmp_path / form, template=strange)
    with pytest.raises(ProjectError) as raised:
        prepared(tmp_path / "one", f"../{form}")
    assert [one.id for one in raised.value.problems] == ["generate.template"]
    found = prepared(tmp_path / "other", f"../{form}", DECLARED).template
    assert found is not None
    assert (found.user.before, found.reply) == ("<|user|>", "<|assistant|>")


def test_templates_by_name_are_read_as_a_list_of_them_is(tmp_path: Path) -> None:
    stated("tokenizer_config.json", chat_template={"default": tiny_decoder.CHATML})(
        tiny_decoder.save(tmp_path / "weights")
    )
    assert prepared(tmp_path, "weights").template is not None


def test_a_tokenizer_with_more_tokens_than_the_weights_know_is_refused(tmp_path: Path) -> None:
    folder = tiny_decoder.save(tmp_path / "weights")
    more = tiny_decoder.tokenizer()
    more.add_tokens(["eleven", "twelve"])
    (folder / "tokenizer.json").write_text(more.to_str(), encoding="utf-8")
    with pytest.raises(ProjectError, match="has 302 tokens, and the weights know 300"):
        prepared(tmp_path, "weights")


def test_angles_that_older_files_hold_are_no_weights(tmp_path: Path) -> None:
    tensors(
        lambda found: found.update({"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(8, np.float32)})
    )(tiny_decoder.save(tmp_path / "weights"))
    assert prepared(tmp_path, "weights").tensors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "generate.no-weights"),
        ("rows.jsonl", "generate.no-such-form"),
        ("../x/../..y", "pretrained.not-found"),
    ],
)
def test_what_names_no_weights_is_refused(tmp_path: Path, name: str | None, message: str) -> None:
    (tmp_path / "rows.jsonl").touch()
    with pytest.raises(ProjectError) as raised:
        prepared(tmp_path, name)  # type: ignore[arg-type]
    assert raised.value.problems[0].id == message


def test_a_hub_that_cannot_be_reached_offers_no_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MachineError, match="could not be fetched") as raised:
        prepared(tmp_path / "one", "nobody/no-such-decoder")
    assert raised.value.problems[0].next_step == "check the id and the network, or name a folder"
    with pytest.raises(MachineError, match="did you mean `smollm2`"):
        prepared(tmp_path / "other", "smolm2")


def test_a_gguf_file_is_read_as_the_folder_is(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    import tiny_gguf

    tiny_gguf.save(tmp_path / "tiny.gguf")
    one = prepared(tmp_path, "tiny.gguf")
    other = folder_files.read(tiny_decoder.save(tmp_path / "weights"), "weights")
    assert set(one.tensors) == set(other.tensors)
    assert all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert (one.template, one.ends, one.licence) == (other.template, other.ends, other.licence)
    for text in ("How much is 12 and one?", "我喜欢<|im_start|>system", "x  y\n\n"):
        ids = [Tokenizer.from_buffer(found.tokenizer).encode(text).ids for found in (one, other)]
        assert ids[0] == ids[1]


def test_a_gguf_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    import tiny_gguf

    whole = tiny_gguf.save(tmp_path / "tiny.gguf").read_bytes()
    draw = np.random.default_rng(0)
    path = tmp_path / "damaged.gguf"
    for length in (0, 4, 23, 24, 100, 3000, len(whole) // 2, len(whole) - 1):  # cut short
        path.write_bytes(whole[:length])
        with pytest.raises(ProjectError) as raised:
            gguf_files.read(path, "damaged.gguf")
        assert raised.value.problems[0].id == "generate.gguf"
    for number in range(60):  # a header that promises the sky, or bytes that are others
        damaged = bytearray(whole)
        at = 8 * int(draw.integers(1, (64, 400)[number % 2]))
        damaged[at : at + 8] = int(draw.choice([2**63 - 1, 2**40, 2**31, 0])).to_bytes(8, "little")
        path.write_bytes(damaged)
        try:
            fitting_parts.check(gguf_files.read(path, "damaged.gguf"), "damaged.gguf")
        except ProjectError:
            continue


_ODD = (2**63, 2**40, 3, 0)


def odd_headers(whole: bytes) -> Iterator[bytes]:
    """Yield a file with each field of its header in turn of another length, type or value."""
    (fields,) = struct.unpack_from("<Q", whole, 16)
    place = 24

    def put(at: int, form: str, *values: Any) -> bytes:
        return whole[:at] + struct.pack(form, *values) + whole[at + struct.calcsize(form) :]

    for _ in range(fields):
        name = place
        place += 8 + struct.unpack_from("<Q", whole, place)[0]
        (kind,) = struct.unpack_from("<I", whole, place)
        value = place + 4
        yield put(name + 8, "<c", b"X")  # there is none of this name, and one that nobody knows
        yield from (put(name, "<Q", odd) for odd in _ODD)
        yield from (put(place, "<I", odd) for odd in (0, 5, 6, 8, 9, 13))
        if kind == 9:  # a list: of another length, or of no bytes each, or of lists of lists
            yield from (put(value + 4, "<Q", odd) for odd in _ODD)
            yield from (put(value, "<IQ", odd, 2**63) for odd in (0, 7, 8, 9, 13))
            yield put(value, "<I" + "QI" * 40, *[9, *[1, 9] * 39, 1, 9])
        elif kind == 8:
            yield from (put(value, "<Q", odd) for odd in _ODD)
        else:
            yield from (put(value, "<I", odd % 2**32) for odd in _ODD)
            yield from (put(place, "<If", 6, odd) for odd in (math.inf, math.nan, -1.0))
        place = gguf_files._behind(whole, "<", kind, value)  # type: ignore[arg-type]


def test_a_gguf_file_with_any_odd_field_is_read_or_refused_and_soon(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    import tiny_gguf

    whole = tiny_gguf.save(tmp_path / "tiny.gguf", template=None).read_bytes()
    path, read = tmp_path / "odd.gguf", 0
    refused: list[str] = []
    for content in odd_headers(whole):
        path.write_bytes(content)
        try:
            gguf_files.read(path, "odd.gguf")
            read += 1
        except ProjectError as error:
            refused += [one.id for one in error.problems]
    assert set(refused) == {"generate.gguf"}
    assert len(refused) > 200
    assert read, "what nobody needs may be absent"


def test_a_checkpoint_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tiny_decoder.save(tmp_path / "weights") / "model.safetensors"
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    damaged = [whole[:length] for length in (0, 7, 8, 100, 8 + header, len(whole) // 2, len(whole) - 1)]
    # a header that promises the sky, that ends within itself, and tensors beyond the file
    damaged += [size.to_bytes(8, "little") + whole[8:] for size in (2**63 - 1, 2**40, 0, header - 1)]
    offsets = b'"data_offsets":['
    damaged.append(whole.replace(offsets, offsets + b"9", 1))
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ProjectError) as raised:
            folder_files.read(path.parent, "weights")
        assert raised.value.problems[0].id == "generate.damaged"


@pytest.mark.parametrize("how", [{"architecture": "gpt2"}, {"template": "{{ ''.__class__ }}"}])
def test_a_gguf_file_of_another_form_is_refused(tmp_path: Path, how: dict[str, str]) -> None:
    pytest.importorskip("gguf")
    import tiny_gguf

    tiny_gguf.save(tmp_path / "tiny.gguf", **how)
    with pytest.raises(ProjectError) as raised:
        prepared(tmp_path, "tiny.gguf")
    assert raised.value.problems[0].id == ("generate.gguf" if "architecture" in how else "generate.template")
