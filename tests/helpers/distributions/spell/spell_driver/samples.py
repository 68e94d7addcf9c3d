"""A body for the contract test."""

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.samples import Samples


class SpellSamples(Samples):
    """`measure(height: number) -> size: category`."""

    def body(self):
        """Return a body without graphs."""
        signature = Signature.parse("measure(height: number) -> size: category")
        values = {"height": [1.0, 2.0], "size": ["a", "b", "c"]}
        fields = (*signature.inputs, *signature.outputs)
        roles = {one.name: "input" for one in signature.inputs} | {
            one.name: "output" for one in signature.outputs
        }
        states = {
            one.name: kinds.arrays(one.kind).fit(values[one.name], role=roles[one.name]) for one in fields
        }
        return Body(signature, "spell", {}, states)

    def columns(self):
        """Return three rows."""
        return {"height": [1.0, 2.0, 3.0]}

    def refused(self):
        """Return nothing: it opens every body."""
        return []
