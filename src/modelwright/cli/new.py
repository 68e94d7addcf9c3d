"""`modelwright new`: a folder with a commented project file, or an example that runs as it is."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import modelwright
from modelwright.core.json_types import Json
from modelwright.core.messages import MachineError, Phrase, Problem, ProjectError, did_you_mean
from modelwright.project.declaration.find import FILE_NAME
from modelwright.storage import disk

MOST_SHOWN = 200  # characters of a path in a message
ROWS = "make_rows.py"  # of an example whose rows are written by a script
_DEMO = "demo.py"
SCHEMA = Path(".modelwright") / "modelwright.schema.json"

TEMPLATE = """\
# yaml-language-server: $schema={schema}
# A learned program as a function. Only `function` and `data` are needed; `modelwright check` helps.

function: "label(text: text) -> label: category"     # kinds: {kinds}
purpose: Say in one sentence what the function is for.

requirements:                    # written once, enforced on test data, on the package and in live traffic
  accuracy: ">= 0.9"             # put a bar in quotes
  # recall[urgent]: ">= 0.95"    # of one class
  latency_p95: "<= 50 ms"
  size: "<= 100 MB"

data:
  source: data/examples.csv      # .csv, .jsonl or .parquet with the columns `text` and `label`
  # columns: {{text: message, label: team}}            # name in the signature: name in the data

# learn: {{budget: 2 min, seed: 0}}
# model: {{learner: {learner}}}
# release: {{allow_inconclusive: true}}       # release although the test set is too small to prove a bar
"""

HINT = """\
Put your examples here as examples.csv (or .jsonl, .parquet): one row per example, one column per input or output.

text,label
"My card was stolen, please block it",urgent
"What are your opening hours?",general

A few hundred rows are a start; `modelwright check` says which requirement they are enough to prove.
"""


@dataclass(frozen=True)
class Made:
    """What `new` made: the folder, its files, and what to do next."""

    folder: str
    files: tuple[str, ...]
    next_steps: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """Return what was made as JSON."""
        return {"folder": self.folder, "files": list(self.files), "next_steps": list(self.next_steps)}


def make(folder: Path, example: str | None = None) -> Made:
    """Make a project in `folder`; raises ProjectError where one lies there, or no example has that name.

    Also where nothing can be made there: no permission, a special file system, a name that is too long.
    """
    try:
        return _made(folder, example)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if disk.is_full(error):
            raise MachineError(disk.full(folder)) from error
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ProjectError(Problem("new.unwritable", where=str(folder)[:MOST_SHOWN], error=reason)) from error


def _made(folder: Path, example: str | None) -> Made:
    source = _example(example) if example is not None else None
    _refuse(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if source is None:
        (folder / FILE_NAME).write_text(_template(), encoding="utf-8")
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / "README.txt").write_text(HINT, encoding="utf-8")
        _write_schema(folder / SCHEMA)
        edit = str(Phrase("next.edit", file=str(folder / FILE_NAME), folder=str(folder / "data")))
        return Made(
            str(folder),
            (FILE_NAME, "data/README.txt", SCHEMA.as_posix()),
            (edit, f"cd {folder} && modelwright check"),
        )
    files = tuple(path for path in sorted(source.rglob("*")) if path.is_file() and _belongs(path, source))
    for path in files:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    names = tuple(path.relative_to(source).as_posix() for path in files)
    if ROWS not in names:
        return Made(str(folder), names, (f"cd {folder} && modelwright check", "modelwright run"))
    others = [
        f"modelwright run --project {one.parent}" for one in map(Path, names) if one.match(f"*/{FILE_NAME}")
    ]
    return Made(str(folder), names, (f"cd {folder} && python {ROWS}", *others, "modelwright run"))


def examples() -> dict[str, Path]:
    """Return the examples by name: those of the installed package, else those of the checkout."""
    package = Path(modelwright.__file__).parent
    for home in (package / "examples", package.parent.parent / "examples"):
        found = {path.parent.name: path.parent for path in sorted(home.glob(f"*/{FILE_NAME}"))}
        if found:
            return found
    return {}


def _example(name: str) -> Path:
    known = examples()
    if name not in known:
        raise ProjectError(
            Problem(
                "new.unknown-example",
                name=name,
                near=did_you_mean(name, list(known)),
                known=list(known) or None,
            )
        )
    return known[name]


def _refuse(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ProjectError(Problem("new.exists", where=str(folder), file=True))
    if (folder / FILE_NAME).exists():
        raise ProjectError(Problem("new.exists", where=str(folder), file=False))


def _belongs(path: Path, source: Path) -> bool:
    parts = path.relative_to(source).parts
    return path.name != _DEMO and not any(part.startswith((".", "__")) for part in parts)


def _template() -> str:
    from modelwright import kinds, learners

    return TEMPLATE.format(
        schema=SCHEMA.as_posix(), kinds=", ".join(kinds.names()), learner=" or ".join(learners.names())
    )


def _write_schema(path: Path) -> None:
    from modelwright.project.declaration.json_schema import schema

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
