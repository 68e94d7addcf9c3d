"""Learns each member as it would be learned alone, and weighs their answers on validation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from modelwright import learners
from modelwright.core.messages import DataError, Notice, Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import OfPart, Progress
from modelwright.core.signature import Signature
from modelwright.learners.blend import blended
from modelwright.learners.blend.blended import LearnedMember
from modelwright.learners.blend.spec import BlendOptions, BlendSpec, BlendTraining, MemberKeys
from modelwright.learners.contract.ending import TRAINING, Ending, name_within
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.spec import Spec
from modelwright.storage import disk
from modelwright.storage.formats.plan import BlendMember, Machine

PROCESSES = "processes"  # of `learn:`: members are learned one after the other, each in one process
_DONE = "summary.json"  # beside what a member learned, once it has


class BlendLearn(Learn[Rows]):
    """Learns several, one after the other."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Let each member forecast; what the quick ones leave of the budget is the others'."""
        assert isinstance(options, BlendOptions)
        assert isinstance(training, BlendTraining)
        wanted = _members(signature, options)
        left_s, found = budget_s, list[tuple[str, Estimate, BlendMember]]()
        # the quick ones first: they leave most of their share
        order = sorted(wanted, key=lambda name: (learners.spec(wanted[name].learner).rank, name))
        for place, name in enumerate(order):
            spec = learners.spec(wanted[name].learner)
            own = spec.Options.model_validate({**_aim(spec, options), **wanted[name].options})
            keys = {
                key: value for key, value in training.given.items() if key in spec.takes and key != PROCESSES
            }
            trained = spec.Training.model_validate({**keys, **wanted[name].learn})
            weights = _weights(spec, pretrained)
            rows = data if spec.augments else replace(data, augment={})
            estimate = learners.learn(spec.name).forecast(
                signature, rows, own, trained, weights, machine, left_s / (len(order) - place)
            )
            left_s = max(0.0, left_s - estimate.seconds)
            member = BlendMember(
                name,
                spec.name,
                estimate.steps,
                estimate.batch,
                estimate.precision,
                own.model_dump(mode="json"),
                trained.model_dump(mode="json", exclude_none=True),
                estimate.latency_s,
                tuple(sorted(weights)),
                estimate.execution,
                estimate.seconds,
            )
            found.append((name, estimate, member))
        estimates = [one for _, one, _ in found]
        notices = [Notice("blend.alone", name=order[0])] if len(order) == 1 else []
        if (training.processes or 1) > 1:
            notices.append(Notice("learn.one-process", what="blend"))
        for name, estimate, _ in found:
            of_member = [_of_blend(notice, name, wanted) for notice in estimate.warnings]
            notices += [notice for notice in of_member if notice not in notices]
        return Estimate(
            steps=sum(one.steps for one in estimates),
            batch=max(one.batch for one in estimates),
            epochs=None,
            seconds=sum(one.seconds for one in estimates),
            memory_bytes=max(one.memory_bytes for one in estimates),
            package_bytes=sum(one.package_bytes for one in estimates),
            latency_s=sum(one.latency_s for one in estimates),
            why=Phrase(
                "blend.why",
                members=[Phrase("blend.member-why", name=name, why=one.why) for name, one, _ in found],
            ),
            warnings=tuple(notices),
            members=tuple(member for *_, member in found),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Learn each member, keep what it answers to validation, and weigh them. A member that fails is left out."""
        options = setup.options
        assert isinstance(options, BlendOptions)
        out.mkdir(parents=True, exist_ok=True)
        learned: list[LearnedMember] = []
        summaries: dict[str, object] = {}
        failed: dict[str, tuple[Problem, ...]] = {}
        inputs = {field.name: data.held.columns[field.name] for field in signature.inputs}
        for number, member in enumerate(setup.members):
            place = scratch / member.name
            of_left, of_all = (_share(member, some) for some in (setup.members[number:], setup.members))
            ending = setup.ending.within(member.name, of_left, of_all)
            try:
                summaries[member.name] = _learned(signature, data, setup, member, ending, place, progress)
            except DataError as error:
                failed[member.name] = error.problems
                continue
            shutil.copytree(place / "out", blended.member_folder(out, member.name))
            answers = learners.learn(member.learner).predict(blended.member_folder(out, member.name), inputs)
            blended.keep_answers(out, signature, member.name, answers)
            learned.append(LearnedMember(member.name, member.learner, member.latency_s))
        if not learned:
            raise DataError(next(iter(failed.values())))
        weighed = blended.settle(out, signature, learned, data.held, options.aim or "mean", lambda _: True)
        return {
            "members": summaries,
            "shares": {
                output: {name: share.weight for name, share in one.shares.items()}
                for output, one in weighed.items()
            },
            "losses": {
                output: {"alone": dict(one.alone), "blend": one.loss} for output, one in weighed.items()
            },
            "warnings": [
                Notice("blend.member-failed", name=name, reason=problems[0].found).to_wire()
                for name, problems in failed.items()
            ],
        }

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Blend what the members answer in their own frameworks."""
        blend = blended.read(learned)
        by_name = {one.name: one.learner for one in blend.members}
        return blended.predicted(
            blend,
            lambda name: learners.learn(by_name[name]).predict(blended.member_folder(learned, name), inputs),
        )


def _members(signature: Signature, options: BlendOptions) -> dict[str, MemberKeys]:
    """Return the members by name: of several of one learner with their number. Raises ProjectError."""
    given = options.of
    if given is None:
        names = BlendSpec().members(signature, {})
        if not names:
            raise ProjectError(Problem("blend.nobody", signature=str(signature)))
        given = tuple(MemberKeys(learner=name) for name in names)
    problems = []
    found: dict[str, MemberKeys] = {}
    for one in given:
        spec = learners.spec(one.learner)
        reason = spec.refuses(signature)
        if reason is None and (lacking := spec.lacks()):
            reason = Phrase("learner.not-installed", modules=", ".join(lacking), extra=spec.extra)
        if reason is not None:
            problems.append(Problem("blend.member-refuses", learner=one.learner, reason=reason))
        count = sum(other.learner == one.learner for other in given)
        earlier = sum(name.split("-")[0] == one.learner for name in found)
        found[one.learner if count == 1 else f"{one.learner}-{earlier + 1}"] = one
    if problems:
        raise ProjectError(problems)
    return found


def _of_blend(notice: Notice, name: str, members: Mapping[str, MemberKeys]) -> Notice:
    """Return a notice of a member; where it proposes a key of the learner, as a line of a blend."""
    more = notice.values.get("more")
    if notice.id != "plan.cut-texts" or more is None:
        return notice
    of: list[object] = []
    for key, one in members.items():
        keys = {**one.options, **({"max_length": more} if key == name else {})}
        learn = {"learn": dict(one.learn)} if one.learn else {}
        of.append({"learner": one.learner, **keys, **learn} if keys or learn else one.learner)
    values = {**notice.values, "line": setting("model", {"of": of})}
    return Notice("plan.cut-texts", notice.where, **values)


def _aim(spec: Spec, options: BlendOptions) -> dict[str, object]:
    if options.aim is None or "aim" not in spec.Options.model_fields:
        return {}
    return {"aim": options.aim}


def _weights(spec: Spec, pretrained: Mapping[str, Path]) -> Mapping[str, Path]:
    return pretrained if spec.needs_pretrained else {}


def _share(member: BlendMember, among: Sequence[BlendMember]) -> float:
    """Return a member's share of the time of some: as it was planned, and alike where that was not written down."""
    planned = sum(one.seconds for one in among)
    return member.seconds / planned if member.seconds > 0 else 1.0 / len(among)


def _learned(
    signature: Signature,
    data: Rows,
    setup: Setup,
    member: BlendMember,
    ending: Ending,
    place: Path,
    progress: Progress,
) -> dict[str, object]:
    """Learn one member into `place`/out, unless it has been before a kill, and return its summary."""
    spec, out, done = learners.spec(member.learner), place / "out", place / _DONE
    if done.is_file():
        summary: dict[str, object] = json.loads(done.read_text("utf-8"))
        return summary
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (place / "scratch").mkdir(exist_ok=True)
    own = Setup(
        learner=member.learner,
        steps=member.steps,
        batch=member.batch,
        threads=setup.threads,
        precision=member.precision,
        instruction_set=setup.instruction_set,
        seed=setup.seed,
        options=spec.Options.model_validate(member.options),
        training=spec.Training.model_validate(member.training),
        pretrained={name: setup.pretrained[name] for name in member.pretrained},
        augment=setup.augment if spec.augments else {},
        execution=member.execution,
        ending=ending,
    )
    # members may call what they record alike
    named = OfPart(progress, named=lambda of: name_within(member.name, of or TRAINING))
    summary = learners.learn(member.learner).learn(signature, data, own, out, place / "scratch", named)
    new = done.with_suffix(".new")
    new.write_text(json.dumps(summary, ensure_ascii=False), "utf-8")
    disk.sync(new)
    new.replace(done)
    return summary
