"""The folder of what was learned of places in texts.

learned.json, weights.safetensors, states.json, states/   the network over windows (`training.learned_folder`)
whole/                                                    the signature as it is, and the states of the kinds
windows.json                                              how texts are cut into windows
tokenizer.json                                            by which
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.signature import Signature
from modelwright.learners import kind_states
from modelwright.learners.networks.network import Network
from modelwright.learners.training import learned_folder
from modelwright.learners.training.learned_folder import LearnedNetwork
from modelwright.runtime.drivers.locate.locate_settings import TOKENIZER, LocateSettings
from modelwright.runtime.drivers.locate.locating import Locator
from modelwright.runtime.drivers.locate.text_windows import WindowReader

_WHOLE, _WINDOWS = "whole", "windows.json"


@dataclass(frozen=True)
class LearnedLocator:
    """What was learned: the network over windows, the signature and its states, and what cuts texts into windows."""

    windows: LearnedNetwork
    signature: Signature
    states: Mapping[str, object]
    settings: LocateSettings
    tokenizer: bytes

    @property
    def locator(self) -> Locator:
        """Return what finds places by what the network says."""
        return Locator(self.signature, self.states, WindowReader(self.tokenizer, self.settings))


def write(
    out: Path,
    learner: str,
    windows: tuple[Signature, Mapping[str, object], Network],
    whole: tuple[Signature, Mapping[str, object]],
    settings: LocateSettings,
    tokenizer: bytes,
) -> None:
    """Write the folder; equal networks give equal bytes."""
    signature, states, network = windows
    learned_folder.write(out, learner, signature, states, network)
    (out / _WHOLE).mkdir()
    kind_states.write(out / _WHOLE, *whole)
    (out / _WINDOWS).write_text(json.dumps(settings.model_dump(), sort_keys=True) + "\n", encoding="utf-8")
    (out / TOKENIZER).write_bytes(tokenizer)


def read(folder: Path) -> LearnedLocator:
    """Read what `write` wrote."""
    signature, states = kind_states.read(folder / _WHOLE)
    settings = LocateSettings.read(json.loads((folder / _WINDOWS).read_text(encoding="utf-8")))
    return LearnedLocator(
        learned_folder.read(folder), signature, states, settings, (folder / TOKENIZER).read_bytes()
    )
