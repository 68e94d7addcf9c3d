"""Exports a blend: one body of the members that have a share, for the driver `ensemble`; of one alone its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelwright.core.messages import Notice, PackageError, Phrase, Problem
from modelwright.core.messages.setting import setting
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.blend import blended
from modelwright.learners.contract.export import Export, ServingLimits
from modelwright.learners.contract.source import Rows
from modelwright.package.body import Body
from modelwright.runtime.drivers.ensemble.parts import joined


class BlendExport(Export):
    """Joins the members' bodies."""

    def export(self, learned: Path) -> Body:
        """Return one body; raises PackageError where two members name different files alike."""
        blend = blended.read(learned)
        bodies = {one.name: blended.exported(learned, one) for one in blend.used}
        outputs = {field.name: blend.states[field.name] for field in blend.signature.outputs}
        if len(bodies) == 1:
            (body,) = bodies.values()
            return replace(body, states={**body.states, **outputs})
        try:
            return joined(bodies, blend.shares, outputs)
        except ValueError as error:
            raise PackageError(Problem("blend.one-file-name", path=str(error))) from None

    def compress(self, body: Body) -> Body | None:
        """Return None: members are packaged as they are."""
        return None

    def says(self, learned: Path) -> tuple[Phrase, ...]:
        """Return of each output who answers with which weight, and what each alone has on validation."""
        blend, losses = blended.read(learned), blended.losses(learned)
        found = []
        for field in blend.signature.outputs:
            shares, of = blend.shares[field.name], losses[field.name]
            line = Phrase(
                "blend.shares",
                loss=blended.loss_name(field, blend.aim),
                together=None if of.blend is None else f"{of.blend:.4g}",
                members=[
                    Phrase(
                        "blend.share",
                        name=name,
                        weight=shares[name].weight if name in shares else 0.0,
                        alone=None if alone is None else f"{alone:.4g}",
                    )
                    for name, alone in of.alone.items()
                ],
            )
            several = len(blend.signature.outputs) > 1
            found.append(Phrase("blend.of-output", output=field.name, shares=line) if several else line)
        return tuple(found)

    def kept_within(
        self, learned: Path, limits: ServingLimits, rows: Callable[[], Rows], out: Path
    ) -> tuple[Path, tuple[Notice, ...]]:
        """Weigh anew without members that the limits forbid: those together must keep them.

        A request takes what the members' forecasts add up to; the bytes are those of the exported bodies.
        """
        blend = blended.read(learned)
        if limits == ServingLimits():
            return learned, ()
        latencies = {one.name: one.latency_s for one in blend.members}
        sizes = (
            dict.fromkeys(latencies, 0)
            if limits.package_bytes is None
            else {one.name: blended.body_bytes(blended.exported(learned, one)) for one in blend.members}
        )

        def allowed(names: frozenset[str]) -> bool:
            slow = limits.latency_s is not None and sum(latencies[one] for one in names) > limits.latency_s
            large = (
                limits.package_bytes is not None and sum(sizes[one] for one in names) > limits.package_bytes
            )
            return not (slow or large)

        before = frozenset(one.name for one in blend.used)
        if allowed(before):
            return learned, ()
        if not any(allowed(frozenset({one.name})) for one in blend.members):
            # none keeps them alone: the gate will say so of the one that comes nearest
            least = min(blend.members, key=lambda one: (sizes[one.name], latencies[one.name]))
            keeps = frozenset({least.name})
            blended.copied(learned, out)
            blended.settle(
                out, blend.signature, blend.members, rows().held, blend.aim, lambda some: some <= keeps
            )
        else:
            blended.copied(learned, out)
            blended.settle(out, blend.signature, blend.members, rows().held, blend.aim, allowed)
        after = {one.name for one in blended.read(out).used}
        return out, tuple(
            Notice(
                "blend.left-out",
                name=name,
                latency=format_quantity(latencies[name], Unit.SECONDS),
                most_latency=None
                if limits.latency_s is None
                else format_quantity(limits.latency_s, Unit.SECONDS),
                size=None if limits.package_bytes is None else format_quantity(sizes[name], Unit.BYTES),
                most_size=None
                if limits.package_bytes is None
                else format_quantity(limits.package_bytes, Unit.BYTES),
                line=setting("model.learner", next(iter(sorted(after)))),
            )
            for name in sorted(before - after)
        )
