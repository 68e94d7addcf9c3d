"""Reads the file that a project names: a graph, or a model of another library that becomes one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.contract.bring import Bring
from modelwright.learners.given import brought, converting
from modelwright.learners.given.spec import GivenOptions
from modelwright.storage.user_paths import expanded


class GivenBring(Bring):
    """Finds the file, says what does not fit, and makes a graph of it."""

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return the file, or those of the folder, what holds its values beside it, and the tokenizers."""
        assert isinstance(options, GivenOptions)
        path = _found(options, folder)
        shown = str(options.path)
        files = [path]
        if path.is_dir() and converting.format_of(path) is not None:
            files = sorted(one for one in path.rglob("*") if one.is_file())
        elif path.is_file() and converting.format_of(path) is None:
            from modelwright.learners.given import (
                given_graph,
            )  # loads onnx, which other files have no use for

            files += given_graph.files_of(path, shown)
        return (*files, *_tokenizers(options, folder).values())

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield what does not fit of a graph; of a model of another library, whether it can be converted here."""
        assert isinstance(options, GivenOptions)
        path = _found(options, folder)
        form = converting.format_of(path)
        if form is not None:
            yield from form.problems(path, str(options.path), trust=options.trust)
            return
        from modelwright.learners.given import given_graph, matching

        try:
            matching.match(signature, options, given_graph.read(path, str(options.path)))
        except ProjectError as error:
            yield from error.problems

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Write the graph with all of its tensors, and the tokenizers."""
        assert isinstance(options, GivenOptions)
        path, shown = _found(options, folder), str(options.path)
        form = converting.format_of(path)
        if form is None:
            from modelwright.learners.given import given_graph

            model = given_graph.read(path, shown).model
            brought.graph(out).write_bytes(model.SerializeToString(deterministic=True))
        else:
            form.convert(path, shown, brought.graph(out), trust=options.trust)
        for name, file in _tokenizers(options, folder).items():
            place = brought.tokenizer(out, name)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, place)


def _found(options: GivenOptions, folder: Path) -> Path:
    if options.path is None:
        raise ProjectError(Problem("given.no-path").at("model"))
    path = folder / expanded(options.path)
    if not path.exists():
        beside = sorted(one.name for one in path.parent.glob("*") if one.suffix in converting.SUFFIXES)
        raise ProjectError(
            Problem("given.no-file", path=options.path, beside=beside[:5] or None).at("model.path")
        )
    return path.parent if path.name == converting.SAVED_MODEL else path


def _tokenizers(options: GivenOptions, folder: Path) -> dict[str, Path]:
    found = {}
    for name, one in options.inputs.items():
        if one.tokenizer is None:
            continue
        path = folder / expanded(one.tokenizer)
        if not path.is_file():
            key = f"model.inputs.{name}.tokenizer"
            raise ProjectError(Problem("given.no-file", path=one.tokenizer, beside=None).at(key))
        found[name] = path
    return found
