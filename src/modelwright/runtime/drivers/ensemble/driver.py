"""Several bodies that answer the same rows; their answers are blended."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array
from modelwright.package.body import Body
from modelwright.runtime import drivers
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.ensemble import mean_answers
from modelwright.runtime.drivers.ensemble.parts import Ensemble, EnsemblePart, bad_settings, parted


@dataclass(frozen=True)
class _Opened:
    """A part that runs, and the inputs that it encodes by itself."""

    part: EnsemblePart
    running: Running
    own: Sequence[Field]

    def answers(self, call: Call) -> Part:
        """Return its answer to all rows of a call."""
        arrays = dict(call.arrays)
        for field in self.own:
            found = kinds.arrays(field.kind).encode(
                call.columns[field.name], self.part.body.states[field.name]
            )
            arrays |= {f"{field.name}.{array}": values for array, values in found.items()}
        (whole,) = self.running.run(Call(arrays, call.columns, call.options))
        return whole


class RunningEnsemble(Running):
    """The opened parts, run one after the other."""

    def __init__(self, signature: Signature, ensemble: Ensemble, opened: Sequence[_Opened]) -> None:
        self._signature = signature
        self._ensemble = ensemble
        self._opened = {one.part.name: one for one in opened}
        self.inputs = frozenset(
            name
            for one in opened
            for name in one.running.inputs
            if name.rpartition(".")[0] not in one.part.own
        )
        self.outputs = frozenset(_array(field) for field in signature.outputs)

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the blended answers."""
        found = {name: one.answers(call) for name, one in self._opened.items()}
        yield Part({_array(field): self._mixed(field, found) for field in self._signature.outputs})

    def interrupt(self) -> None:
        """Let every part stop."""
        for one in self._opened.values():
            one.running.interrupt()

    def _mixed(self, field: Field, found: dict[str, Part]) -> Array:
        shares = self._ensemble.shares[field.name]
        answers = [found[name].arrays[_array(field)] for name in shares]
        return mean_answers.mixed(mean_answers.form_of(field), answers, list(shares.values()))


class EnsembleDriver(Driver):
    """Opens every part with its own driver."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the parts; raises PackageError where one cannot be run, or answers in parts or in words."""
        ensemble = parted(body)
        opened = []
        wanted = frozenset(map(_array, body.signature.outputs))
        for part in ensemble.parts:
            running = drivers.open_body(part.body, threads)
            if running.streams or running.decoded or not wanted <= running.outputs:
                raise bad_settings(f"parts.{part.name}", fault="answers")
            own = [field for field in body.signature.inputs if field.name in part.own]
            opened.append(_Opened(part, running, own))
        return RunningEnsemble(body.signature, ensemble, opened)


def _array(field: Field) -> str:
    """Return the name of an output's array of answers; raises PackageError for one that cannot be mixed."""
    try:
        return f"{field.name}.{mean_answers.ARRAYS[mean_answers.form_of(field)]}"
    except KeyError:
        raise bad_settings(f"shares.{field.name}", fault="kind", name=field.kind) from None
