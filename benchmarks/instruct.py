"""Instruction and preference tuning of SmolLM2-135M beside TRL: how fast, and how well in equal time.

    python benchmarks/instruct.py --peer PYTHON --weights FOLDER [--data FOLDER] [--steps 4] [--minutes 5]
        [--seeds 0 1 2] [--ways full lora preferences] [--threads 1] [--keep FILE --most N]

peer: the interpreter of an environment with `trl` and `peft`; weights: a folder of SmolLM2-135M-Instruct (config.json,
safetensors, tokenizer.json), which both start from. Rows: alpaca_en and dpo_en, those of at most 1,200 characters
that fit into 512 tokens, 8 rows and 4 pairs a step, loss on answers alone; every tenth row and every fourth pair is
held out.

Rates are rows (pairs) a CPU second, since others may use the machine, in the second pass over as many rows as
`--steps` steps have, evenly spaced: all sides read the same rows, whatever the order. Evaluations and checkpoints do
not count. Both sides reckon in `--precision`: bfloat16, as both come, or float32 where the cores do not have it.
Threads that wait for each other spend CPU time, so a shared machine is measured with one. TRL at its defaults, and
tuned: no checkpointing of activations, rows grouped by length, references of pairs computed once, before the steps
that are counted, as ours are.

`--minutes` minutes of all threads (0: none) give what is learned: each side takes as many steps as its own rate holds
in that time, TRL tuned and at our learning rates, falling along a line after a rise of 10 %, and the weights of both
are read by the same code. Where TRL took less CPU time than ours, since many rows are grouped better than the few of a
rate, it learns once more, with as many steps as fit ours, twice if need be.
With `--keep` figures are computed once, `--most` of them in a run.

Bars: 2.5 times TRL's rows at its defaults, 1.15 times tuned, 1.5 times its pairs; the loss on held-out answers below
TRL's, full and LoRA; a margin of 1 on the pairs that were learned, held-out preference not below the start, chosen
answers not less likely by more than a nat.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from instruct_sides import BATCH, BETA, Learned, Row, Sides, rows_of
from modelwright.learners.generate.instructing import rate_of
from projects import Kept, default_data

FASTER = {"at its defaults": 2.5, "tuned": 1.15}
PAIRS_FASTER = 1.5
MARGIN, FALLS = 1.0, -1.0
_TRIES = 2  # at as many steps as fit a time
HELD = {"full": 10, "lora": 10, "preferences": 4}  # every so many-th row; pairs are few
_TUNED: dict[str, Any] = {"gradient_checkpointing": False}
TUNED: dict[str, dict[str, Any]] = {
    "full": {**_TUNED, "train_sampling_strategy": "group_by_length"},
    "lora": {**_TUNED, "train_sampling_strategy": "group_by_length"},
    "preferences": {**_TUNED, "precompute_ref_log_probs": True},
}


class Benchmark:
    """What is measured of both sides, each figure once."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._sides, self._kept = Sides.of(arguments), Kept.of_arguments(arguments)
        self._data, self._steps, self._minutes = arguments.data, arguments.steps, arguments.minutes
        self._threads = arguments.threads

    def rate(self, way: str, side: str) -> float:
        """Return rows or pairs a CPU second."""
        return float(self._kept.of(self._rate, "rate", way, side, self._steps))

    def after(self, way: str, side: str, seed: int, at_least_s: float = 0.0) -> dict[str, Any]:
        """Return what was learned in the time, of a side; at_least_s: CPU seconds that it may take in any case."""
        rows = self.rate(way, side) * 60 * self._minutes * self._threads
        steps = max(2, round(rows / BATCH[way]))
        found: dict[str, Any] = self._kept.of(self._after, "after", way, side, seed, steps)
        for _ in range(_TRIES):
            fitting = int(steps * at_least_s / found["cpu_s"])
            if fitting <= steps:
                break
            steps = fitting
            found = self._kept.of(self._after, "after", way, side, seed, steps)
        return found

    def start(self, way: str) -> Any:
        """Return what the weights give to held-out rows before."""
        return self._kept.of(self._start, "start", way)

    def _start(self, _: str, way: str) -> Any:
        _, held = self._rows(way)
        tensors = self._sides.start()
        if way == "preferences":
            return self._sides.likelihoods(tensors, held).tolist()
        return self._sides.loss(tensors, held)

    def _rate(self, _: str, way: str, side: str, steps: int) -> float:
        rows, _ = self._rows(way)
        some = [rows[at * len(rows) // (steps * BATCH[way])] for at in range(steps * BATCH[way])]
        return self._learned(way, side, some, 2 * steps, our_rates=False).rate(BATCH[way], steps)

    def _after(self, _: str, way: str, side: str, seed: int, steps: int) -> dict[str, Any]:
        train, held = self._rows(way)
        learned = self._learned(way, side, train, steps, seed, our_rates=True)
        found = {"steps": steps, "rows": len(train), "cpu_s": sum(learned.seconds)}
        if way != "preferences":
            return {**found, "loss": self._sides.loss(learned.tensors, held)}
        before = self._sides.likelihoods(self._sides.start(), train)
        after = self._sides.likelihoods(learned.tensors, train)
        return {
            **found,
            "margin": BETA * float(np.diff(before - after, axis=1).mean()),
            "held": self._sides.likelihoods(learned.tensors, held).tolist(),
        }

    def _learned(
        self, way: str, side: str, train: list[Row], steps: int, seed: int = 0, *, our_rates: bool
    ) -> Learned:
        if side == "ours":
            return self._sides.ours(way, train, steps, seed)
        settings = TUNED[way] if side == "tuned" else {}
        if our_rates:
            of = rate_of("lora" if way == "lora" else "full", prefers=way == "preferences")
            settings = {**settings, "learning_rate": of, "lr_scheduler_type": "linear", "warmup_steps": 0.1}
        return self._sides.theirs(way, train, steps, settings, seed)

    def _rows(self, way: str) -> tuple[list[Row], list[Row]]:
        rows = rows_of(self._data, way)
        train = [one for at, one in enumerate(rows) if at % HELD[way]]
        return self._sides.fitting(train), self._sides.fitting(rows[:: HELD[way]])


def of_preferences(found: dict[str, Any], start: Any) -> str:
    """Return what a side made of pairs, in words."""
    before, after = np.array(start), np.array(found["held"])  # (n, 2): ln p of chosen and rejected
    right = [float((one[:, 0] > one[:, 1]).mean()) for one in (before, after)]
    change = after - before
    margins = BETA * (change[:, 0] - change[:, 1])
    return (
        f"margin {found['margin']:.2f} on {found['rows']} learned pairs (bar {MARGIN:g}); of {len(after)} held-out: "
        f"margin {margins.mean():.2f}, preferred more than before {float((margins > 0).mean()):.2f}, chosen "
        f"is likelier {right[1]:.2f}, before {right[0]:.2f}; its ln p {change[:, 0].mean():+.2f} (bar {FALLS:g})"
    )


def main() -> None:
    """Print rates, ratios, and what was learned."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--steps", type=int, default=4, help="of which rates are taken")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--ways", nargs="+", default=list(BATCH), choices=list(BATCH))
    Kept.arguments(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    benchmark = Benchmark(arguments)
    for way in arguments.ways:
        own = benchmark.rate(way, "ours")
        print(f"{way}: ours {own:.3f} a CPU second", flush=True)
        for side, bar in FASTER.items():
            other = benchmark.rate(way, side)
            least = PAIRS_FASTER if way == "preferences" else bar
            print(f"{way}: TRL {side} {other:.3f}: {own / other:.2f} times (bar {least:g})", flush=True)
    for way in arguments.ways if arguments.minutes else ():
        start = benchmark.start(way)
        for seed in arguments.seeds:
            took_s, pace = 0.0, 0.0
            for side in ("ours", "tuned"):
                found = benchmark.after(way, side, seed, took_s)
                took_s = found["cpu_s"]
                name = "ours" if side == "ours" else "TRL"
                others, pace = pace, found["steps"] * BATCH[way] / took_s
                said = f"{found['steps']} steps of {BATCH[way]} in {took_s:.0f} CPU s"
                said += f" (ours {others / pace:.2f} times as quick)" if others else ""
                what = (
                    of_preferences(found, start)
                    if way == "preferences"
                    else f"loss on held-out answers {found['loss']:.4f}, before {start:.4f}"
                )
                print(f"{way}, seed {seed}: {name}, {said}: {what}", flush=True)


if __name__ == "__main__":
    main()
