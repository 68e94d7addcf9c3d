"""A digit from its picture and its sound, both poor, or from one of them: fusion against the better single input.

    python benchmarks/senses.py [--data FOLDER] [--combiners concatenate,attention] [--budget "1 min"] [--seeds 0,1,2]
                                [--both-budget "2 min"] [--width 16] [--keep FILE --most 1]

In the manner of AV-MNIST (Vielzeuf et al. 2018): each of the 3,000 spoken digits of fsdd, with noise added, gets a
picture of the same digit from mnist, of which 4 principal components are left (a quarter of its variance). Indices 0 to
4 of each speaker and digit are tested, 5 to 9 validate. A function of both inputs, each of which may be missing, is
tested on all test rows as they are, without their picture and without their sound; beside it a function of the
picture alone and one of the sound alone, in `--budget` each. The function of both has `--both-budget`: the same, or as
much as the two functions that it stands for have together ("2 min").

Bars, means of the seeds: both inputs at least 5 points above the better single function; without one input not below
the function of the other by more than 0.5 points. The combiners are printed side by side.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import io
import statistics
import wave
from pathlib import Path

import numpy as np
import polars as pl

import projects

COMPONENTS = 4
NOISE = 1.5  # deviation of the noise, as a share of the clip's own root mean square (0.5: 0.94 from the sound alone)
TESTED, VALIDATED = range(5), range(5, 10)  # indices of a speaker and digit; the data set tests 0 to 4
STATES = ("both", "sound", "photo")  # what is left of a test row
GAIN, LOSS = 0.05, 0.005


def pictures(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return mnist's training pictures (n, 28, 28) with few components left, and their digits."""
    pixels = _idx(data / "mnist" / "train-images-idx3-ubyte.gz")[:12000].reshape(12000, -1).astype(np.float64)
    digits = _idx(data / "mnist" / "train-labels-idx1-ubyte.gz")[:12000]
    mean = pixels.mean(0)
    centred = pixels - mean
    # the directions of most variance: the last eigenvectors of the covariance, (784, components)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -COMPONENTS:]
    poor = mean + centred @ axes @ axes.T
    return poor.clip(0, 255).round().astype(np.uint8).reshape(-1, 28, 28), digits


@functools.cache
def rows(data: Path, seed: int, noise: float = NOISE) -> pl.DataFrame:
    """Return a row for each spoken digit, test rows in each of their states."""
    draw = np.random.default_rng(seed)
    pixels, digits = pictures(data)
    waiting = {digit: iter(draw.permutation(np.flatnonzero(digits == digit))) for digit in range(10)}
    found = []
    for file in sorted((data / "fsdd" / "recordings").glob("*.wav")):
        digit, _, index = file.stem.split("_")
        photo, sound = projects.png(pixels[next(waiting[int(digit)])]), _noisy(file, draw, noise)
        split = {**dict.fromkeys(TESTED, "test"), **dict.fromkeys(VALIDATED, "validation")}.get(
            int(index), "train"
        )
        for state in STATES if split == "test" else STATES[:1]:
            found.append(
                {
                    "photo": None if state == "sound" else photo,
                    "sound": None if state == "photo" else sound,
                    "digit": digit,
                    "state": state,
                    "split": split,
                }
            )
    return pl.DataFrame(found, schema_overrides={"photo": pl.Binary, "sound": pl.Binary})


