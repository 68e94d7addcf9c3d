"""Whether a column holds ratings."""

from modelwright.kinds.contract.infer import Infer
from survey_plugins.stars.value import STAR


class StarsInfer(Infer):
    """Nothing but stars."""

    rank = 5

    def reads(self, cells):
        """Tell whether every cell is made of stars."""
        return all(isinstance(cell, str) and not cell.strip(STAR) for cell, _ in cells)
