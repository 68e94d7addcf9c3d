"""Reads a folder of published weights: config.json, safetensors, tokenizer.json and its chat template."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.generate.spec import ChatTemplate
from modelwright.learners.generate.templates import template_reading
from modelwright.learners.generate.weights_folder import CONFIG, TOKENIZER, DecoderWeights

_DEFAULT, _TOOL_USE = "default", "tool_use"  # as transformers names them, where there are several
_LICENCE = re.compile(r"^license:[ \t]*(\S[^\n]{0,80})$", re.MULTILINE)


def lacking(folder: Path) -> list[str]:
    """Return which files a folder lacks."""
    names = [name for name in (CONFIG, TOKENIZER) if not (folder / name).is_file()]
    return names if any(folder.glob("*.safetensors")) else [*names, "model.safetensors"]


def read(folder: Path, shown: str) -> DecoderWeights:
    """Return the weights of a folder; raises ProjectError for one that lacks a file, or holds a damaged one."""
    if missing := lacking(folder):
        raise ProjectError(
            Problem("pretrained.incomplete", lacking=", ".join(missing), folder=shown).at("model.pretrained")
        )
    tensors: dict[str, Any] = {}
    try:
        for path in sorted(folder.glob("*.safetensors")):
            # by way of torch: numpy knows no bfloat16
            tensors |= {name: one.float().numpy() for name, one in load_file(path).items()}
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ProjectError(
            Problem("generate.damaged", path=shown, reason=str(error)[:200]).at("model.pretrained")
        ) from None
    config = _json(folder / CONFIG, shown)
    own = _json(folder / "tokenizer_config.json", shown)
    tokens = {
        key: text
        for key, value in own.items()
        if (text := _token(value)) is not None and key.endswith("_token")
    }
    readme = folder / "README.md"
    found = (
        _LICENCE.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    )
    if config.get("tie_word_embeddings"):
        tensors.pop("lm_head.weight", None)
    # angles of positions, which the configuration says and older files hold beside
    tensors = {name: one for name, one in tensors.items() if not name.endswith("rotary_emb.inv_freq")}
    stated = _stated(folder, own, shown)
    template = _template(stated, tokens)
    return DecoderWeights(
        tensors,
        config,
        (folder / TOKENIZER).read_bytes(),
        template,
        _ends(folder, config, tokens, shown),
        found[1].strip(" \"'") if found else "not stated",
        f"weights of {Path(shown).name}",
        lacks_tools=template_reading.lacks_tools(" ".join(stated.values()), template),
    )


def _stated(folder: Path, own: Mapping[str, Any], shown: str) -> Mapping[str, str]:
    """Return the templates of a folder by name; an unnamed one is the `default`. Raises ProjectError for no text."""
    stated = own.get("chat_template")
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        try:
            stated = beside.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            reason = f"{beside.name}: {error}"[:150]
            raise ProjectError(
                Problem("generate.damaged", path=shown, reason=reason).at("model.pretrained")
            ) from None
    named = stated if isinstance(stated, list) else [{"name": _DEFAULT, "template": stated}]
    found = {str(one.get("name")): one.get("template") for one in named if isinstance(one, dict)}
    return {name: text for name in (_DEFAULT, _TOOL_USE) if isinstance(text := found.get(name), str)}


def _template(stated: Mapping[str, str], tokens: Mapping[str, str]) -> ChatTemplate | None:
    """Return the default template, with the tools of one beside it for them, where both have the same turns."""
    if _DEFAULT not in stated:
        return None
    found = template_reading.read(stated[_DEFAULT], tokens)
    if _TOOL_USE in stated and found.tools is None:
        with contextlib.suppress(ProjectError):
            beside = template_reading.read(stated[_TOOL_USE], tokens)
            if beside.model_copy(update={"tools": None}) == found:
                return beside
    return found


def _ends(folder: Path, config: Mapping[str, Any], tokens: Mapping[str, str], shown: str) -> tuple[int, ...]:
    """Return the tokens that end an answer: what the configurations name, and the tokenizer's own."""
    found: list[int] = []
    added = _json(folder / TOKENIZER, shown).get("added_tokens") or ()
    words = {
        one["content"]: one["id"]
        for one in added
        if isinstance(one, dict) and isinstance(one.get("content"), str) and isinstance(one.get("id"), int)
    }
    if (own := tokens.get("eos_token")) in words:
        found.append(words[own])
    for stated in (_json(folder / "generation_config.json", shown), config):
        ends = stated.get("eos_token_id")
        found += [one for one in (ends if isinstance(ends, list) else [ends]) if isinstance(one, int)]
    return tuple(dict.fromkeys(found))


def _token(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _json(path: Path, shown: str) -> dict[str, Any]:
    """Return a file's JSON object, {} where there is no such file; raises ProjectError for what is none."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        found = str(error)
    if not isinstance(found, dict):
        reason = f"{path.name}: {str(found)[:150]}"
        raise ProjectError(Problem("generate.damaged", path=shown, reason=reason).at("model.pretrained"))
    return found
