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
_OWN, _WRITING = "tokenizer_config.json", "generation_config.json"
_TEMPLATE = "chat_template"
_TOKENS = frozenset(
    {"bos_token", "eos_token", "pad_token", "unk_token"}
)  # other keys end so, too: `add_bos_token`
_SHOWN = 60  # characters of a value in a message
_LICENCE = re.compile(r"^license:[ \t]*(\S[^\n]{0,80})$", re.MULTILINE)


def lacking(folder: Path) -> list[str]:
    """Return which files a folder lacks."""
    names = [name for name in (CONFIG, TOKENIZER) if not (folder / name).is_file()]
    return names if any(folder.glob("*.safetensors")) else [*names, "model.safetensors"]


def read(folder: Path, shown: str, declared: ChatTemplate | None = None) -> DecoderWeights:
    """Return the weights of a folder; raises ProjectError for one that lacks a file, or holds a damaged one.

    declared: a template that is taken in the place of the folder's own, which is then not read.
    """
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
    own = _json(folder / _OWN, shown)
    tokens = _tokens(own, shown)
    readme = folder / "README.md"
    found = (
        _LICENCE.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    )
    if config.get("tie_word_embeddings"):
        tensors.pop("lm_head.weight", None)
    # angles of positions, which the configuration says and older files hold beside
    tensors = {name: one for name, one in tensors.items() if not name.endswith("rotary_emb.inv_freq")}
    stated = {} if declared is not None else _stated(folder, own, shown)
    template = declared or _template(stated, tokens)
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
    file = _OWN
    stated = own.get(_TEMPLATE)
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        file = beside.name
        try:
            stated = beside.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            reason = f"{beside.name}: {error}"[:150]
            raise ProjectError(
                Problem("generate.damaged", path=shown, reason=reason).at("model.pretrained")
            ) from None
    if stated is None:
        return {}
    named: Mapping[str, object]
    if isinstance(stated, list):  # as transformers writes several, each with its name
        pairs = [(str(one.get("name")), one.get("template")) for one in stated if isinstance(one, dict)]
        named = dict(pairs) if len(pairs) == len(stated) else {}
    else:
        named = stated if isinstance(stated, dict) else {_DEFAULT: stated}
    found = {name: one for name, one in named.items() if isinstance(one, str)}
    if _DEFAULT not in found or len(found) < len(named):
        raise _odd(_TEMPLATE, stated, file, shown)
    return {name: found[name] for name in (_DEFAULT, _TOOL_USE) if name in found}


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
    for file, stated in ((_WRITING, _json(folder / _WRITING, shown)), (CONFIG, config)):
        for key in (
            "bos_token_id",
            "pad_token_id",
        ):  # neither is used: what is no number tells of a damaged file
            _ids(stated, key, file, shown)
        found += _ids(stated, "eos_token_id", file, shown)
    return tuple(dict.fromkeys(found))


def _ids(stated: Mapping[str, Any], key: str, file: str, shown: str) -> list[int]:
    """Return the numbers of tokens that a key names, one or a list of them; raises ProjectError for what is none."""
    value = stated.get(key)
    found = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in found):
        raise _odd(key, value, file, shown)
    return found


def _tokens(own: Mapping[str, Any], shown: str) -> dict[str, str]:
    """Return the texts of a tokenizer's own tokens by their keys; raises ProjectError for what is no text."""
    found = {}
    for key, value in own.items():
        text = value.get("content") if isinstance(value, Mapping) else value
        if key.endswith("_token") and isinstance(text, str):
            found[key] = text
        elif key in _TOKENS and value is not None:
            raise _odd(key, value, _OWN, shown)
    return found


def _odd(key: str, value: object, file: str, shown: str) -> ProjectError:
    """Return what is raised for a value of a configuration of which nobody can say what it means."""
    text = json.dumps(value, ensure_ascii=False)
    return ProjectError(
        Problem(
            "generate.odd-value",
            key=key,
            file=file,
            path=shown,
            shown=text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…",
            is_template=key == _TEMPLATE,
            is_text=key in _TOKENS,
        ).at("model.pretrained")
    )


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
