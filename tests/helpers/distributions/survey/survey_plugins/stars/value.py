"""What a rating is: a whole number from 1 to 5, written in stars."""

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import Value

STAR = "★"


class StarsValue(Value):
    """One to five."""

    name = "stars"
    summary = "a rating from one to five stars"
    roles = frozenset({Role.INPUT})

    def schema(self):
        """Return the JSON Schema of a rating."""
        return {"type": "string", "pattern": f"^{STAR}{{1,5}}$"}

    def parse(self, raw, *, lenient=False):
        """Return how many stars there are."""
        if raw is None or (lenient and raw == ""):
            return None
        if not isinstance(raw, str) or raw.strip(STAR) or not 1 <= len(raw) <= 5:
            raise ValueProblem("value.not-stars", given=repr(raw)[:40])
        return len(raw)

    def to_json(self, value):
        """Return the stars."""
        return STAR * value

    def comparable(self, value):
        """Return the number, so that a slice may say `stars >= 4`."""
        return float(value)
