"""What steps are made from: the project, its state, and what the run has reached so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart
from modelwright.engine.store import Store
from modelwright.learners import devices, own_code
from modelwright.learners.contract.spec import Makes, Spec
from modelwright.learners.options import PRETRAINED
from modelwright.learners.session.used_function import JUDGE
from modelwright.learners.weights.resolving import InputWeights, of_inputs
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop import opponents, used_functions, weights_of_projects
from modelwright.project.loop.stage_names import DATA, PACKAGE, PLAN
from modelwright.project.tuning.own_processes import OwnProcesses
from modelwright.project.tuning.search_plan import SearchPlan, search_plan, trial_bounds
from modelwright.stages.plan.config import ModelConfig, blended, candidates
from modelwright.stages.plan.resources import machine as this_machine
from modelwright.stages.tune.trial_runs import TrialRuns
from modelwright.storage.formats import judgements
from modelwright.storage.formats.data import Counts, read_signature
from modelwright.storage.formats.judgements import CHAMPION, Judgement, Versus
from modelwright.storage.formats.plan import Choice, Machine
from modelwright.storage.state.database import State


@dataclass
class Context:
    """What steps are made from. Nothing here writes: that is for the steps when they run, and for the run."""

    opened: Opened
    store: Store
    state: State
    made: dict[str, Artifact] = field(default_factory=dict)

    def part(self, stage: str, name: str) -> ArtifactPart:
        """Return one part of what a stage above has sealed."""
        return self.made[stage].part(name)

    @property
    def corpus(self) -> dict[str, ArtifactPart]:
        """Return the part that holds the corpus, by its name; nothing of a project without one.

        Nothing that is learned rests on it, and no plan is made anew for it: a passage more is packaged, no more.
        """
        return {"corpus": self.part(DATA, "corpus")} if "corpus" in self.made[DATA].parts else {}

    @cached_property
    def machine(self) -> Machine:
        """Return what this machine offers."""
        return this_machine()

    @cached_property
    def pretrained(self) -> InputWeights:
        """Return the pretrained weights of the inputs: none where no learner takes any or none are installed.

        Raises ProjectError and MachineError.
        """
        file, named = self.opened.file, self.opened.file.model.pretrained
        among = candidates(file.plan, file.model)
        if among is not None:
            among = (*among, *blended(among, self.signature, file.model))
        needed = learners.needs_pretrained(self.signature, among)
        if not needed and (named is None or not learners.takes_pretrained(self.signature, among)):
            return InputWeights(of_project=self._gone_on_from(among or ()))
        folders = weights_of_projects.named_folders(named, self.opened.folder)
        return of_inputs(self.signature, folders, self.opened.folder, defaults=needed)

    @cached_property
    def brought(self) -> Mapping[str, Path]:
        """Return the files that the project brings for a learner that learns nothing, by their name in the key.

        Raises ProjectError for one that is not there.
        """
        file = self.opened.file
        found: dict[str, Path] = {}
        for name in candidates(file.plan, file.model) or ():
            bring = learners.bring(name)
            if bring is None or learners.spec(name).refuses(self.signature) is not None:
                continue
            given = self.model.options_of(learners.spec(name))
            if (learned := self._gone_on_from((name,))) is not None:
                given = {**given, PRETRAINED: str(learned)}
            options = learners.spec(name).Options.model_validate(given)
            try:
                paths = bring.files(options, self.opened.folder)
            except ProjectError as error:
                raise ProjectError(
                    [one.at(self.opened.option_place(one.where)) for one in error.problems]
                ) from None
            found |= {f"brought/{place}": path for place, path in enumerate(paths)}
        return found

    def _gone_on_from(self, named: Iterable[str]) -> Path | None:
        """Return what another project's learner has learned, for the same learner to go on from."""
        model, folder = self.opened.file.model, self.opened.folder
        for name in named:
            if (
                found := weights_of_projects.gone_on_from(model.pretrained, folder, learners.spec(name))
            ) is not None:
                return found
        return None

    @cached_property
    def model(self) -> ModelConfig:
        """Return the section `model`, with the text of the code that it names, of which nothing is run, and with the
        functions that the section `use` names.

        Raises ProjectError for code and functions that are not there.
        """
        model = self.opened.file.model
        if self.opened.file.use:
            model = model.model_copy(update=used_functions.as_options(used_functions.found(self.opened)))
        factory = model.options.get("module")
        if not isinstance(factory, str):
            return model
        return model.model_copy(update={"code": own_code.read(factory, self.opened.folder)})

    @cached_property
    def search_plan(self) -> SearchPlan:
        """Return what the section `tune` has tried; raises ProjectError with all that is wrong in it."""
        named = candidates(self.opened.file.plan, self.opened.file.model) or learners.names()
        able = [
            name for name in learners.accepting(self.signature, named) if self._is_able(learners.spec(name))
        ]
        return search_plan(self.opened, self.signature, able)

    def _is_able(self, spec: Spec) -> bool:
        """Tell whether a learner that accepts the signature can be tried: it has its libraries, and its weights."""
        if spec.name == self.opened.file.model.learner:
            return True
        makes = spec.makes is Makes.BODY and not spec.brings
        return makes and not spec.lacks() and self.pretrained.lack(spec, self.signature) is None

    def trial_runs(self) -> TrialRuns:
        """Return what runs the trials of a search: processes of their own, that find the same store."""
        return OwnProcesses(
            {
                "content": self.opened.content,
                "folder": str(self.opened.folder),
                "root": str(self.store.root.absolute()),
                "reports": self.search_plan.config.pruner != "none",
            },
            trial_bounds(self.opened, self.search_plan, self.machine),
        )

    def reopen(self, settings: Sequence[str]) -> None:
        """Go on with the project under further settings, as a search has found them."""
        self.opened = self.opened.changed(settings)
        for name in ("pretrained", "brought", "model"):
            self.__dict__.pop(name, None)

    def champion(self, package: str) -> ArtifactPart | None:
        """Return the package in production that a candidate is compared with, when a bar or a verdict refers to it.

        A candidate that is itself in production keeps the champion that it was judged against.
        """
        judged = self.opened.file.evaluate.against == CHAMPION and self.is_judged(package)
        if not any(one.bar.champion for one in self.opened.requirements) and not judged:
            return None
        production = opponents.champion(self.state, package)
        if production is None:
            return None
        found = self.store.find(PACKAGE, production.package_key)
        return found.part("package") if found is not None else None

    @cached_property
    def judgements(self) -> tuple[Judgement, ...]:
        """Return what people said of answers, of whatever versions; raises DataError for a file with other lines."""
        return judgements.read(self.judgements_file)

    @property
    def judgements_file(self) -> Path:
        """Return where that stands, whether there is one or not."""
        return self.opened.folder / judgements.FILE_NAME

    def is_judged(self, package: str) -> bool:
        """Tell whether answers of a package are held against others: a bar asks for it, a function does, people did."""
        required = any(one.metric.name == opponents.WIN_RATE for one in self.opened.requirements)
        named = JUDGE in self.opened.file.use
        return required or named or any(one.package == package for one in self.judgements)

    def versus(self, package: str) -> Versus | None:
        """Return what the answers of a package are held against, None where nothing is."""
        output = opponents.judged_output(self.signature)
        if output is None or not self.is_judged(package):
            return None
        named, test = self.opened.file.evaluate.against, self.part(DATA, "test")
        found = opponents.opponent(named, self.opened, self.state, package, self.signature, test)
        if found is None or found.digest == package:
            return None
        of_both = judgements.of_pair(self.judgements, package, found.digest)
        required = any(one.metric.name == opponents.WIN_RATE for one in self.opened.requirements)
        # people have read the other's answers already; a function that judges asks for them
        folder = found.folder(self.store) if JUDGE in self.opened.file.use else None
        return Versus(output.name, named, found.digest, of_both, required, folder, found.texts)

    @property
    def signature(self) -> Signature:
        """Return the signature with every kind known, as `data` sealed it."""
        return read_signature(self.part(DATA, "profile").path)

    @property
    def counts(self) -> Counts:
        """Return what `data` counted."""
        return Counts.read(counts_part(self.made[DATA]).path)

    @property
    def choice(self) -> Choice:
        """Return what `plan` sealed."""
        return Choice.read(self.part(PLAN, "choice").path)

    @property
    def planned_for(self) -> OtherMachine | None:
        """Return for which other machine the sealed plan is; None where it fits this one."""
        choice, machine = self.choice, self.machine
        here = (self.opened.file.learn.threads or machine.cores, machine.instruction_set)
        planned = (choice.threads, choice.instruction_set)
        executions = [(choice.training, choice.execution)]
        executions += [(one.training, one.execution) for one in choice.members]
        for training, sealed in executions:
            there = devices.here(training.get("device"), sealed, machine)
            if there != sealed:
                return OtherMachine(*planned, *here, sealed.named, there.named)
        return OtherMachine(*planned, *here) if planned != here else None


@dataclass(frozen=True)
class OtherMachine:
    """A plan's threads and instruction set, which decide how sums are rounded, and those of this machine.

    device, device_here: where these differ, what the plan computes on, and what it would here.
    """

    threads: int
    instruction_set: str
    threads_here: int
    instruction_set_here: str
    device: str | None = None
    device_here: str | None = None


def counts_part(data: Artifact) -> ArtifactPart:
    """Return the part with the counts, `census` as an earlier version called it."""
    return data.part("counts" if "counts" in data.parts else "census")
