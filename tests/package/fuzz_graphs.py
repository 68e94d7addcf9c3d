"""Looks for bytes that our reader of graphs takes otherwise than the onnx package does, guided by coverage (atheris).

Run by `make proof`, or by hand: `python tests/package/fuzz_graphs.py FOLDER -max_total_time=600`; FOLDER keeps what
was found to reach new code.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["modelwright.package"]):
    from modelwright.package.graph_contents import contents
    from modelwright.package.graph_encoding import GraphEncodingError

sys.path.insert(0, str(Path(__file__).parent.parent / "helpers"))
from hostile_graphs import RUNNABLE, along, external, mutated, tensors_of, ways_to_a_tensor
from onnx import ModelProto

SEEDS = [
    *(make(external("secret.bin")) for make in RUNNABLE.values()),
    *(along(way, external("secret.bin")) for way in ways_to_a_tensor().values()),
]


def one_input(data: bytes) -> None:
    """Raise AssertionError where we take a graph, and the onnx package sees something else in it."""
    try:
        ours = contents(data).external
    except GraphEncodingError:
        return
    model = ModelProto.FromString(data)
    assert model.SerializeToString(deterministic=True) == data, "there is another way to write it"
    theirs = [tensor.name for _, tensor in tensors_of(model) if tensor.external_data or tensor.data_location]
    assert sorted(one.name for one in ours) == sorted(theirs), "a tensor was overlooked"


def mutator(data: bytes, most: int, seed: int) -> bytes:
    """Change a graph as a graph where it is one, and as bytes where not."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return atheris.Mutate(data, most)
    try:
        return mutated(ModelProto.FromString(data), chance)[:most]
    except Exception:  # no graph, or one with pieces that only its reader knows how to skip
        return mutated(chance.choice(SEEDS), chance)[:most]


def main() -> None:
    """Fuzz, beginning with graphs that ask for a file at every place."""
    folder = Path(sys.argv[1])
    for number, model in enumerate(SEEDS):
        (folder / f"seed-{number}").write_bytes(model.SerializeToString(deterministic=True))
    atheris.Setup(sys.argv, one_input, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
