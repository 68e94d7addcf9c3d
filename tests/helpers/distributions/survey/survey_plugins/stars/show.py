"""Ratings for people."""

from modelwright.kinds.contract.show import Show
from survey_plugins.stars.value import STAR


class StarsShow(Show):
    """Stars."""

    def text(self, value):
        """Return the stars."""
        return "" if value is None else STAR * value

    def example(self, profile):
        """Return the mean rating."""
        return STAR * round(profile.get("mean", 3))
