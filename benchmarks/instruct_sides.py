"""Ours and TRL's learning of the same rows, for `instruct.py`: CPU seconds of each step, and what the weights give."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.dialogue.value import DialogueTurn
from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.causal.preference_objective import PairRows, PreferenceObjective
from modelwright.learners.causal.token_rows import TokenRows
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent.plain_run import Batch, PlainRun
from modelwright.learners.generate import preferring
from modelwright.learners.generate.answer_rows import AnswerReader
from modelwright.learners.generate.spec import ChatTemplate, GenerateOptions, GenerateTraining, TurnTexts
from modelwright.learners.generate.weights_folder import TENSORS, DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT

CHAT = Signature.parse("chat(messages: dialogue) -> reply: text")
CONTEXT = 512
MOST_CHARACTERS = 1_200  # of the turns and the longer answer: rows that mostly fit the context
MARKS = 6  # most tokens around a turn
BATCH = {"full": 8, "lora": 8, "preferences": 4}
BETA = 0.1
RANK, ALPHA = 16, 32
TURN = {"after": "<|im_end|>\n"}
TEMPLATE = ChatTemplate(
    system=TurnTexts(before="<|im_start|>system\n", **TURN),
    user=TurnTexts(before="<|im_start|>user\n", **TURN),
    assistant=TurnTexts(before="<|im_start|>assistant\n", **TURN),
    reply="<|im_start|>assistant\n",
)
JINJA = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ROLES = {"system": "system", "human": "user", "gpt": "assistant"}


@dataclass(frozen=True)
class Row:
    """The turns before an answer, the answer, and of preferences the one that was rejected."""

    turns: Sequence[dict[str, str]]
    chosen: str
    rejected: str | None = None

    @property
    def characters(self) -> int:
        """Return those of the turns and of the longer answer."""
        answers = (self.chosen, self.rejected or "")
        return sum(len(one["content"]) for one in self.turns) + max(map(len, answers))

    def for_peer(self) -> dict[str, Any]:
        """Return the row as TRL takes it."""
        if self.rejected is None:
            return {"prompt": self.turns, "completion": [_turn("assistant", self.chosen)]}
        answers = {"chosen": self.chosen, "rejected": self.rejected}
        return {"prompt": self.turns, **{name: [_turn("assistant", text)] for name, text in answers.items()}}


@dataclass(frozen=True)
class Learned:
    """What a learning took and gave: CPU seconds of each step, without evaluations and checkpoints; the weights."""

    seconds: Sequence[float]
    tensors: dict[str, Any]

    def rate(self, batch: int, steps: int) -> float:
        """Return rows a CPU second in the last so many steps."""
        return batch * steps / sum(self.seconds[-steps:])


@contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    """Note the CPU seconds of each step that is taken within the block."""
    take = PlainRun.learn

    def timed(run: PlainRun, batch: Batch) -> float:
        begun = time.process_time()
        loss = take(run, batch)
        seconds.append(time.process_time() - begun)
        return loss

    with patch.object(PlainRun, "learn", timed):
        yield


def rows_of(data: Path, way: str) -> list[Row]:
    """Return rows: the turns before an answer, and the answers, of preferences two."""
    folder = data / "llamafactory_demo"
    name = "dpo_en_demo.json" if way == "preferences" else "alpaca_en_demo.json"
    found = []
    for row in json.loads((folder / name).read_text("utf-8")):
        if way == "preferences":
            turns = [_turn(ROLES[one["from"]], one["value"]) for one in row["conversations"]]
            one = Row(turns, row["chosen"]["value"], row["rejected"]["value"])
        else:
            asked = f"{row['instruction']}\n{row['input']}".strip()
            one = Row([_turn("user", asked)], row["output"])
        if one.chosen and one.characters < MOST_CHARACTERS:
            found.append(one)
    return found


@dataclass(frozen=True)
class Sides:
    """Both sides, as the command line names them."""

    peer: str
    weights: Path
    threads: int
    precision: str

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Sides:
        """Return them of a command line."""
        return cls(arguments.peer, arguments.weights, arguments.threads, arguments.precision)

    def ours(
        self, way: str, rows: list[Row], steps: int, seed: int = 0, rate: float | None = None
    ) -> Learned:
        """Return what the learner `generate` makes of rows; no row is held, so the last weights are kept."""
        prefer = {"beta": BETA} if way == "preferences" else None
        train = "lora" if way == "lora" else "full"
        given = {"pretrained": str(self.weights), "template": TEMPLATE, "context": CONTEXT, "prefer": prefer}
        adapters = {"rank": RANK, "alpha": ALPHA}
        options = GenerateOptions.model_validate({**given, "train": train, "lora": adapters})
        examples = _examples(rows)
        with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
            out = Path(temporary) / "out"
            out.mkdir()
            brought = self._brought(options, Path(temporary))
            setup = Setup(
                "generate", steps, BATCH[way], self.threads, self.precision, "", seed, options,
                GenerateTraining(learning_rate=rate), {BROUGHT: brought},
            )  # fmt: skip
            seconds: list[float] = []
            data = Rows(examples, examples.take([]))
            with _timed(seconds):
                learners.learn("generate").learn(
                    CHAT, data, setup, out, Path(temporary) / "scratch", Silent()
                )
            return Learned(seconds, load_file(out / TENSORS))

    def theirs(
        self, way: str, rows: list[Row], steps: int, settings: dict[str, Any], seed: int = 0
    ) -> Learned:
        """Return what TRL makes of rows."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            # TRL makes its model of references from what the configuration names
            copy, out = Path(folder) / "weights", Path(folder) / "learned.safetensors"
            copy.mkdir()
            for name in (TENSORS, "tokenizer.json"):
                (copy / name).symlink_to((self.weights / name).resolve())
            config = json.loads((self.weights / "config.json").read_text("utf-8"))
            named = json.dumps({**config, "architectures": ["LlamaForCausalLM"]})
            (copy / "config.json").write_text(named, "utf-8")
            asked = {
                "way": way,
                "rows": [one.for_peer() for one in rows],
                "weights": str(copy),
                "steps": steps,
                "threads": self.threads,
                "folder": folder,
                # TRL takes bfloat16 unless told, also where the cores only emulate it
                "settings": {"seed": seed, "bf16": self.precision == "bfloat16", **settings},
                "template": JINJA,
                "batch": BATCH[way],
                "context": CONTEXT,
                "rank": RANK,
                "alpha": ALPHA,
                "out": str(out),
            }
            done = subprocess.run(
                [self.peer, str(Path(__file__).with_name("instruct_peer.py"))],
                input=json.dumps(asked), capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            return Learned(json.loads(done.stdout.splitlines()[-1])["seconds"], load_file(out))

    def loss(self, tensors: dict[str, Any], rows: list[Row]) -> float:
        """Return the mean -ln p of the tokens of answers."""
        read, objective = self._read(tensors, rows)
        assert isinstance(read, TokenRows)
        with torch.no_grad():
            found = [(float(objective.loss(read, part, 0, 0)), count) for part, count in objective.held(read)]
        losses, counts = zip(*found, strict=True)
        return float(np.average(losses, weights=counts))

    def likelihoods(self, tensors: dict[str, Any], rows: list[Row]) -> np.ndarray[Any, Any]:
        """Return ln p of the chosen and the rejected answers, (n, 2)."""
        read, objective = self._read(tensors, rows)
        assert isinstance(read, PairRows)
        whole = PreferenceObjective(objective.module, BETA, 0.0, self.precision, "cpu")
        return preferring.with_reference(whole, read).reference

    def fitting(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that the context has room for: of digits each is a token."""
        tokenizer = Tokenizer.from_file(str(self.weights / "tokenizer.json"))

        def tokens(text: str) -> int:
            return len(tokenizer.encode(text, add_special_tokens=False).ids) + MARKS

        def whole(row: Row) -> int:
            turns = sum(tokens(one["content"]) for one in row.turns)
            return turns + max(tokens(row.chosen), tokens(row.rejected or ""))

        return [one for one in rows if whole(one) <= CONTEXT]

    def start(self) -> dict[str, Any]:
        """Return the weights before anything is learned."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
            given = {"pretrained": str(self.weights), "template": TEMPLATE}
            return load_file(self._brought(GenerateOptions.model_validate(given), Path(temporary)) / TENSORS)

    def _read(self, tensors: dict[str, Any], rows: list[Row]) -> tuple[TokenRows | PairRows, CausalObjective]:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
            given = {"pretrained": str(self.weights), "template": TEMPLATE}
            folder = self._brought(GenerateOptions.model_validate(given), Path(temporary))
            weights = DecoderWeights.read(folder)
        decoder = llama.built(weights.config, tensors)
        reader, examples = AnswerReader(CHAT, weights, decoder.shape.words, CONTEXT), _examples(rows)
        read = reader.read(examples) if examples.less_liked is None else reader.read_pairs(examples)
        assert len(read.rows) == len(rows)
        return read.rows, CausalObjective(decoder, self.precision, "cpu")

    def _brought(self, options: GenerateOptions, folder: Path) -> Path:
        brought = folder / "brought"
        brought.mkdir()
        bring = learners.bring("generate")
        assert bring is not None
        bring.prepare(options, self.weights.parent, brought)
        return brought


def _examples(rows: list[Row]) -> Examples:
    messages = [tuple(DialogueTurn(one["role"], one["content"]) for one in row.turns) for row in rows]
    worse = [one.rejected for one in rows]
    return Examples(
        [str(at) for at in range(len(rows))],
        {"messages": messages, "reply": [one.chosen for one in rows]},
        less_liked=None if worse[0] is None else worse,
    )


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}
