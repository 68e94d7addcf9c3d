"""The section `tracking` of the project file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrackingConfig(BaseModel):
    """Where experiment records live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mlflow: bool | str = Field(
        True,
        description="whether runs are recorded in MLflow, where it is installed "
        "(`pip install 'modelwright[tracking]'`), or the URI of the server; without one, `MLFLOW_TRACKING_URI`, "
        "else `mlflow.db` in `store`",
    )
    experiment: str | None = Field(
        None, min_length=1, description="the experiment of MLflow; by default the function's name"
    )
    tensorboard: str | None = Field(
        None,
        min_length=1,
        description="a folder for TensorBoard's event files, with a folder for each result of learning; by default "
        "none are written",
    )
