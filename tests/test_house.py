"""The house: what a stranger may rely on when looking for something, measured.

`python tests/test_house.py` prints the figures by folder. Where a bar is not reached yet, the number of today is
a ratchet: it fails when it gets worse, and is lowered when it gets better.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections import defaultdict
from pathlib import Path

import modelwright

PACKAGE = Path(modelwright.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

MOST_FILES = 15  # in a folder, `__init__.py` not counted
MOST_LINES = 500
MEDIAN_LINES = 200
ANY_PER_1000 = 9.0  # httpx 8.6, optuna 9.2
COMMENTS_PER_100 = 4.0  # where arithmetic happens

# Names that a contract prescribes: every member of the folder has a file, or a class, of that name.
CONTRACT_FILES = {
    "kinds": {"value", "arrays", "column", "infer", "profile", "show", "samples"},
    "outcomes": {"outcomes", "metrics", "gap", "baseline", "section"},
    "learners": {"spec", "learn", "export"},
    "stages": {"stage", "config"},
    "runtime/drivers": {"driver", "samples"},
}
CONTRACT_CLASSES = {
    "learners": {"Spec", "Learner", "Export", "Options"},
    "kinds": {"Samples"},
    "runtime/drivers": {"Driver", "Samples"},
}
ARITHMETIC = ("core/evidence", "outcomes", "learners/networks", "learners/training")

# Today's figures where a bar is not reached yet (see the docstring); empty and 0 when it is.
SHARED_NAMES = {
    "blocks",
    "counts",
    "machine",
    "manifest",
    "measuring",
    "network",
    "outcomes",
    "refusals",
    "releases",
    "rows",
    "schema",
    "sources",
    "table",
}
SHARED_CLASSES = {
    "Answered",
    "Bar",
    "Header",
    "Measured",
    "Output",
    "Part",
    "Rows",
    "Source",
    "Split",
    "Table",
    "Task",
    "Tried",
}
PRIVATE_IMPORTS: set[str] = set()
CROWDED: dict[str, int] = {}
ANY_NOW = 6.3
COMMENTS_NOW = {"core/evidence": 2.1, "outcomes": 1.8, "learners/networks": 3.5, "learners/training": 3.1}


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def trees() -> dict[str, ast.Module]:
    return {relative(path): ast.parse(path.read_text("utf-8")) for path in FILES}


def files_by_folder() -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for path in FILES:
        if path.name != "__init__.py":
            found[relative(path.parent)] += 1
    return found


def prescribed(name: str, file: str, contracts: dict[str, set[str]]) -> bool:
    """Return whether a contract prescribes the name of a file or of a class in it (also the contract's own)."""
    return any(file.startswith(f"{folder}/") and name in names for folder, names in contracts.items())


def names_of_files() -> dict[str, list[str]]:
    """Return the files by stem that stand twice or more in other folders, less those that a contract prescribes."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if path.stem not in ("__init__", "__main__") and not prescribed(
            path.stem, relative(path), CONTRACT_FILES
        ):
            found[path.stem].append(relative(path))
    return {stem: places for stem, places in found.items() if len(places) > 1}


def names_of_classes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for file, tree in trees().items():
        for node in tree.body:
            public = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
            if public and not prescribed(node.name, file, CONTRACT_CLASSES):
                found[node.name].append(file)
    return {name: files for name, files in found.items() if len(files) > 1}


def imported(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.startswith("modelwright.")]


def private_imports() -> list[str]:
    """Return `file: module` for each import of a private module (`_x.py`) from outside its folder."""
    modules = {relative(path)[:-3].replace("/", ".") for path in FILES}
    found = set()
    for file, tree in trees().items():
        for name in imported(tree):
            module = name.removeprefix("modelwright.")
            *folder, last = module.split(".")
            private = module in modules and last.startswith("_") and not last.startswith("__")
            if private and "/".join(folder) != file.rpartition("/")[0]:
                found.add(f"{file}: {module}")
    return sorted(found)


def any_by_folder() -> dict[str, tuple[int, int]]:
    """Return by top folder how often the name `Any` stands in annotations and code, and the lines."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for path in FILES:
        text = path.read_text("utf-8")
        names = [
            node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id == "Any"
        ]
        folder = relative(path).partition("/")[0] if "/" in relative(path) else "."
        count, lines = found[folder]
        found[folder] = (count + len(names), lines + len(text.splitlines()))
    return found


def any_per_1000() -> float:
    count, lines = (sum(column) for column in zip(*any_by_folder().values(), strict=True))
    return 1000 * count / lines


def comments_per_100(folder: str) -> float:
    """Return the comment lines, and lines that end in one, per 100 lines of a folder."""
    comments = lines = 0
    for path in (PACKAGE / folder).rglob("*.py"):
        text = path.read_text("utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments += sum(token.type == tokenize.COMMENT and "noqa" not in token.string for token in tokens)
        lines += len(text.splitlines())
    return 100 * comments / max(lines, 1)


def test_no_folder_is_crowded():
    found = {folder: count for folder, count in files_by_folder().items() if count > MOST_FILES}
    assert {folder: n for folder, n in found.items() if n > CROWDED.get(folder, 0)} == {}


def test_no_file_is_long():
    lines = {relative(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {file: n for file, n in lines.items() if n > MOST_LINES} == {}
    assert statistics.median(lines.values()) <= MEDIAN_LINES


def test_no_two_files_of_one_name_mean_other_things():
    assert {stem: files for stem, files in names_of_files().items() if stem not in SHARED_NAMES} == {}


def test_no_class_name_is_used_twice():
    assert {name: files for name, files in names_of_classes().items() if name not in SHARED_CLASSES} == {}


def test_private_modules_stay_in_their_folder():
    assert [one for one in private_imports() if one not in PRIVATE_IMPORTS] == []


def test_any_is_rare():
    assert any_per_1000() < max(ANY_PER_1000, ANY_NOW)


def test_arithmetic_is_explained():
    for folder in ARITHMETIC:
        if (PACKAGE / folder).is_dir():
            least = COMMENTS_NOW.get(folder, COMMENTS_PER_100)
            assert comments_per_100(folder) >= least, folder


def main() -> None:
    lengths = [len(path.read_text("utf-8").splitlines()) for path in FILES]
    print(f"{len(FILES)} files, median {statistics.median(lengths):g} lines, longest {max(lengths)}")
    print("fullest folders:", sorted(files_by_folder().items(), key=lambda one: -one[1])[:5])
    print("files of one name:", names_of_files())
    print("classes of one name:", names_of_classes())
    print("private modules imported from outside:", private_imports())
    for folder, (count, lines) in sorted(any_by_folder().items()):
        print(f"Any in {folder}: {1000 * count / lines:.1f} per 1,000 lines ({count} of {lines})")
    print(f"Any: {any_per_1000():.1f} per 1,000 lines")
    for folder in ARITHMETIC:
        print(f"comments in {folder}: {comments_per_100(folder):.1f} per 100 lines")


if __name__ == "__main__":
    main()
