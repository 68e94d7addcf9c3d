"""What the learner accepts."""

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec


class Options(BaseModel):
    """The keys of `model:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sharpness: float = Field(4.0, gt=0, description="how quickly a class loses with its distance")


class Training(BaseModel):
    """The keys of `learn:`: none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CentroidSpec(Spec):
    """Nearest class mean (Rocchio 1971) over numbers."""

    name = "centroid"
    summary = "the class whose mean row is nearest"
    inputs = frozenset({Form.SCALAR})
    outputs = frozenset({Form.CODE})
    Options = Options
    Training = Training
