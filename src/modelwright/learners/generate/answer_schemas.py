"""The JSON schema that a project names, to which answers that are objects are held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.messages import Problem, ProjectError, RequestError
from modelwright.core.signature import Signature
from modelwright.kinds.shared.schemas.answer_schema import schema_problem
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.runtime.drivers.decode.answer_masks import AnswerMasks
from modelwright.storage.user_paths import expanded

KEY = "model.answer_schema"
_ANY = json.dumps({"type": "object"})
_MOST_BYTES = 1 << 20


def file_of(named: str, folder: Path) -> Path:
    """Return the place of the file."""
    return folder / expanded(named)


def problems(signature: Signature, named: str, folder: Path) -> Iterator[Problem]:
    """Yield why answers cannot be held to the schema that is named."""
    if not _answers_objects(signature):
        yield Problem("generate.schema-of-text", outputs=[str(one) for one in signature.outputs]).at(KEY)
    try:
        text(named, folder)
    except ProjectError as error:
        yield from error.problems


def text(named: str, folder: Path) -> str:
    """Return the text of the schema; raises ProjectError for a file that is none, or that cannot be enforced."""
    path = file_of(named, folder)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ProjectError(
                Problem("schema.large", name=named, length=path.stat().st_size, most=_MOST_BYTES).at(KEY)
            )
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        raise ProjectError(Problem("generate.no-schema", path=named).at(KEY)) from None
    except (ValueError, RecursionError) as error:
        raise ProjectError(
            Problem("schema.invalid", name=named, place="#", error=str(error)[:200]).at(KEY)
        ) from None
    if isinstance(found, dict):  # an answer is an object: what else the schema admits is none of the function
        types = found.get("type", "object")
        if "object" not in ([types] if isinstance(types, str) else types):
            raise ProjectError(
                Problem("generate.schema-no-object", path=named, kinds=str(types)[:60]).at(KEY)
            )
        found = {**found, "type": "object"}
    problem = schema_problem(found, named)
    if problem is not None:
        raise ProjectError(problem.at(KEY))
    return json.dumps(found, ensure_ascii=False)


def require_writable(weights: DecoderWeights, words: int) -> None:
    """Raise ProjectError where a tokenizer is of no form by which answers can be held to a schema."""
    if weights.answer_schema is None:
        return
    masks = AnswerMasks(Tokenizer.from_buffer(weights.tokenizer), words, weights.ends)
    try:
        masks.of(weights.answer_schema)
    except RequestError as error:
        raise ProjectError([one.at(KEY) for one in error.problems]) from None


def held_to(signature: Signature, weights: DecoderWeights) -> str | None:
    """Return the text of the schema to which the answers of a function are held; None where they are texts."""
    return (weights.answer_schema or _ANY) if _answers_objects(signature) else None


def _answers_objects(signature: Signature) -> bool:
    return any(kinds.value(one.kind).schema().get("type") == "object" for one in signature.outputs)
