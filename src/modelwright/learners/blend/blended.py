"""The folder of a blend: what each member learned and answered to validation, and the shares that follow from it.

blend.json              the members, in the order in which they were learned, and their shares of each output
members/{name}/         what each learned, in its own form
answers/{name}/{i}.npy  what it answered to the validation rows of output i; truths/{i}.npy: the truths
states.json, states/    the signature and the kinds' states, those of outputs as the mixture is decoded
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modelwright import kinds, learners
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import kind_states, known_truths
from modelwright.learners.blend import weighing
from modelwright.learners.blend.weighing import MemberShares, ValidationAnswers
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.learn import Predicted
from modelwright.package.body import Body
from modelwright.package.content import size_bytes
from modelwright.runtime.drivers.ensemble import mean_answers
from modelwright.runtime.drivers.ensemble.mean_answers import Share
from modelwright.storage.formats.examples import Examples

_FORMAT = 1
_NOTE = "blend.json"


@dataclass(frozen=True)
class LearnedMember:
    """A member that was learned, and the seconds that it is likely to take for a request."""

    name: str
    learner: str
    latency_s: float


@dataclass(frozen=True)
class Blend:
    """What a folder holds; shares: by output, of the members that answer it."""

    signature: Signature
    states: Mapping[str, object]
    members: Sequence[LearnedMember]
    shares: Mapping[str, Mapping[str, Share]]
    aim: Aim

    @property
    def used(self) -> list[LearnedMember]:
        """Return the members that answer any output, the one with the most weight first."""
        weights = {
            one.name: sum(shares[one.name].weight for shares in self.shares.values() if one.name in shares)
            for one in self.members
        }
        return sorted(
            (one for one in self.members if weights[one.name] > 0), key=lambda one: -weights[one.name]
        )


def member_folder(folder: Path, name: str) -> Path:
    """Return where a blend keeps what a member learned."""
    return folder / "members" / name


def keep_answers(folder: Path, signature: Signature, name: str, answers: Predicted) -> None:
    """Keep what a member answered to validation."""
    place = folder / "answers" / name
    place.mkdir(parents=True)
    for number, field in enumerate(signature.outputs):
        array = answers[field.name][mean_answers.ARRAYS[mean_answers.form_of(field)]]
        np.save(place / f"{number}.npy", array, allow_pickle=False)


def settle(
    folder: Path,
    signature: Signature,
    members: Sequence[LearnedMember],
    held: Examples,
    aim: Aim,
    allowed: weighing.Allowed,
) -> dict[str, MemberShares]:
    """Weigh the members on their answers to validation, and write the shares and states into the folder."""
    every = {one.name: kind_states.read(member_folder(folder, one.name))[1] for one in members}
    found: dict[str, MemberShares] = {}
    taken: frozenset[str] = frozenset()
    for number, field in enumerate(signature.outputs):
        first = every[members[0].name]
        answers = {
            one.name: np.load(folder / "answers" / one.name / f"{number}.npy", allow_pickle=False)
            for one in members
        }
        truth = known_truths.truths(field, held, first)
        answered = ValidationAnswers(mean_answers.form_of(field), truth, answers)
        found[field.name] = weighing.weigh(answered, aim, allowed, taken)
        taken |= found[field.name].shares.keys()
    shares = {name: one.shares for name, one in found.items()}
    blend = Blend(signature, {}, members, shares, aim)
    states = dict(every[blend.used[0].name])
    for number, field in enumerate(signature.outputs):
        own = list(shares[field.name])
        states[field.name] = every[own[0]][field.name]
        if len(own) == 1:
            continue  # as it has been calibrated
        arrays = [np.load(folder / "answers" / name / f"{number}.npy", allow_pickle=False) for name in own]
        array = mean_answers.mixed(mean_answers.form_of(field), arrays, list(shares[field.name].values()))
        states[field.name] = kinds.arrays(field.kind).calibrate(
            {mean_answers.ARRAYS[mean_answers.form_of(field)]: array},
            held.columns[field.name],
            states[field.name],
            held.columns,
        )
    kind_states.write(folder, signature, states)
    note = {
        "format": _FORMAT,
        "aim": aim,
        "members": [asdict(one) for one in members],
        "shares": {
            output: {name: asdict(one) for name, one in sorted(of.items())} for output, of in shares.items()
        },
        "losses": {output: {"alone": dict(one.alone), "blend": one.loss} for output, one in found.items()},
    }
    (folder / _NOTE).write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return found


def read(folder: Path) -> Blend:
    """Return what `settle` wrote."""
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    assert note["format"] == _FORMAT, f"a blend of format {note['format']}"
    signature, states = kind_states.read(folder)
    return Blend(
        signature,
        states,
        [LearnedMember(**one) for one in note["members"]],
        {
            output: {name: Share(**one) for name, one in shares.items()}
            for output, shares in note["shares"].items()
        },
        note["aim"],
    )


@dataclass(frozen=True)
class MemberLosses:
    """The mean loss on validation of each member alone, and of the blend; None without a known truth."""

    alone: Mapping[str, float | None]
    blend: float | None


def losses(folder: Path) -> dict[str, MemberLosses]:
    """Return the losses of each output, as `settle` found them."""
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    return {output: MemberLosses(**one) for output, one in note["losses"].items()}


def loss_name(field: Field, aim: Aim) -> str:
    """Return which loss an output's members are weighed by, as messages name it."""
    form = mean_answers.form_of(field)
    if form in (Form.CODE, Form.FLAG, Form.SET):
        return "log"
    return "absolute" if form is Form.SERIES or aim == "median" else "squared"


def copied(folder: Path, out: Path) -> None:
    """Copy what members learned and answered, that shares are weighed anew."""
    for part in ("members", "answers"):
        shutil.copytree(folder / part, out / part)


def predicted(blend: Blend, answers: Callable[[str], Predicted]) -> Predicted:
    """Return the blended answers of the members, each asked by its name."""
    found = {one.name: answers(one.name) for one in blend.used}
    blended: dict[str, dict[str, Array]] = {}
    for field in blend.signature.outputs:
        form, shares = mean_answers.form_of(field), blend.shares[field.name]
        array = mean_answers.ARRAYS[form]
        arrays = [found[name][field.name][array] for name in shares]
        blended[field.name] = {array: mean_answers.mixed(form, arrays, list(shares.values()))}
    return blended


def exported(folder: Path, member: LearnedMember) -> Body:
    """Return the body of what a member learned."""
    return learners.export(member.learner).export(member_folder(folder, member.name))


def body_bytes(body: Body) -> int:
    """Return the bytes of a body's graphs and files, and of the assets of its states."""
    assets = (
        len(asset)
        for field in (*body.signature.inputs, *body.signature.outputs)
        for asset in kinds.arrays(field.kind).dump(body.states[field.name]).assets.values()
    )
    return sum(map(size_bytes, (*body.graphs.values(), *body.files.values()))) + sum(assets)
