"""A decoder from nothing on tinyshakespeare, by characters: bits a character of the package, beside nanoGPT's recipe.

    python benchmarks/scratch.py [--data FOLDER] [--minutes 2] [--threads 2]

The play is cut at its blank lines into rows of at most 500 characters, split 70/20/10 by hash. Ours: `pretrained: none`
with characters as tokens, what `learn.budget` holds; then the package is evaluated on the test rows, each read from its
own beginning. Peer: the recipe that nanoGPT gives for a processor (4 layers, 4 heads, width 128, blocks of 64
characters, 12 a step, AdamW with a rate of 0.001 that falls to 0.0001 along a cosine after 100 steps), written here in
plain torch. It learns from the same rows one behind the other for the same time, and is measured as it measures itself:
on whole blocks of 64 of the test rows, one behind the other. Both end by the clock, so the machine must be quiet.

Bars, of a budget of two cores: 2.65 bits a character in 2 minutes, 2.4 in 5, and below the peer.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
import torch
from torch import nn
from torch.nn import functional

from projects import default_data, evaluated_in

BLOCK, ROWS, LAYERS, HEADS, WIDTH = 64, 12, 4, 4, 128  # nanoGPT's README, "I only have a macbook"
PEAK, LEAST, RISES, BETAS, DECAY = 1e-3, 1e-4, 100, (0.9, 0.99), 0.1
BARS = {120: 2.65, 300: 2.4}


class Layer(nn.Module):
    """Attention and two matrices with GELU, each on what a norm gives, and added."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.mixed, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return states (n, t, width)."""
        n, t, _ = states.shape
        heads = (
            one.view(n, t, HEADS, -1).transpose(1, 2)
            for one in self.mixed(self.first(states)).split(WIDTH, 2)
        )
        found = functional.scaled_dot_product_attention(*heads, is_causal=True)
        states = states + self.out(found.transpose(1, 2).reshape(n, t, WIDTH))
        return states + self.down(functional.gelu(self.up(self.second(states))))


class Peer(nn.Module):
    """Characters (n, t) → logits (n, t, words), with learned positions and one table for words and head."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.layers, self.norm = (
            nn.Sequential(*(Layer() for _ in range(LAYERS))),
            nn.LayerNorm(WIDTH, bias=False),
        )
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if adds else 0.02)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        states = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        return functional.linear(self.norm(self.layers(states)), self.words.weight)


def peer_bits(train: str, test: str, budget_s: float) -> tuple[float, int]:
    """Return bits a character of the peer on test after so many seconds, and its steps."""
    torch.manual_seed(0)
    letters = {letter: at for at, letter in enumerate(sorted({*train, *test}))}
    learned, held = (torch.tensor([letters[one] for one in text]) for text in (train, test))
    model = Peer(len(letters))
    weights = list(model.parameters())
    groups = [
        {"params": [one for one in weights if one.ndim > 1], "weight_decay": DECAY},
        {"params": [one for one in weights if one.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=PEAK, betas=BETAS, fused=True)
    begun, step = time.perf_counter(), 0
    while (used := (time.perf_counter() - begun) / budget_s) < 1:
        # along the share of the budget that is used, in the place of its 2,000 steps
        falling = LEAST + (PEAK - LEAST) * 0.5 * (1 + math.cos(math.pi * used))
        for group in optimiser.param_groups:
            group["lr"] = min(falling, PEAK * (step + 1) / RISES)
        begins = torch.randint(len(learned) - BLOCK, (ROWS,))
        rows = torch.stack([learned[begin : begin + BLOCK + 1] for begin in begins])
        functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        step += 1
    model.eval()
    whole = (len(held) - 1) // BLOCK * BLOCK
    given, wanted = held[:whole].view(-1, BLOCK), held[1 : whole + 1].view(-1, BLOCK)
    with torch.no_grad():
        losses = [
            functional.cross_entropy(model(one).flatten(0, 1), other.flatten(), reduction="sum")
            for one, other in zip(given.split(256), wanted.split(256), strict=True)
        ]
    return float(sum(losses)) / whole / math.log(2), step


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    budget_s = 60 * arguments.minutes
    project = {
        "function": "write(start: text?) -> text: text",
        "requirements": {"bits_per_character": "<= 2.65"},
        "data": {"source": "play.txt", "form": "text", "piece": 500},
        "model": {
            "learner": "generate",
            "pretrained": "none",
            "scratch": {"tokenizer": "characters", "layers": 4, "width": 128, "heads": 4},
            "context": 512,
        },
        "learn": {"budget": f"{budget_s} s", "threads": arguments.threads, "batch": 3},
        "evaluate": {"generate": 0, "latency_requests": 100},
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        shutil.copyfile(arguments.data / "tinyshakespeare" / "input.txt", folder / "play.txt")
        ours = evaluated_in(folder, project, None)
        (made,) = (folder / ".modelwright/objects/data").glob("*/")
        train, test = (
            "\n\n".join(pl.read_parquet(made / split / "rows.parquet")["text"]) for split in ("train", "test")
        )
    bits = ours.values["bits_per_character"]
    theirs, steps = peer_bits(train, test, budget_s)
    print(
        f"{arguments.minutes:g} min, {arguments.threads} threads; all stages of ours took {ours.cpu_s:.0f} CPU s"
    )
    print(
        f"ours {bits:.3f} bits a character; nanoGPT's recipe {theirs:.3f} ({steps:,} steps): {theirs / bits:.3f}"
    )
    bar = BARS.get(round(budget_s * arguments.threads / 2))
    if bar is not None:
        print(f"bar {bar}: {'met' if bits <= bar else 'missed'}; below the peer: {bits < theirs}")


if __name__ == "__main__":
    main()
