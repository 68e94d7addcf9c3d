"""Finds the teacher's package and the rows without labels, which are inputs of `plan` as any data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import PackageError, Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.bring import Bring
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.distil import learned_encoder
from modelwright.learners.distil.spec import TEACHER, DistilOptions
from modelwright.learners.weights import resolving
from modelwright.package import packages
from modelwright.storage.user_paths import expanded

PACKAGE, ROWS, ENCODER = "teacher", "unlabelled", "encoder"
_LICENCE = "README.md"  # where the weights state it, and where credits are read
SUFFIXES = (".csv", ".parquet", ".jsonl")


class DistilBring(Bring):
    """Reads the teacher strictly: what is not a whole package is refused before anything is learned."""

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return all files of the package, the file of rows without labels, and those of pretrained weights."""
        assert isinstance(options, DistilOptions)
        package, rows = _package(options, folder), _rows(options, folder)
        found = sorted(one for one in package.rglob("*") if one.is_file())
        weights = _weights(options, folder)
        inside = () if weights is None else weights.rglob("*") if _is_learned(weights) else weights.iterdir()
        theirs = sorted(one for one in inside if one.is_file())
        return (*found, *(() if rows is None else (rows,)), *theirs)

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield why the package cannot teach this function: it is damaged, or answers another one."""
        assert isinstance(options, DistilOptions)
        try:
            teacher = packages.read(_package(options, folder))
        except PackageError as error:
            yield from error.problems
            return
        found = teacher.body.signature
        if (found.inputs, found.outputs) != (signature.inputs, signature.outputs):
            yield Problem("distil.other-signature", teacher=str(found), project=str(signature)).at(
                f"model.{TEACHER}"
            )
        if options.pretrained is None and options.layers is not None:
            yield Problem("distil.layers-of-none", layers=options.layers).at("model.layers")
        if options.pretrained is None and options.feed_forward < 1.0:
            yield Problem("distil.channels-of-none", share=options.feed_forward).at("model.feed_forward")
        if (weights := _weights(options, folder)) is not None and _is_learned(weights):
            yield from _unfit(signature, weights, str(options.pretrained))
            return
        try:
            # raises where the weights read no input
            resolving.of_inputs(signature, options.pretrained, folder, defaults=False)
        except ProjectError as error:
            yield from error.problems

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Copy the package, the rows and the pretrained weights."""
        assert isinstance(options, DistilOptions)
        shutil.copytree(_package(options, folder), out / PACKAGE)
        if (rows := _rows(options, folder)) is not None:
            shutil.copyfile(rows, out / f"{ROWS}{rows.suffix}")
        if (weights := _weights(options, folder)) is None:
            return
        if _is_learned(weights):
            learned_encoder.write(weights, out / ENCODER)
        else:
            shutil.copytree(weights, out / ENCODER)
            if (licence := weights / _LICENCE).is_file():
                shutil.copyfile(licence, out / _LICENCE)


def _weights(options: DistilOptions, folder: Path) -> Path | None:
    """Return the folder of pretrained weights, or of the network that another project has learned."""
    if options.pretrained is None:
        return None
    path = folder / expanded(options.pretrained)
    return path if _is_learned(path) else resolving.resolve(options.pretrained, folder)


def _is_learned(folder: Path) -> bool:
    return learned_encoder.is_learned(folder)


def _unfit(signature: Signature, learned: Path, name: str) -> Iterator[Problem]:
    """Yield why no layer of a network that another project has learned can be taken."""
    if not learned_encoder.there_is_one(learned):
        yield Problem("distil.no-encoder", name=name).at("model.pretrained")
    elif not fields_of(signature.inputs, Form.TOKENS):
        yield Problem("pretrained.reads-no-input", name=name, form=Form.TOKENS.value).at("model.pretrained")


def _package(options: DistilOptions, folder: Path) -> Path:
    if options.teacher is None:
        raise ProjectError(Problem("distil.no-teacher").at("model"))
    path = folder / expanded(options.teacher)
    if not path.is_dir():
        raise ProjectError(Problem("distil.no-package", path=options.teacher).at(f"model.{TEACHER}"))
    return path


def _rows(options: DistilOptions, folder: Path) -> Path | None:
    if options.unlabelled is None:
        return None
    path = folder / expanded(options.unlabelled)
    if not path.is_file() or path.suffix not in SUFFIXES:
        raise ProjectError(
            Problem(
                "distil.no-rows", path=options.unlabelled, there=path.is_file() or None, known=list(SUFFIXES)
            ).at("model.unlabelled")
        )
    return path
