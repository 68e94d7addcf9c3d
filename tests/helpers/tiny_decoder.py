"""A decoder of a few thousand weights, as a folder of published ones: what tests of writing start from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from modelwright import learners
from modelwright.core.signature import Field, Signature
from modelwright.kinds.dialogue.value import DialogueTurn
from modelwright.learners.generate.spec import GenerateOptions
from modelwright.storage.formats.examples import Examples

WIDTH, HEADS, KEY_HEADS, LAYERS, HIDDEN = 32, 2, 1, 2, 32
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEXTS = ("user assistant system You help.", "How much is one and one?", "It is two.", "我喜欢苹果。")

ASK = Signature("ask", (Field("messages", "dialogue"),), (Field("reply", "text"),))


def asked(rows: int, answer: str = "It is {}.") -> Examples:
    """Return dialogues of one turn, and what is answered to them."""
    questions = [(DialogueTurn("user", f"How much is {n} and {n}?"),) for n in range(rows)]
    columns = {"messages": questions, "reply": [answer.format(2 * n) for n in range(rows)]}
    return Examples([f"row-{n}" for n in range(rows)], columns)


def brought(folder: Path) -> Path:
    """Write the weights, and return the folder that `plan` makes of them."""
    bring, out = learners.bring("generate"), save(folder).parent / "brought"
    assert bring is not None
    out.mkdir()
    bring.prepare(GenerateOptions(pretrained=folder.name), folder.parent, out)
    return out


def tokenizer() -> Tokenizer:
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=[*SPECIAL])
    found.train_from_iterator(TEXTS, trainer)
    found.add_special_tokens([AddedToken(one, special=True) for one in SPECIAL])
    return found


def config(words: int) -> dict[str, object]:
    return {
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 256,
        "vocab_size": words,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "eos_token_id": 2,
    }


def tensors(words: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    head = WIDTH // HEADS
    sizes = {"model.embed_tokens.weight": (words, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        sizes |= {
            f"{at}.self_attn.q_proj.weight": (HEADS * head, WIDTH),
            f"{at}.self_attn.k_proj.weight": (KEY_HEADS * head, WIDTH),
            f"{at}.self_attn.v_proj.weight": (KEY_HEADS * head, WIDTH),
            f"{at}.self_attn.o_proj.weight": (WIDTH, HEADS * head),
            f"{at}.mlp.gate_proj.weight": (HIDDEN, WIDTH),
            f"{at}.mlp.up_proj.weight": (HIDDEN, WIDTH),
            f"{at}.mlp.down_proj.weight": (WIDTH, HIDDEN),
            f"{at}.input_layernorm.weight": (WIDTH,),
            f"{at}.post_attention_layernorm.weight": (WIDTH,),
        }
    return {
        name: np.ones(size, np.float32) if len(size) == 1 else draw.normal(0, 0.3, size).astype(np.float32)
        for name, size in sizes.items()
    }


def save(folder: Path, *, template: str | None = CHATML) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    built = tokenizer()
    words = built.get_vocab_size()
    (folder / "config.json").write_text(json.dumps(config(words)))
    (folder / "tokenizer.json").write_text(built.to_str())
    own = {"eos_token": "<|im_end|>", "bos_token": "<|endoftext|>"}
    own |= {} if template is None else {"chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(own))
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA tiny decoder.\n")
    save_file(tensors(words), folder / "model.safetensors")
    return folder
