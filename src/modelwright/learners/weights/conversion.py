"""Checkpoints of PyTorch as safetensors: read with `weights_only=True`, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners import own_process

# What a pickle with weights_only=True may hold is read, and nothing of it is run. A state dictionary may lie under a
# name of its own, beside the sizes of the model (`dims`), which become JSON.
_CONVERT = """
import json, sys, torch
from safetensors.torch import save_file
weights, config = {}, {}
for path in sys.argv[3:]:
    read = torch.load(path, map_location="cpu", weights_only=True)
    config |= {k: v for k, v in (read.get("dims") or {}).items() if isinstance(v, (int, float, str, bool))}
    for name in ("model_state_dict", "state_dict", "model"):
        if isinstance(read.get(name), dict):
            read = read[name]
            break
    weights |= read
weights = {k: v.detach().clone().contiguous() for k, v in weights.items() if torch.is_tensor(v)}
save_file(weights, sys.argv[1], metadata={"format": "pt"})
open(sys.argv[2], "w").write(json.dumps(config))
"""


def to_safetensors(checkpoints: Sequence[Path], out: Path, config: Path, shown: str) -> None:
    """Write the tensors of checkpoints into `out`, and the sizes that stand beside them into `config` (JSON).

    shown: what a message names. Raises ProjectError for a pickle that holds more than tensors.
    """
    reason = own_process.failure(_CONVERT, str(out), str(config), *map(str, checkpoints))
    if reason is not None:
        raise ProjectError(Problem("pretrained.unsafe-checkpoint", folder=shown, reason=reason))