def _idx(path: Path) -> np.ndarray:
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _noisy(file: Path, draw: np.random.Generator, noise: float) -> bytes:
    """Return a clip with white noise added, as WAV."""
    with wave.open(str(file)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(-1), np.int16).astype(np.float64)
    loud = noise * np.sqrt((samples**2).mean())
    noisy = (samples + draw.normal(0, loud, len(samples))).clip(-32768, 32767).astype(np.int16)
    content = io.BytesIO()
    with wave.open(content, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(noisy.tobytes())
    return content.getvalue()


def accuracies(
    frame: pl.DataFrame, inputs: str, budget: str, seed: int, width: int, model: dict
) -> tuple[dict[str, float], float]:
    """Return the accuracy of a function by the state of the test rows, and the CPU seconds of its run."""
    if "?" not in inputs:
        frame = frame.filter(pl.col("state") == "both")
    found = projects.evaluated(
        {
            "function": f"read({inputs}) -> digit: category",
            "requirements": {
                f"accuracy where state == '{state}'": ">= 0.5"
                for state in frame["state"].unique(maintain_order=True)
            },
            "data": {"source": "rows.parquet", "split": {"by": "split"}, "keep": ["state"]},
            "model": {
                "learner": "network",
                **(
                    {"encoders": {"photo": {"type": "convolutional", "width": width}}}
                    if "photo" in inputs
                    else {}
                ),
                **model,
            },
            "learn": {"budget": budget, "seed": seed},
        },
        frame,
    )
    return {name.split("'")[1]: value for name, value in found.values.items()}, found.cpu_s


def main() -> None:
    """Print the accuracies of each seed, and the bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=projects.default_data())
    parser.add_argument("--combiners", default="concatenate,attention")
    parser.add_argument("--budget", default="1 min")
    parser.add_argument("--both-budget", help="of the function of both; without it, as --budget")
    parser.add_argument("--width", type=int, default=16, help="channels of the first convolution")
    parser.add_argument("--left-out", type=float)
    parser.add_argument("--noise", type=float, default=NOISE)
    parser.add_argument("--seeds", default="0,1,2")
    projects.Kept.arguments(parser)
    arguments = parser.parse_args()
    kept = projects.Kept.of_arguments(arguments)
    if not (arguments.data / "fsdd").is_dir() or not (arguments.data / "mnist").is_dir():
        print(f"skipped: mnist and fsdd are not in {arguments.data}")
        return
    alone: dict[str, list[float]] = {"photo": [], "sound": []}
    fused: dict[str, list[dict[str, float]]] = {}
    model = {} if arguments.left_out is None else {"left_out": arguments.left_out}
    data, budget, width, noise = arguments.data, arguments.budget, arguments.width, arguments.noise

    def answered(seed: int, noise: float, inputs: str, budget: str, width: int, model: dict) -> list:
        return list(accuracies(rows(data, seed, noise), inputs, budget, seed, width, model))

    for seed in map(int, arguments.seeds.split(",")):
        for name, kind in (("photo", "image"), ("sound", "audio")):
            values, cpu_s = kept.of(answered, seed, noise, f"{name}: {kind}", budget, width, {})
            alone[name].append(values["both"])
            print(f"seed {seed}: {name} alone {values['both']:.4f} ({cpu_s:.0f} CPU-s)", flush=True)
        for one in arguments.combiners.split(","):
            own = {"combiner": one, **model}
            inputs, time = "photo: image?, sound: audio?", arguments.both_budget or budget
            values, cpu_s = kept.of(answered, seed, noise, inputs, time, width, own)
            fused.setdefault(one, []).append(values)
            shown = ", ".join(f"{state} {values[state]:.4f}" for state in STATES)
            print(f"seed {seed}: {one}: {shown} ({cpu_s:.0f} CPU-s)", flush=True)
    single = {name: statistics.fmean(values) for name, values in alone.items()}
    for one, seeds in fused.items():
        mean = {state: statistics.fmean(values[state] for values in seeds) for state in STATES}
        gain = mean["both"] - max(single.values())
        held = "held" if gain >= GAIN else "MISSED"
        print(f"{one}: both {mean['both']:.4f}, {100 * gain:+.1f} points (bar +5: {held})")
        for name, value in single.items():
            loss = value - mean[name]
            held = "held" if loss <= LOSS else "MISSED"
            print(
                f"{one}: with {name} alone {mean[name]:.4f}, its own function {value:.4f}, "
                f"{-100 * loss:+.1f} points (bar -0.5: {held})"
            )


if __name__ == "__main__":
    main()
