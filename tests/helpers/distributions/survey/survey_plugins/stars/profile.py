"""What is worth knowing of ratings."""

from modelwright.kinds.contract.profile import Profile


class StarsProfile(Profile):
    """The mean."""

    def describe(self, values):
        """Return the mean number of stars."""
        return {"mean": float(values.mean())}
